"""Tiles cover a picture, and boxes of several views become people."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.detect.nanodet import views
from humantrack.detect.nanodet.joining import join
from humantrack.detect.nanodet.views import Seen

sides = st.integers(200, 8000)


@given(sides, sides, st.floats(0, 1), st.floats(0, 1))
def test_everybody_from_30_px_on_is_whole_in_a_view_that_can_find_him(width, height, x, y):
    def seen_at(view, tall):
        x0, y0 = x * (width - tall / 2), y * (height - tall)
        inside = (
            view.x0 <= x0 + 1
            and view.y0 <= y0 + 1
            and view.x1 >= x0 + tall / 2 - 1
            and view.y1 >= y0 + tall - 1
        )
        return tall * view.scale if inside else 0.0

    every = [*views.all_tiles(width, height)]
    every += [views.whole(width, height, size) for size in (320, 416, 640)]
    for tall in np.geomspace(30, min(height, 2 * width), 12):
        heights = [
            seen_at(v, tall) for v in every if not v.is_tile or tall * v.scale <= views.OVERLAP
        ]
        assert max(heights) >= 0.99 * min(tall, 37), "small people are seen at about full size"


@given(sides, sides)
def test_tiles_cover_the_picture_and_are_no_larger_than_the_input(width, height):
    for scale in views.levels(width, height):
        covered = np.zeros((height // 50 + 1, width // 50 + 1), bool)
        for tile in views.tiles(width, height, scale):
            assert 0 <= tile.x0 < tile.x1 <= width
            assert 0 <= tile.y0 < tile.y1 <= height
            assert tile.long_side <= views.TILE + 1
            covered[
                -(-tile.y0 // 50) : tile.y1 // 50 + 1, -(-tile.x0 // 50) : tile.x1 // 50 + 1
            ] = 1
        assert covered.all()


@pytest.mark.parametrize(
    ("size", "count"), [((640, 360), 0), ((1920, 1080), 15), ((3840, 2160), 68)]
)
def test_the_number_of_tiles(size, count):
    assert len(views.all_tiles(*size)) == count


def test_small_people_get_the_tile_that_shows_them_best_and_large_ones_none():
    boxes = np.array([[900, 500, 915, 535], [905, 505, 920, 540], [100, 100, 400, 900]], np.float32)
    (tile,) = views.tiles_round(boxes, 1920, 1080)
    assert tile.scale == pytest.approx(1.25, abs=0.01)
    assert tile.x0 < 900
    assert tile.x1 > 920
    assert tile.y0 < 500
    assert tile.y1 > 540
    assert views.tiles_round(boxes[2:], 1920, 1080) == []
    assert views.tiles_round(boxes[:0], 1920, 1080) == []


def seen(view, *rows):
    rows = np.array(rows, np.float32).reshape(-1, 5)
    return Seen(view, rows[:, :4], rows[:, 4])


WHOLE = views.whole(1920, 1080, 640)
TILE = views.View(640, 200, 1280, 840, 640, is_tile=True)


def test_the_better_box_of_two_views_is_kept():
    boxes, score = join(
        [seen(WHOLE, [700, 300, 740, 400, 0.5]), seen(TILE, [702, 300, 740, 402, 0.8])],
        1920,
        1080,
        0.6,
    )
    np.testing.assert_array_equal(boxes, [[702, 300, 740, 402]])
    assert score == pytest.approx([0.8])


@pytest.mark.parametrize(
    "box",
    [
        [640, 300, 680, 400],  # cut off by the left border of the tile
        [700, 740, 740, 840],  # ... and by the lower one
        [700, 300, 760, 500],  # larger than tiles overlap by
    ],
)
def test_a_tile_does_not_speak_of_whom_it_cannot_have_whole(box):
    boxes, _ = join([seen(WHOLE), seen(TILE, [*box, 0.9])], 1920, 1080, 0.6)
    assert len(boxes) == 0


def test_a_border_of_the_picture_cuts_nobody_off():
    corner = views.View(0, 0, 640, 640, 640, is_tile=True)
    boxes, _ = join([seen(corner, [0, 0, 40, 100, 0.9])], 1920, 1080, 0.6)
    assert len(boxes) == 1


def test_a_head_in_a_tile_is_no_second_person_unless_the_whole_picture_shows_it():
    body = [700, 300, 900, 800, 0.8]
    head = [760, 310, 840, 440, 0.5]
    boxes, _ = join([seen(WHOLE, body), seen(TILE, head)], 1920, 1080, 0.6)
    np.testing.assert_array_equal(boxes, [body[:4]])
    child = [760, 312, 842, 440, 0.25]
    boxes, _ = join([seen(WHOLE, body, child), seen(TILE, head)], 1920, 1080, 0.6)
    assert len(boxes) == 2


def test_the_vague_box_of_a_small_input_is_left_to_the_large_one():
    far, near = [700, 300, 728, 400, 0.6], [703, 306, 725, 398, 0.5]
    small = views.whole(1920, 1080, 320)
    boxes, _ = join([seen(small, far), seen(WHOLE, near)], 1920, 1080, 0.6)
    np.testing.assert_array_equal(boxes, [near[:4]])
    boxes, _ = join([seen(small, far)], 1920, 1080, 0.6)
    np.testing.assert_array_equal(boxes, [far[:4]])
