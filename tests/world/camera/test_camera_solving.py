"""Cameras that are known are found again from the points they saw."""

import camera_tools as made
import numpy as np
import pytest

from humantrack.world.camera import solve

FRAMES = 90


@pytest.mark.parametrize("seed", [11, 12])
def test_a_camera_that_does_not_move_is_exactly_still(seed):
    still = np.tile(np.eye(3), (60, 1, 1))
    path = solve(made.tracks(still, noise=0.15, movers=0.1, seed=seed), focal_px=made.FOCAL)
    assert path.kinds == ("still",)
    assert (path.rotation == np.eye(3)).all()
    assert (path.position == 0).all()
    assert (path.focal_px == made.FOCAL).all()
    assert (path.confidence > 0.9).all()
    assert not path.notes


@pytest.mark.parametrize("seed", [11, 12])
def test_a_turn_is_found(seed):
    true = made.turns(made.smooth(seed, FRAMES, [6, 15, 4]))
    path = solve(made.tracks(true, movers=0.1, wild=0.02, seed=seed), focal_px=made.FOCAL)
    assert path.kinds == ("turning",)
    assert (path.position == 0).all()
    assert (path.focal_px == made.FOCAL).all()
    assert (path.rotation[0] == np.eye(3)).all()
    assert np.median(made.steps(path.rotation, true)) < 0.02
    assert made.angles(path.rotation, true).max() < 0.2


@pytest.mark.parametrize("seed", [11, 12])
def test_a_zoom_is_found_and_said(seed):
    true = made.turns(made.smooth(seed, FRAMES, [3, 8, 2]))
    zoom = made.FOCAL * np.linspace(1, 1.6, FRAMES)
    path = solve(made.tracks(true, focal=zoom, seed=seed), focal_px=made.FOCAL)
    assert path.kinds == ("turning",)
    np.testing.assert_allclose(path.focal_px, zoom, rtol=0.02)
    assert made.angles(path.rotation, true).max() < 0.3
    assert any("zooms" in note for note in path.notes)


@pytest.mark.parametrize("seed", [11, 12])
def test_travel_is_found(seed):
    true = made.turns(made.smooth(seed, FRAMES, [3, 8, 2]))
    position = made.smooth(seed + 1, FRAMES, 0.8)
    seen = made.tracks(true, position, movers=0.08, wild=0.02, seed=seed)
    path = solve(seen, focal_px=made.FOCAL)
    assert path.kinds == ("free",)
    assert np.median(made.steps(path.rotation, true)) < 0.05
    assert made.angles(path.rotation, true).max() < 1.0
    assert made.path_error(path.position, position @ true[0].T) < 0.02
    assert (path.position[0] == 0).all()
    assert not path.is_metric


def test_forward_travel_is_not_taken_for_a_zoom():
    true = made.turns(np.zeros((FRAMES, 3)))
    position = np.linspace(0, 1, FRAMES)[:, None] * [0, 0, 1.2]
    path = solve(made.tracks(true, position), focal_px=made.FOCAL)
    assert path.kinds == ("free",)
    assert made.path_error(path.position, position) < 0.02


def test_a_zoom_alone_is_not_taken_for_travel():
    true = made.turns(np.zeros((FRAMES, 3)))
    zoom = made.FOCAL * np.linspace(1, 0.7, FRAMES)
    path = solve(made.tracks(true, focal=zoom), focal_px=made.FOCAL)
    assert path.kinds == ("turning",)
    np.testing.assert_allclose(path.focal_px, zoom, rtol=0.02)
    assert made.angles(path.rotation, true).max() < 0.1


@pytest.mark.parametrize("guess", [0.7, 1.3])
def test_a_turn_gives_the_focal_length_away(guess):
    true = made.turns(np.linspace(0, 1, FRAMES)[:, None] * [5, 35, 0])
    path = solve(made.tracks(true), focal_px=made.FOCAL * guess)
    told = path.evidence["shots"][0]
    assert path.kinds == ("turning",)
    assert told["focal_px_by_turning"] == pytest.approx(made.FOCAL, rel=0.02)
    assert any("fits a focal length near" in note for note in path.notes)
    assert (path.focal_px == made.FOCAL * guess).all()


def test_a_turn_gives_a_guessed_focal_length_up():
    true = made.turns(np.linspace(0, 1, FRAMES)[:, None] * [5, 35, 0])
    path = solve(made.tracks(true), focal_px=made.FOCAL * 1.3, focal_is_guess=True)
    np.testing.assert_allclose(path.focal_px, made.FOCAL, rtol=0.02)
    assert made.angles(path.rotation, true).max() < 0.4
    assert any("found from" in note for note in path.notes)


def test_pixels_of_the_frame_not_of_the_reduced_picture():
    true = made.turns(np.linspace(0, 1, FRAMES)[:, None] * [0, 20, 0])
    path = solve(made.tracks(true, scale=3.0), focal_px=made.FOCAL * 3)
    assert made.angles(path.rotation, true).max() < 0.2
    np.testing.assert_allclose(path.centre_px, np.tile([960, 540], (FRAMES, 1)))
    np.testing.assert_allclose(path.focal_px, made.FOCAL * 3)


def test_cuts_start_anew():
    still = np.tile(np.eye(3), (50, 1, 1))
    pan = made.turns(np.linspace(0, 1, 70)[:, None] * [0, 20, 0])
    seen = made.tracks(np.concatenate([still, pan, still]), cuts=(50, 120))
    path = solve(seen, focal_px=made.FOCAL)
    assert path.kinds == ("still", "turning", "still")
    assert path.shot.tolist() == [0] * 50 + [1] * 70 + [2] * 50
    assert (path.rotation[[0, 49, 50, 120, 169]] == np.eye(3)).all()
    assert made.angles(path.rotation[50:120], pan).max() < 0.2


def test_a_bump_on_a_tripod_is_motion():
    bump = np.zeros((90, 3))
    bump[40:50, 0] = 0.3 * np.sin(np.linspace(0, np.pi, 10))
    true = made.turns(bump)
    path = solve(made.tracks(true), focal_px=made.FOCAL)
    assert path.kinds == ("turning",)
    assert made.angles(path.rotation, true).max() < 0.05


def test_a_flash_is_bridged():
    true = made.turns(np.linspace(0, 1, FRAMES)[:, None] * [0, 25, 0])
    path = solve(made.tracks(true, empty=(60, 61, 62)), focal_px=made.FOCAL)
    assert made.angles(path.rotation, true).max() < 0.2
    assert (path.confidence[60:63] == 0).all()
    assert any("3 of 90 frames" in note for note in path.notes)


def test_rotation_does_not_drift_when_the_camera_comes_back():
    swing = 40 * np.sin(np.linspace(0, 5 * np.pi, 1200))
    true = made.turns(np.stack([0 * swing, swing, 0 * swing], axis=1))
    seen = made.tracks(true, noise=0.2, most=60)
    alone = solve(seen, focal_px=made.FOCAL)
    assert alone.kinds == ("turning",)
    assert len(alone.index) == 1200
    assert made.angles(alone.rotation, true).max() < 1.0


def test_travel_goes_on_over_windows():
    t = np.linspace(0, 1, 1000)
    true = made.turns(np.stack([0 * t, 20 * np.sin(4 * t), 0 * t], axis=1))
    position = np.stack([3 * np.sin(3 * t), 0.3 * np.sin(9 * t), 1.5 * np.cos(3 * t)], axis=1)
    path = solve(made.tracks(true, position, points=made.room(3, 6000, (5, 14))), focal_px=560)
    assert path.kinds == ("free",)
    assert made.angles(path.rotation, true).max() < 1.5
    assert made.path_error(path.position, position) < 0.02


@pytest.mark.parametrize("kind", ["auto", "still", "turning", "free"])
def test_nothing_to_go_by_is_said(kind):
    nothing = made.tracks(np.tile(np.eye(3), (30, 1, 1)), most=0)
    path = solve(nothing, focal_px=500.0, kind=kind)
    assert path.kinds == ("still",)
    assert (path.rotation == np.eye(3)).all()
    assert (path.confidence == 0).all()
    assert bool(path.notes) == (kind != "still")


@pytest.mark.parametrize("kind", ["auto", "still", "turning", "free"])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_hardly_any_frames(kind, count):
    path = solve(made.tracks(np.tile(np.eye(3), (count, 1, 1))), focal_px=500.0, kind=kind)
    assert len(path.index) == count
    assert len(path.kinds) == min(count, 1)
    assert np.isfinite(path.rotation).all()


def test_everything_moves_by_itself():
    true = np.tile(np.eye(3), (60, 1, 1))
    seen = made.tracks(true, movers=1.0, seed=3)
    path = solve(seen, focal_px=made.FOCAL)
    assert path.kinds == ("still",)
    assert np.isfinite(path.confidence).all()


def test_zoom_and_travel_at_once_is_no_crash_and_no_certainty():
    t = np.linspace(0, 1, FRAMES)
    true = made.turns(np.zeros((FRAMES, 3)))
    position = np.stack([1.5 * t, 0 * t, 0 * t], axis=1)
    seen = made.tracks(true, position, focal=made.FOCAL * (1 + 0.8 * t))
    path = solve(seen, focal_px=made.FOCAL)
    assert np.isfinite(path.rotation).all()
    assert path.confidence.mean() < 0.9 or path.notes


def test_what_was_asked_for_is_done():
    true = made.turns(np.linspace(0, 1, 60)[:, None] * [0, 15, 0])
    seen = made.tracks(true)
    assert solve(seen, focal_px=made.FOCAL, kind="still").kinds == ("still",)
    fallen = solve(seen, focal_px=made.FOCAL, kind="free")
    assert fallen.kinds == ("turning",)
    assert any("could not be solved" in note for note in fallen.notes)
    with pytest.raises(ValueError, match="kind"):
        solve(seen, focal_px=made.FOCAL, kind="wobbling")
    with pytest.raises(ValueError, match="focal_px"):
        solve(seen, focal_px=0.0)


def test_the_same_evidence_gives_the_same_path():
    true = made.turns(made.smooth(1, 80, [3, 8, 2]))
    seen = made.tracks(true, made.smooth(2, 80, 0.5))
    a, b = (solve(seen, focal_px=made.FOCAL) for _ in range(2))
    assert (a.rotation == b.rotation).all()
    assert (a.position == b.position).all()
