"""Keys of the overlay that were PHALP's alone: each does what it says."""

from __future__ import annotations

import numpy as np
import pytest

from humantrack.errors import ConfigError
from humantrack.render import Overlay
from humantrack.render.palette import PALETTE, PALETTES, identity_colour
from humantrack.render.turned import FROM_ABOVE, FROM_THE_SIDE, GROUND, turned


def extent(picture: np.ndarray) -> tuple[int, int]:
    """Height and width of what is not ground."""
    rows, columns = np.nonzero((np.abs(picture.astype(int) - GROUND) > 3).any(axis=2))
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.mark.parametrize("kind", ["HUMAN_MESH", "SKELETON"])
def test_the_side_view_stands_beside_the_picture(body, frame, record, person, kind):
    here = record(person(turn=0.0))
    alone = Overlay(body, kind=kind).draw(frame, here)
    both = Overlay(body, kind=kind, side_view_each=True)
    picture = both.draw(frame, here)
    assert both.size(frame.height, frame.width) == picture.shape[:2]
    assert picture.shape == (frame.height, 2 * frame.width, 3)
    np.testing.assert_array_equal(picture[:, : frame.width], alone)
    # Somebody who faces the camera and strides is longer, from the side, than broad from there.
    blank = np.full_like(frame.rgb, GROUND)
    front = Overlay(body).draw(type(frame)(**{**_fields(frame), "rgb": blank}), here)
    high, wide = extent(picture[:, frame.width :])
    high_in_front, wide_in_front = extent(front)
    assert abs(high - high_in_front) < 0.25 * high_in_front
    assert wide > 0.5 * wide_in_front


def _fields(frame):
    names = ("index", "source_index", "time_s", "key", "is_shot_start")
    return {name: getattr(frame, name) for name in names}


def test_side_views_obey_the_cap_of_the_picture(body, frame, record, person):
    draws = Overlay(body, side_view_each=True, output_resolution=160)
    assert draws.draw(frame, record(person())).shape == (90, 320, 3)


def test_turning_keeps_the_place_and_is_a_rotation(person):
    seen = person().observation
    for rotation in (FROM_THE_SIDE, FROM_ABOVE):
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
        assert np.linalg.det(rotation) == pytest.approx(1)
        np.testing.assert_array_equal(turned(seen, rotation).cam_t, seen.cam_t)
    assert (FROM_THE_SIDE @ [1, 0, 0])[2] < 0  # the camera's right comes nearest
    assert (FROM_ABOVE @ [0, -1, 0])[2] < 0  # y is down: so does the top


@pytest.mark.parametrize("kind", ["HUMAN_MESH", "HUMAN_BBOX", "HUMAN_MASK"])
def test_keypoints_lie_over_what_is_drawn(body, frame, record, person, kind):
    here = record(person())
    plain = Overlay(body, kind=kind).draw(frame, here)
    marked = Overlay(body, kind=kind, show_keypoints=True).draw(frame, here)
    skeleton = Overlay(body, kind="SKELETON").draw(frame, here)
    changed = (marked != plain).any(axis=2)
    limbs = (skeleton != frame.rgb).any(axis=2)
    assert changed.sum() > 200
    assert limbs[changed].mean() > 0.99


def test_a_skeleton_has_its_keypoints_already(body, frame, record, person):
    here = record(person())
    pictures = [
        Overlay(body, kind="SKELETON", show_keypoints=on).draw(frame, here) for on in (False, True)
    ]
    np.testing.assert_array_equal(*pictures)


def test_colours_change_people_and_nothing_else(body, frame, record, person):
    here = record(person(1), person(2, at=(3, 0.1, 100)))
    drawn = {name: Overlay(body, colours=name).draw(frame, here) for name in PALETTES}
    untouched = [(picture == frame.rgb).all(axis=2) for picture in drawn.values()]
    assert len({picture.tobytes() for picture in drawn.values()}) == len(PALETTES)
    for other in untouched[1:]:
        assert (other ^ untouched[0]).mean() < 0.01


def test_palettes_are_colours_and_grey_is_one():
    assert all(0 <= c <= 255 for p in PALETTES.values() for colour in p for c in colour)
    assert identity_colour(1, PALETTES["grey"]) == identity_colour(2, PALETTES["grey"])
    assert identity_colour(13) == PALETTE[0]


def test_unknown_colours_are_refused_with_those_there_are(body):
    with pytest.raises(ConfigError, match="okabe-ito") as caught:
        Overlay(body, colours="slahmr")
    assert "render.colors=slahmr" in str(caught.value)
