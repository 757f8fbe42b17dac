"""A head that leaps stays hidden where it was; people of no track come back from results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from humantrack import ConfigError, load_config
from humantrack.config.ranges import check_values
from humantrack.render import FaceBlur
from humantrack.results.record import OTHERS_KEY, record_from_phalp, record_to_phalp

HEIGHT, WIDTH = 180, 320
USUAL, WRONG = (0.0, 0.1, 100.0), (0.0, 1.0, 220.0)
"""Metres before the camera: where somebody is, and where a pose gone wrong puts him."""


@pytest.fixture
def noise(make_frame):
    rgb = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    return make_frame(height=HEIGHT, width=WIDTH, rgb=rgb)


def hidden(blur: FaceBlur, frame, record) -> np.ndarray:
    """(H,W) bool: what was changed."""
    return (blur.blurred(frame, record).rgb != frame.rgb).any(axis=2)


def test_where_a_head_was_stays_hidden_when_the_pose_leaps(noise, record, person):
    blur = FaceBlur()
    before = hidden(blur, noise, record(person(at=USUAL)))
    alone = hidden(FaceBlur(), noise, record(person(at=WRONG)))
    assert (before & ~alone).mean() > 0.2 * before.mean()
    for _ in range(3):
        assert hidden(blur, noise, record(person(at=WRONG)))[before].mean() > 0.97
    for _ in range(5):
        after = hidden(blur, noise, record(person(at=WRONG)))
    np.testing.assert_array_equal(after, alone)


def test_a_head_that_goes_on_as_it_did_leaves_nothing_behind(noise, record, person):
    blur = FaceBlur()
    for x in (0.0, 0.05, 0.1):
        here = record(person(at=(x, 0.1, 100)))
        np.testing.assert_array_equal(hidden(blur, noise, here), hidden(FaceBlur(), noise, here))


def test_nothing_is_remembered_beyond_a_cut(noise, record, person):
    blur = FaceBlur()
    hidden(blur, noise, record(person(at=USUAL)))
    cut = replace(record(person(at=WRONG)), is_shot_start=True)
    np.testing.assert_array_equal(hidden(blur, noise, cut), hidden(FaceBlur(), noise, cut))


def test_what_is_remembered_outlives_a_run(noise, record, person):
    first, second = FaceBlur(), FaceBlur()
    hidden(first, noise, record(person(at=USUAL)))
    second.load_state_dict(first.state_dict())
    leapt = record(person(at=WRONG))
    np.testing.assert_array_equal(hidden(first, noise, leapt), hidden(second, noise, leapt))


@pytest.mark.parametrize("is_tracked", [True, False], ids=["beside somebody", "alone"])
def test_people_of_no_track_come_back_from_results(noise, record, person, *, is_tracked):
    somebody = (person(at=(1.5, 0.1, 100)),) if is_tracked else ()
    there = replace(record(*somebody), others=(person(at=USUAL).observation,))
    assert OTHERS_KEY not in record_to_phalp(there)
    frame = record_to_phalp(there, others=True)
    assert list(record_to_phalp(there)) == [key for key in frame if key != OTHERS_KEY]
    back = record_from_phalp(there.key, frame)
    assert back.people == () or len(back.people) == 1
    np.testing.assert_array_equal(hidden(FaceBlur(), noise, back), hidden(FaceBlur(), noise, there))


def test_extraction_would_store_faces():
    both = ("video.extract_video=true", "render.blur_faces=true")
    for one in both:
        check_values(load_config(one))
    with pytest.raises(ConfigError, match="with its faces"):
        check_values(load_config(*both))
    with pytest.raises(ConfigError, match="with its faces"):
        check_values(load_config("video=extract", both[1]))
