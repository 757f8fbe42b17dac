"""Parts that are killed, lost, cut short, damaged or of another configuration."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from threading import Event

import pytest
from split_tools import FRAMES, Light, LightEstimator, alone, configuration, in_parts, stored

from humantrack.errors import CheckpointError, ConfigError, PartialSweepError, StageError
from humantrack.split import find
from humantrack.split.files import SUFFIX, ObservationFile, partial_of
from humantrack.split.find import claim_of
from humantrack.split.job import in_this_process, prepare, track_in_parts
from humantrack.split.plan import part_path
from humantrack.split.processes import in_processes

PARTS = 5


@pytest.fixture(scope="module")
def whole(clip, boxes, tmp_path_factory):
    return stored(alone(clip, tmp_path_factory.mktemp("whole"), boxes))


@pytest.fixture
def run(clip, boxes, tmp_path):
    def go(*overrides, **more):
        return in_parts(clip, tmp_path, boxes, f"split.parts={PARTS}", *overrides, **more)

    return go


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "results" / "demo_long.observations"


def only(*numbers):
    """Does these parts, and says which it was asked for."""
    asked = []

    def launch(job, missing, stop):
        asked.append(list(missing))
        in_this_process(job, [n for n in missing if n in numbers], stop)

    return launch, asked


def files(folder: Path) -> dict[str, float]:
    return {p.name: p.stat().st_mtime_ns for p in folder.glob(f"*{SUFFIX}")}


def test_missing_parts_are_told_and_done_by_the_same_command(run, folder, whole):
    launch, asked = only(1, 2, 4)
    with pytest.raises(PartialSweepError, match=r"2 of 5 parts are missing \(3, 5\)") as caught:
        run(launch=launch)
    assert "same command" in str(caught.value)
    assert asked == [[1, 2, 3, 4, 5], [3, 5]]  # tried once more by itself
    before = files(folder)
    launch, asked = only(3, 5)
    done = run("results.observations=true", launch=launch)
    assert asked == [[3, 5]]
    assert stored(done) == whole
    assert {name: files(folder)[name] for name in before} == before
    assert sorted(p.name for p in folder.iterdir() if p.suffix != ".json") == sorted(
        f"part-000{n}{SUFFIX}" for n in range(1, 6)
    )


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "foreign"])
def test_a_damaged_part_is_done_again(run, folder, whole, harm):
    launch, _ = only(1, 2, 3, 4)
    with pytest.raises(PartialSweepError):
        run(launch=launch)
    path = part_path(folder, 2)
    data = bytearray(path.read_bytes())
    if harm == "cut":
        data = data[:-30]
    elif harm == "flipped":
        data[len(data) // 2] ^= 1
    path.write_bytes({"empty": b"", "foreign": b"not ours"}.get(harm, bytes(data)))
    launch, asked = only(2, 5)
    assert stored(run(launch=launch)) == whole
    assert asked == [[2, 5]]


def test_a_worker_that_fails_goes_on_from_its_checkpoint(run, folder, whole, monkeypatch):
    seen = []
    estimate = LightEstimator.estimate

    def failing(self, frames, detections):
        if frames[0].source_index == 21 and 21 not in seen:
            seen.append(21)
            raise ValueError("out of luck")
        seen.extend(f.source_index for f in frames)
        return estimate(self, frames, detections)

    monkeypatch.setattr(LightEstimator, "estimate", failing)
    with pytest.raises(StageError, match=r"frames 21 to 23.*out of luck"):
        run("split.parts=2")
    assert part_path(folder, 1).exists()
    assert partial_of(part_path(folder, 2)).exists()
    assert seen == [*range(21), 21]
    seen[:] = [21]
    assert stored(run("split.parts=2")) == whole
    assert seen == [21, *range(21, FRAMES)]  # what was done is not done again


def test_another_configuration_begins_anew_or_is_refused(run, folder, clip, boxes, caplog):
    launch, _ = only(1, 2)
    with pytest.raises(PartialSweepError):
        run(launch=launch)
    other = ("phalp.small_w=60",)
    with pytest.raises(CheckpointError) as caught:
        run(*other, "overwrite=false")
    assert re.search(r"another configuration: phalp.small_w was None and is 60", str(caught.value))
    with pytest.raises(CheckpointError, match="another configuration"):
        prepare(configuration(clip, folder.parents[1], boxes, *other, "split.part=1"), Light)
    assert len(files(folder)) == 2
    run(*other)
    assert "beginning anew" in caplog.text


def test_settings_of_the_tracker_need_no_new_parts(run, folder):
    launch, _ = only(1, 2)
    with pytest.raises(PartialSweepError):
        run(launch=launch)
    launch, asked = only(3, 4, 5)
    run("phalp.max_age_track=2", "render.type=SKELETON", launch=launch)
    assert asked == [[3, 4, 5]]


def test_another_number_of_parts_goes_on_with_those_there(run, folder, whole, caplog):
    launch, _ = only(1, 2)
    with pytest.raises(PartialSweepError):
        run(launch=launch)
    launch, asked = only(3, 4, 5)
    assert stored(run("split.parts=3", launch=launch)) == whole
    assert asked == [[3, 4, 5]]


def test_no_such_part(clip, boxes, tmp_path):
    cfg = configuration(clip, tmp_path, boxes, "split.parts=3")
    with pytest.raises(ConfigError, match="3 parts, counted from 1"):
        prepare(cfg, Light).find(4, Event())


def test_a_part_that_somebody_else_does_is_waited_for(clip, boxes, tmp_path, monkeypatch):
    job = prepare(configuration(clip, tmp_path, boxes, "split.parts=2"), Light)
    claim = find.Claim(claim_of(job.folder, 1), lost_after_s=60)
    monkeypatch.setattr(find, "_POLL_S", 0.01)
    waited = []

    class Waiting(Event):
        def wait(self, timeout=None):
            if not waited:
                claim.__exit__(None, None, None)
            waited.append(timeout)
            return False

    with claim:
        job.find(1, Waiting())
    assert waited
    assert ObservationFile(part_path(job.folder, 1)).end.frames == 15


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills processes")
def test_processes_that_are_killed(clip, boxes, tmp_path, whole, monkeypatch):
    """Two are killed with -9; their parts are done in the second round."""
    from humantrack.split import processes

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "support"))
    start, killed = processes._start, []

    def start_and_kill(*arguments):
        process = start(*arguments)
        if len(killed) < 2:
            os.kill(process.pid, signal.SIGKILL)
            killed.append(process.pid)
        return process

    monkeypatch.setattr(processes, "_start", start_and_kill)
    done = track_in_parts(
        configuration(clip, tmp_path, boxes, "split.parts=3", "split.workers=2"),
        Event(),
        launch=in_processes,
        kind=Light,
    )
    assert len(killed) == 2
    assert stored(done) == whole
