"""Drawn clips with exact cameras, people masked out by their boxes."""

from pathlib import Path

import av
import camera_tools as made
import numpy as np
import pytest

from humantrack.types import Frame, FrameRecord
from humantrack.world.camera import CameraSink, EvidenceFile, solve

CLIPS = Path(__file__).parents[2] / "data" / "world"


class Boxed:
    """A person of whom the box is known."""

    missed, mask = 0, None

    def __init__(self, box):
        self.observation, self.xyxy_px = self, box.astype(np.float32)


def decoded(name):
    with av.open(str(CLIPS / f"{name}.mp4")) as file:
        for index, frame in enumerate(file.decode(video=0)):
            yield index, frame.to_ndarray(format="rgb24")


@pytest.fixture(scope="module")
def gathered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")

    def gather(name, frozen=False):
        path = folder / f"{name}{frozen}.camera"
        truth = np.load(CLIPS / f"{name}_gt.npz")
        first = None
        if not path.exists():
            with CameraSink(path) as sink:
                for index, rgb in decoded(name):
                    first = rgb if first is None else first
                    boxes = truth["box"][index][truth["present"][index]]
                    key = {"index": index, "source_index": index, "key": str(index)}
                    picture = first if frozen else rgb
                    record = FrameRecord(
                        **key,
                        time_s=index / 30,
                        is_shot_start=False,
                        image_size=rgb.shape[:2],
                        people=tuple(Boxed(box) for box in boxes),
                    )
                    sink.write(Frame(**key, time_s=index / 30, rgb=picture), record)
        return EvidenceFile(path), truth

    return gather


def test_a_camera_that_pans(gathered):
    evidence, truth = gathered("pan")
    true = truth["world_to_camera"].astype(float)
    path = solve(evidence, focal_px=float(truth["K"][0, 0]))
    assert path.kinds == ("turning",)
    assert np.median(made.steps(path.rotation, true)) < 0.02
    assert made.angles(path.rotation, true).max() < 0.1
    assert path.confidence.min() > 0.7


@pytest.mark.parametrize("guess", [500.0, 980.0, 1400.0])
def test_a_pan_tells_the_focal_length(gathered, guess):
    evidence, truth = gathered("pan")
    path = solve(evidence, focal_px=guess, focal_is_guess=True)
    assert path.kinds == ("turning",)
    np.testing.assert_allclose(path.focal_px, truth["K"][0, 0], rtol=0.01)


def test_a_camera_that_travels(gathered):
    evidence, truth = gathered("dolly")
    true = truth["world_to_camera"].astype(float)
    path = solve(evidence, focal_px=float(truth["K"][0, 0]))
    assert path.kinds == ("free",)
    assert np.median(made.steps(path.rotation, true)) < 0.03
    assert made.angles(path.rotation, true).max() < 0.4
    assert made.path_error(path.position, truth["camera_position"].astype(float)) < 0.005
    assert path.confidence.min() > 0.7


@pytest.mark.parametrize("count", [60, 90, 120])
def test_a_short_way_to_the_side_is_no_turn_behind_a_long_lens(gathered, count):
    evidence, _ = gathered("dolly")  # 720 px; as a turn it would be one of 1470 to 1570
    path = solve(list(evidence)[:count], focal_px=980.0, focal_is_guess=True)
    assert path.kinds == ("free",)
    assert (path.focal_px == 980.0).all()
    assert "focal_px_by_turning" not in path.evidence["shots"][0]


@pytest.mark.parametrize("count", [60, 120])
def test_a_short_turn_tells_the_focal_length(gathered, count):
    evidence, truth = gathered("pan")
    path = solve(list(evidence)[:count], focal_px=980.0, focal_is_guess=True)
    assert path.kinds == ("turning",)
    np.testing.assert_allclose(path.focal_px, truth["K"][0, 0], rtol=0.01)


def test_a_picture_that_stays_is_exactly_still(gathered):
    evidence, _ = gathered("pan", frozen=True)
    path = solve(evidence, focal_px=700.0)
    assert path.kinds == ("still",)
    assert (path.rotation == np.eye(3)).all()
    assert (path.position == 0).all()
