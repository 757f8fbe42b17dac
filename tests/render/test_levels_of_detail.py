"""People are drawn with fewer faces the smaller they are, and look the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from humantrack.geometry.cameras import PaddedSquare
from humantrack.render import Overlay
from humantrack.render.mesh import Camera, MeshPainter, Paint
from humantrack.render.windows import Window, apart


class Whole:
    """The same body without levels, as SMPL's."""

    def __init__(self, body):
        self.faces, self.vertices = body.faces, body.vertices
        self.region, self.region_names = body.region, body.region_names


SIZE = (1080, 1920)
PAINT = Paint((255, 255, 255), 1.0)


def at_height(height_px: float, height: int = SIZE[0], width: int = SIZE[1]):
    """Where somebody of 1.71 m is so high, standing in the middle."""
    return (0.0, 0.1, 1.71 * PaddedSquare(height, width).focal_px / height_px)


def painted(painter, someone, size=SIZE) -> np.ndarray:
    picture = np.zeros((*size, 3), np.uint8)
    square = PaddedSquare(*size)
    camera = Camera(square.focal_px, tuple(square.centre_px))
    painter.draw(picture, [someone.observation], [PAINT], camera)
    return picture


@pytest.mark.parametrize("turn", [0.4, -0.9, 2.6])
@pytest.mark.parametrize("height_px", [100, 150, 277, 416, 624, 900])
@pytest.mark.parametrize("head_mask", [False, True])
def test_silhouette_and_shading_stay(height_px, turn, head_mask, *, body, person):
    rng = np.random.default_rng(height_px)
    betas = rng.normal(0, 1, 10).astype(np.float32)
    someone = person(at=at_height(height_px), turn=turn, betas=betas)
    coarse = painted(MeshPainter(body, head_mask=head_mask), someone)[..., 0].astype(int)
    fine = painted(MeshPainter(Whole(body), head_mask=head_mask), someone)[..., 0].astype(int)
    a, b = coarse > 40, fine > 40
    assert (a & b).sum() / (a | b).sum() >= 0.99
    assert np.abs(coarse - fine)[a | b].mean() < 5
    assert (coarse != fine).any()


def test_the_size_in_the_picture_decides(body, person):
    used: Counter[int] = Counter()

    class Counting:
        region, region_names = body.region, body.region_names

        def __init__(self):
            self.faces, self.vertices = body.faces, body.vertices
            self.levels = [self._watch(level) for level in body.levels]

        @staticmethod
        def _watch(level):
            class Level:
                faces, vertex, size_m = level.faces, level.vertex, level.size_m

                @staticmethod
                def vertices(bodies):
                    used[len(level.faces)] += len(bodies)
                    return level.vertices(bodies)

            return Level()

    painter = MeshPainter(Counting())
    for height_px, faces in ((100, 7156), (400, 9330), (600, 12062), (950, 15456), (2000, 27420)):
        used.clear()
        painted(painter, person(at=at_height(height_px)))
        assert used == {faces: 1}


def test_small_and_large_people_hide_one_another(body, frame, person, record):
    near, far = person(1, at=(0.0, 0.1, 40.0)), person(2, at=(0.05, 0.1, 300.0))
    overlay = Overlay(body)
    alone = overlay.draw(frame, record(near))
    middle = np.s_[85:95, 150:170]
    np.testing.assert_array_equal(overlay.draw(frame, record(far, near))[middle], alone[middle])
    aside = person(2, at=(5.5, 0.1, 300.0))
    both = overlay.draw(frame, record(near, aside))
    apart_too = overlay.draw(replace(frame, rgb=alone), record(aside))
    np.testing.assert_array_equal(both, apart_too)


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.7])
def test_a_body_without_levels_is_drawn_whole(shift, body, person):
    someone = person(at=(shift, 0.1, 100.0))
    whole = painted(MeshPainter(Whole(body)), someone, (180, 320))
    assert (whole > 40).any()

    class First(Whole):
        def __init__(self, body):
            super().__init__(body)
            self.levels = body.levels[:1]

    np.testing.assert_array_equal(painted(MeshPainter(First(body)), someone, (180, 320)), whole)


def test_windows_that_meet_are_joined_and_share_no_pixel():
    rng = np.random.default_rng(0)
    for _ in range(50):
        low = rng.integers(0, 90, (12, 2))
        high = low + rng.integers(1, 25, (12, 2))
        windows = [Window(*a, *b) for a, b in np.stack([low, high], 1).tolist()]
        groups = apart(windows)
        assert sorted(i for _, members in groups for i in members) == list(range(12))
        covered = np.zeros((120, 120), int)
        for window, members in groups:
            window.of(covered)[:] += 1
            for i in members:
                assert window.joined(windows[i]) == window
        assert covered.max() == 1


def test_a_window_is_cut_to_the_picture():
    x, y = np.array([-3.2, 7.5]), np.array([2.0, 50.0])
    assert Window.around(x, y, 2, 40, 30) == Window(0, 0, 11, 40)
    assert Window.around(x - 40, y, 2, 40, 30).is_empty
    assert Window.around(x, y + 1e9, 2, 40, 30).is_empty
