"""Results files with bodies whose joints, cameras and boxes agree, for the tests of exports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from viewing_ray import seen_joints

from humantrack.body.mannequin import load_mannequin
from humantrack.export.cli import main
from humantrack.geometry.cameras import PaddedSquare, full_to_crop, project_to_square
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.results import ResultsWriter, load_results, write_meta
from humantrack.types import BodyBatch, FrameRecord, Observation, TrackedPerson

HEIGHT, WIDTH = 480, 640


@dataclass
class Person:
    """A track: seen in all of ``frames`` but those in ``missing``; ghosts follow for a while."""

    track_id: int
    frames: range
    missing: frozenset[int] = frozenset()
    betas: np.ndarray = field(default_factory=lambda: np.zeros(10, np.float32))
    ghosts: int = 3


def bodies_of(person: Person, seed: int = 0) -> BodyBatch:
    """A smooth dance, one body per frame of ``person.frames``."""
    rng = np.random.default_rng([seed, person.track_id])
    phase, pace = rng.uniform(0, 6, (24, 3)), rng.uniform(0.5, 2, (24, 3))
    time_s = np.array(person.frames)[:, None, None] / 30
    turn = 0.4 * np.sin(phase + pace * time_s)
    turn[:, 0] += (np.pi, 0, 0)  # upright before a camera whose y points down
    rotations = axis_angle_to_matrix(turn).astype(np.float32)
    n = len(person.frames)
    cam_t = np.zeros((n, 3), np.float32)
    cam_t[:, 0] = np.sin(person.track_id + time_s[:, 0, 0])
    cam_t[:, 2] = 60 + np.cos(time_s[:, 0, 0])
    bare = BodyBatch(
        global_orient=rotations[:, :1],
        body_pose=rotations[:, 1:],
        betas=np.tile(person.betas.astype(np.float32), (n, 1)),
        cam_crop=np.zeros((n, 3), np.float32),
        cam_t=cam_t,
        joints_3d=np.zeros((n, 45, 3), np.float32),
        joints_2d=np.zeros((n, 45, 2), np.float32),
    )
    joints = load_mannequin().joints(bare).astype(np.float32)
    square = PaddedSquare(HEIGHT, WIDTH)
    padded = np.tile(np.array([200, 40, 500, 440], np.float32), (n, 1))
    return BodyBatch(
        global_orient=bare.global_orient,
        body_pose=bare.body_pose,
        betas=bare.betas,
        cam_crop=full_to_crop(cam_t, padded, square).astype(np.float32),
        cam_t=cam_t,
        joints_3d=joints,
        joints_2d=project_to_square(joints, cam_t).astype(np.float32),
    )


def _observation(bodies: BodyBatch, i: int, index: int) -> Observation:
    pixels = PaddedSquare(HEIGHT, WIDTH).to_image(bodies.joints_2d[i, :44])
    box = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)]).astype(np.float32)
    return Observation(
        frame_index=index,
        frame_key=f"clip/{index + 1:06d}.jpg",
        image_size=(HEIGHT, WIDTH),
        xyxy_px=box,
        padded_xyxy_px=np.array([200, 40, 500, 440], np.float32),
        score=0.9,
        class_id=0,
        **{
            name: getattr(bodies, name)[i]
            for name in ("global_orient", "body_pose", "betas", "cam_crop", "cam_t")
        },
        joints_3d=bodies.joints_3d[i],
        joints_2d=bodies.joints_2d[i],
        code=np.zeros(4096, np.float32),
        pose_vector=np.zeros(229, np.float32),
        location_vector=np.zeros(99, np.float32),
        mask={"size": [HEIGHT, WIDTH], "counts": "Yjjl0a1lo0V1"},
        annotation=[],
        extra=0,
    )


def records_of(
    people: Iterable[Person], count: int, *, times: Callable[[int], float] = lambda i: i / 30
) -> list[FrameRecord]:
    """``count`` frames in which these people dance."""
    rows: list[list[TrackedPerson]] = [[] for _ in range(count)]
    for person in people:
        bodies = bodies_of(person)
        last, missed = None, 0
        for i, index in enumerate(range(person.frames.start, count)):
            if index in person.frames and index not in person.missing:
                last, missed = _observation(bodies, i, index), 0
            else:
                missed += 1
            if last is not None and (missed <= person.ghosts or index < person.frames.stop):
                rows[index].append(
                    TrackedPerson(track_id=person.track_id, missed=missed, observation=last)
                )
    return [
        FrameRecord(
            index=i,
            source_index=i,
            key=f"clip/{i + 1:06d}.jpg",
            time_s=times(i),
            is_shot_start=False,
            image_size=(HEIGHT, WIDTH),
            people=tuple(row),
        )
        for i, row in enumerate(rows)
    ]


DANCERS = (
    Person(1, range(40)),
    Person(2, range(5, 35), missing=frozenset(range(15, 20))),
    Person(7, range(12, 30), betas=np.array([1.5, -1, 0.5, 0, 0, 0, 0, 0, 0, 0], np.float32)),
)
"""1 is always there; 2 comes late and is hidden in 15..19; 7 is tall, and leaves."""


@pytest.fixture(scope="session")
def person() -> type[Person]:
    """``person(track_id, frames, missing=..., betas=..., ghosts=3)``: a track for the next."""
    return Person


@pytest.fixture(scope="session")
def dance() -> Callable[..., list[FrameRecord]]:
    """``dance(count, times=...)``: the frames of the usual three people."""
    return lambda count, times: records_of(DANCERS, count, times=times)


@pytest.fixture
def make_results(tmp_path: Path) -> Callable[..., Path]:
    """``make_results(people, count=40, name="clip.pkl")``: a results file of humantrack."""

    def make(
        people: Iterable[Person] = DANCERS,
        count: int = 40,
        name: str = "clip.pkl",
        *,
        fps: float = 30,
        times: Callable[[int], float] | None = None,
        meta: bool = True,
    ) -> Path:
        path = tmp_path / name
        with ResultsWriter(path, features=False) as writer:
            for record in records_of(people, count, times=times or (lambda i: i / fps)):
                writer.write(None, record)
        if meta:
            source = {"name": path.stem, "path": f"videos/{path.stem}.mp4", "fps": fps}
            source |= {"width": WIDTH, "height": HEIGHT, "duration_s": count / fps}
            about = {"status": "complete", "source": source, "frame_count": count, "schema": 1}
            about["versions"] = {"humantrack": "0.1.0"}
            write_meta(path.with_name(f"{path.stem}.meta.json"), about)
        return path

    return make


@pytest.fixture
def edit_results() -> Callable[..., Path]:
    """``edit_results(path, edit)``: the same file after ``edit(frames)``, saved as PHALP saves."""

    def save(path: Path, edit: Callable[[list[dict[str, Any]]], Any]) -> Path:
        frames = load_results(path)
        edit(list(frames.values()))
        joblib.dump(frames, path, compress=3)
        return path

    return save


@pytest.fixture
def joints_seen() -> Callable[[Path, int], dict[int, np.ndarray]]:
    """``joints_seen(path, track_id)``: frame -> (45,3) joints as motion has them: y up, metres,
    at the distance at which a lens as long as the picture's diagonal puts them, and turned."""

    def seen(path: Path, track_id: int) -> dict[int, np.ndarray]:
        out = {}
        for frame in load_results(path).values():
            for i, (person, missed) in enumerate(
                zip(frame["tid"], frame["tracked_time"], strict=True)
            ):
                if person == track_id and missed <= 0:
                    height, width = frame["size"][i]
                    lens = np.hypot(height, width) / (5000 * max(height, width) / 256)
                    there = seen_joints(frame["3d_joints"][i], frame["camera"][i], lens)
                    out[frame["time"]] = there * (1, -1, -1)
        return out

    return seen


@dataclass
class Outcome:
    code: int
    out: str
    lines: list[str]
    new: list[str]
    """Files that were not there before, hidden ones too."""

    def assert_refused(self, code, *words):
        """One line, this code, and no file."""
        assert (self.code, self.new) == (code, [])
        assert len(self.lines) == 1, self.lines
        assert self.lines[0].startswith("humantrack-export: ")
        assert self.lines[0].isprintable()
        for word in words:
            assert word in self.lines[0]


@pytest.fixture
def attempt(tmp_path, capsys):
    """Run the command and tell what came of it."""

    def run(*arguments):
        before = set(tmp_path.rglob("*"))
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        new = sorted(
            str(p.relative_to(tmp_path))
            for p in set(tmp_path.rglob("*")) - before
            if not p.is_dir()
        )
        return Outcome(code, out, err.splitlines(), new)

    return run


@pytest.fixture
def clip(make_results, person):
    """Three frames with a person and, in the last, the ghost of another; no description."""
    return make_results([person(1, range(3)), person(2, range(1, 2))], count=3, meta=False)
