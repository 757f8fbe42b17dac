"""Results to make worlds of: drawn clips whose truth is known, changed, and people made up."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from humantrack.body.kinematics import forward_kinematics
from humantrack.clips.source import ResultsSource
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.results import iter_results
from humantrack.results.encode import END, HEADER, encode_frame
from humantrack.types.world import WorldFrame
from humantrack.world.bodies import TrackBody, track_body
from humantrack.world.build import WorldBuilder
from humantrack.world.make import still_path
from humantrack.world.options import WorldOptions
from humantrack.world.stretch import Stretch, View
from humantrack.world.types import CameraPath

CLIPS = Path(__file__).parents[1] / "data" / "world"
FOCAL_PX = {"pan": 780.0, "dolly": 720.0}

Change = Callable[[int, dict[str, Any]], dict[str, Any] | None]


def results_of(name: str) -> Path:
    """The results of a drawn clip."""
    return CLIPS / name / f"demo_{name}.pkl"


def changed(path: Path, to: Path, change: Change) -> Path:
    """Results with every frame changed, or left out where ``change`` gives None."""
    stream = zlib.compressobj(1)
    data = [stream.compress(HEADER)]
    for number, (key, frame) in enumerate(iter_results(path)):
        new = change(number, frame)
        if new is not None:
            data.append(stream.compress(encode_frame(key, new)))
    to.write_bytes(b"".join([*data, stream.compress(END), stream.flush()]))
    return to


def with_people(frame: dict[str, Any], rows: list[int]) -> dict[str, Any]:
    """A frame with some of its people, each as often as named."""
    count = len(frame["tid"])
    return {
        key: [value[i] for i in rows]
        if isinstance(value, list) and len(value) == count
        else np.asarray(value)[rows]
        if isinstance(value, np.ndarray) and value.ndim and len(value) == count
        else value
        for key, value in frame.items()
    }


def true_camera(name: str) -> CameraPath:
    """The camera of a drawn clip, exactly."""
    truth = np.load(CLIPS / name / "truth.npz")
    count = len(truth["world_to_camera"])
    return CameraPath(
        index=np.arange(count),
        shot=np.zeros(count, np.int64),
        rotation=truth["world_to_camera"].astype(float),
        position=truth["camera_position"].astype(float),
        focal_px=np.full(count, float(truth["K"][0, 0])),
        centre_px=np.tile(truth["K"][:2, 2].astype(float), (count, 1)),
        kinds=("given",),
        is_metric=True,
        has_up=True,
        confidence=np.ones(count),
        evidence={},
    )


def still(focal_px: float, index: np.ndarray, shots: np.ndarray, _: float) -> CameraPath:
    """A camera that stands still."""
    return still_path(index, shots, focal_px, (854, 480), is_told=True)


def build(path: Path, camera: Any = still, **more: Any) -> tuple[WorldBuilder, list[WorldFrame]]:
    """The world of some results."""
    options = more.pop("options", WorldOptions())
    builder = WorldBuilder(ResultsSource(path), camera, options, **more)
    builder.survey()
    return builder, list(builder.frames())


def body() -> TrackBody:
    """The mean adult."""
    from humantrack.body.mannequin import load_mannequin

    eye = np.tile(np.eye(3), (4, 24, 1, 1))
    zero = np.zeros((4, 10), np.float32)
    mannequin = load_mannequin()
    turned, joints = mannequin.forward_kinematics(eye[:, :1], eye[:, 1:], zero)
    return track_body(eye, mannequin.phalp_joints(turned, joints, zero).astype(float), zero)


def walk(person: TrackBody, fps: float = 30.0, seconds: float = 6.0) -> tuple[Any, Any, Any]:
    """Somebody who walks evenly, so that feet slide a little: rotations, pelvis, times."""
    time_s = np.arange(round(seconds * fps)) / fps
    phase = 2 * np.pi * 0.9 * time_s
    local = np.tile(np.eye(3), (len(time_s), 24, 1, 1))
    x = np.array([1.0, 0, 0])
    for joint, amount, late in ((1, 0.45, 0), (2, 0.45, np.pi), (16, 0.5, np.pi), (17, 0.5, 0)):
        axis = x if joint < 10 else np.array([0, 1.0, 0])
        sign = -1 if joint != 17 else 1
        local[:, joint] = axis_angle_to_matrix(sign * amount * np.sin(phase + late)[:, None] * axis)
    for joint, late in ((4, 0), (5, np.pi)):
        bend = 0.45 * np.maximum(np.sin(phase + late + 0.9), 0)
        local[:, joint] = axis_angle_to_matrix(bend[:, None] * x)
    local[:, 0] = axis_angle_to_matrix(np.array([0, np.pi / 2, 0]))
    turned, joints = forward_kinematics(local, person.rest)
    feet = person.points(turned, joints)[:, -4:]
    pelvis = np.zeros((len(time_s), 3))
    pelvis[:, 1] = -(feet[..., 1] - person.sole).min(axis=1)
    # The lower foot does not move.
    low = (feet[..., 1] - person.sole).argmin(axis=1)
    for t in range(1, len(time_s)):
        pelvis[t] += pelvis[t - 1] * [1, 0, 1] + (feet[t - 1, low[t]] - feet[t, low[t]]) * [1, 0, 1]
    pelvis = gaussian_filter1d(pelvis, 0.07 * fps, axis=0, mode="nearest")
    pelvis[:, 2] -= 5.0
    pelvis[:, 0] -= pelvis[:, 0].mean()
    return local, pelvis, time_s


def level_view(count: int, turn: np.ndarray | None = None, height: float = 1.6) -> View:
    """A camera above the origin that looks along -z, in a world turned about y."""
    turn = np.eye(3) if turn is None else turn
    return View(
        rotation=np.tile(np.diag([1.0, -1, -1]) @ turn.T, (count, 1, 1)),
        position=np.tile([0, height, 0.0], (count, 1)),
        focal_px=np.full(count, 900.0),
        centre_px=np.tile([427.0, 240.0], (count, 1)),
    )


def seen(
    local: np.ndarray, pelvis: np.ndarray, time_s: np.ndarray, view: View, person: TrackBody
) -> Stretch:
    """What an exact estimator says of a motion."""
    turned, joints = forward_kinematics(local, person.rest)
    every = person.joints45(turned, joints + pelvis[:, None])
    place = view.to_camera(every)
    px = view.focal_px[:, None, None] * place[..., :2] / place[..., 2:] + view.centre_px[:, None]
    out = local.copy()
    out[:, 0] = view.rotation @ local[:, 0]
    return Stretch(
        track_id=1,
        frame=np.arange(len(local)),
        time_s=time_s,
        observed=np.ones(len(local), bool),
        local=out,
        joints_px=px,
        error_m=np.full((len(local), 45), 0.03),
    )


def noisy(stretch: Stretch, seed: int = 0, turn: float = 0.12, px: float = 2.0) -> Stretch:
    """The same with noise of its own in every frame."""
    from dataclasses import replace

    random = np.random.default_rng(seed)
    shake = axis_angle_to_matrix(turn * random.normal(size=(*stretch.local.shape[:2], 3)))
    return replace(
        stretch,
        local=stretch.local @ shake,
        joints_px=stretch.joints_px + px * random.normal(size=stretch.joints_px.shape),
    )


def points_of(local: np.ndarray, pelvis: np.ndarray, person: TrackBody) -> np.ndarray:
    """(T,18,3) joints, heels and toes."""
    turned, joints = forward_kinematics(local, person.rest)
    return person.points(turned, joints + pelvis[:, None])


def frames_of(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The raw frames of results."""
    return iter_results(path)
