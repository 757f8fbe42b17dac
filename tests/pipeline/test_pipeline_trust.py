"""How far joints are to be trusted, through the pipeline: from the estimator to a resumed run."""

from __future__ import annotations

import dataclasses
import io
import zlib

import numpy as np
import pytest
from rich.console import Console
from trust_tools import rated_observation

from humantrack.pipeline.checkpoint import read_checkpoint, write_checkpoint
from humantrack.pipeline.observe import observations
from humantrack.pipeline.summary import RunSummary, TrackCounter
from humantrack.pipeline.window import BackFillWindow, held_state
from humantrack.results import ResultsWriter
from humantrack.results.record import TRUST_KEYS
from humantrack.types import (
    BackFill,
    FrameUpdate,
    JointSource,
    JointTrust,
    People,
    TrackedPerson,
)

COUNT = 9


def updates(make_observation):
    """Two people, one confirmed late; in frame 5 one is not rated."""
    out = []
    for i in range(COUNT):
        seen = rated_observation(make_observation(i), np.arange(45) % 4)
        other = rated_observation(make_observation(i), None if i == 5 else JointSource.MADE_UP)
        people = [TrackedPerson(track_id=1, missed=0, observation=seen)]
        if i > 2:
            people.append(TrackedPerson(track_id=2, missed=0, observation=other))
        back = ()
        if i == 3:
            early = rated_observation(make_observation(2), JointSource.HELD)
            late = TrackedPerson(track_id=2, missed=0, observation=early)
            back = (BackFill(frame_index=2, person=late),)
        out.append(FrameUpdate(people=tuple(people), back_fill=back))
    return out


@pytest.mark.parametrize("stop", range(1, COUNT))
def test_a_resumed_window_writes_the_same_bytes(tmp_path, make_frame, make_observation, stop):
    folder = tmp_path
    said = updates(make_observation)

    def run(name, stop=None):
        window = BackFillWindow(3)
        path = folder / name
        with ResultsWriter(path) as writer:
            for i in range(COUNT):
                if i == stop:
                    held = window.held
                    write_checkpoint(folder / "c", {"held": [held_state(*h) for h in held]})
                    window = BackFillWindow(3)
                    window.restore([f for f, _ in held], read_checkpoint(folder / "c")["held"])
                for frame, record in window.push(make_frame(i), said[i]):
                    writer.write(frame, record)
            for frame, record in window.flush():
                writer.write(frame, record)
        return zlib.decompress(path.read_bytes())

    whole = run("whole.pkl")
    assert whole.count(TRUST_KEYS[0].encode()) == COUNT - 1
    assert run("resumed.pkl", stop) == whole


def test_observations_have_their_own_row_of_the_estimators(make_frame, make_observation):
    rng = np.random.default_rng(0)
    trust = JointTrust(
        confidence=rng.random((2, 45), np.float32),
        error_mm=rng.random((2, 45, 2), np.float32),
        source=rng.integers(0, 4, (2, 45)).astype(np.uint8),
    )
    people = dataclasses.replace(_two_people(), trust=trust)
    for i, seen in enumerate(observations(make_frame(0), people, [None, None])):
        np.testing.assert_array_equal(seen.joint_confidence, trust.confidence[i], strict=True)
        np.testing.assert_array_equal(seen.joint_error_mm, trust.error_mm[i], strict=True)
        np.testing.assert_array_equal(seen.joint_source, trust.source[i], strict=True)
    for seen in observations(make_frame(0), _two_people(), [None, None]):
        assert [getattr(seen, key) for key in TRUST_KEYS] == [None] * 3


def _two_people():
    """Two people of zeros."""

    def two(nothing):
        values = {}
        for field in dataclasses.fields(nothing):
            value = getattr(nothing, field.name)
            if isinstance(value, np.ndarray):
                values[field.name] = np.zeros((2, *value.shape[1:]), value.dtype)
        return dataclasses.replace(nothing, **values)

    nobody = People.empty()
    return People(
        detections=two(nobody.detections),
        bodies=two(nobody.bodies),
        appearance=two(nobody.appearance),
        padded_xyxy_px=np.zeros((2, 4), np.float32),
        source=np.arange(2),
    )


def test_guessed_poses_are_counted(make_frame, make_observation):
    counter = TrackCounter()
    window = BackFillWindow(3)
    for i, update in enumerate(updates(make_observation)):
        for frame, record in window.push(make_frame(i), update):
            counter.write(frame, record)
    for frame, record in window.flush():
        counter.write(frame, record)
    # 2 is made up in 3 to 8 but for 5, where nothing is said, and held in 2.
    assert (counter.seen, counter.guessed) == (COUNT + 7, 6)
    assert TrackCounter.of(counter.state_dict()) == counter


@pytest.mark.parametrize(("guessed", "told"), [(0, None), (1, "0.5 %"), (50, "25.0 %")])
def test_the_summary_tells_the_share_of_guessed_poses(tmp_path, guessed, told):
    out = io.StringIO()
    summary = RunSummary(
        name="clip",
        results=tmp_path / "r.pkl",
        overlay=None,
        meta=None,
        frames=100,
        seen=200,
        guessed=guessed,
    )
    summary.print(Console(file=out, width=100))
    assert ("guessed" in out.getvalue()) is (told is not None)
    assert told is None or told in out.getvalue()
