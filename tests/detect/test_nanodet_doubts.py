"""A box counts for what the inputs that would know better say of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.detect.nanodet import views
from humantrack.detect.nanodet.doubts import cut_off, dimmed, doubted
from humantrack.detect.nanodet.joining import join
from humantrack.detect.nanodet.views import Seen

W, H = 1280, 720
TILE = views.View(384, 0, 896, 512, 640, is_tile=True)

CARD = [500, 200, 600, 380]
"""45 px high in an input of 320, 58 in 416, 90 in 640 and 225 in the tile."""

SMALL = [600, 200, 640, 280]
"""20, 26, 40 and 100 px."""


def seen(view, *rows):
    rows = np.array(rows, np.float32).reshape(-1, 5)
    return Seen(view, rows[:, :4], rows[:, 4])


def whole(size, *rows):
    return seen(views.whole(W, H, size), *rows)


def scores(*looks):
    return join(looks, W, H, 0.6)[1]


def test_what_coarse_inputs_show_and_the_fine_one_does_not_is_weak():
    coarse = [whole(320, [*CARD, 0.48]), whole(416, [*CARD, 0.49])]
    assert scores(*coarse) == pytest.approx([0.49]), "416 is the finest there is"
    assert scores(*coarse, whole(640, [*CARD, 0.27])) == pytest.approx([0.27])
    assert scores(*coarse, whole(640)) == pytest.approx([0.2]), "and may go on as a weak one"
    assert scores(*coarse, whole(640, [*CARD, 0.43])) == pytest.approx([0.49])


def test_a_finer_input_speaks_for_somebody_even_where_a_border_cuts_him_off():
    looks = [whole(416, [*CARD, 0.6]), whole(640, [*CARD, 0.25])]
    assert scores(*looks, seen(TILE, [*CARD, 0.7])) == pytest.approx([0.6])
    beside = views.View(590 - 512, 0, 590, 512, 640, is_tile=True)
    cut = [*CARD[:2], 590, CARD[3], 0.55]
    assert scores(*looks, seen(beside, cut)) == pytest.approx([0.6])


@pytest.mark.parametrize("tall", [140, 165, 185, 300])
def test_an_input_that_misses_many_of_that_size_is_not_asked(tall):
    box = [500, 10, 500 + tall / 2, 10 + 2 * tall]
    assert scores(whole(416, [*box, 0.6]), whole(640)) == pytest.approx([0.6])


@pytest.mark.parametrize("tall", [150, 200, 300])
def test_two_inputs_together_see_everybody(tall):
    box = [500, 10, 500 + tall / 2, 10 + 2 * tall]
    small, both = whole(320, [*box, 0.6]), (whole(416, [*box, 0.3]), whole(640, [*box, 0.26]))
    assert scores(small, *both) == pytest.approx([0.3])
    assert scores(small, whole(416, [*box, 0.5]), both[1]) == pytest.approx([0.6])


def test_a_tile_that_sees_nobody_is_outvoted_by_two_inputs_that_do():
    lone, both = whole(416), whole(416, [*SMALL, 0.52])
    assert scores(lone, whole(640, [*SMALL, 0.55]), seen(TILE)) == pytest.approx([0.2])
    assert scores(both, whole(640, [*SMALL, 0.55]), seen(TILE)) == pytest.approx([0.52])
    beside = views.View(0, 0, 512, 512, 640, is_tile=True)
    assert scores(lone, whole(640, [*SMALL, 0.55]), seen(beside)) == pytest.approx([0.55])


@pytest.mark.parametrize(("tall", "left"), [(20, 0.48), (32, 0.48), (41, 0.38), (50, 0.28)])
def test_the_larger_somebody_is_the_less_he_shows_in_a_tile_alone(tall, left):
    box = [600, 200, 615, 200 + tall]
    assert scores(whole(640), seen(TILE, [*box, 0.58])) == pytest.approx([left], abs=1e-6)


def test_what_was_weak_before_does_not_come_back():
    box = np.array([[600, 200, 630, 260]], np.float32)
    assert dimmed(box, np.float32([0.25]), 0.5) == pytest.approx([0.15])
    assert dimmed(box, np.float32([0.45]), 0.5) == pytest.approx([0.2])


def test_borders_of_the_picture_cut_nothing_off():
    corner = seen(views.View(0, 0, 512, 512, 640, is_tile=True))
    boxes = np.array([[0, 0, 40, 80], [480, 0, 512, 80], [0, 480, 40, 512], [600, 0, 640, 80]])
    assert cut_off(boxes, corner, W, H).tolist() == [False, True, True, True]
    assert not cut_off(boxes, whole(640), W, H).any()


coordinates = st.tuples(
    st.integers(0, 1200), st.integers(0, 640), st.integers(4, 600), st.integers(4, 600)
)
lists = st.lists(st.tuples(coordinates, st.floats(0.25, 1, width=32)), max_size=4)


@given(st.lists(lists, min_size=1, max_size=4))
def test_scores_only_fall_and_only_from_more_than_weak_to_weak(found):
    where = [views.whole(W, H, 416), views.whole(W, H, 640), views.whole(W, H, 320), TILE]
    looks = []
    for view, rows in zip(where, found, strict=False):
        boxes = [[x, y, min(W, x + w), min(H, y + h), s] for (x, y, w, h), s in rows]
        looks.append(seen(view, *boxes))
    boxes = np.concatenate([look.boxes for look in looks])
    score = np.concatenate([look.score for look in looks])
    after = doubted(boxes, score, looks, W, H)
    assert after.shape == score.shape
    assert (after <= score).all()
    assert (after >= np.minimum(score, np.float32(0.2))).all()
