"""Overlays: what is drawn, and what is left alone."""

from __future__ import annotations

import os
from dataclasses import replace

import cv2
import numpy as np
import pytest

from humantrack.errors import ConfigError
from humantrack.geometry.cameras import PaddedSquare
from humantrack.render import Overlay, RenderKind, identity_colour
from humantrack.render.palette import PALETTE, text_on

KINDS = ("HUMAN_MESH", "HUMAN_MASK", "HUMAN_BBOX", "SKELETON")
NAN2, NAN4 = np.full((45, 2), np.nan, np.float32), np.full(4, np.nan, np.float32)


def changed(picture, frame) -> np.ndarray:
    """(H,W) where a picture differs visibly from the frame."""
    return np.abs(picture.astype(int) - frame.rgb).max(axis=-1) > 8


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("HUMAN_MESH", RenderKind("MESH")),
        ("human_mask", RenderKind("MASK")),
        ("HUMAN_BBOX", RenderKind("BBOX")),
        ("SKELETON", RenderKind("SKELETON")),
        ("HUMAN_SKELETON", RenderKind("SKELETON")),
        ("TRACKID_12_MESH", RenderKind("MESH", track_id=12)),
        ("TRACKID_3_BBOX", RenderKind("BBOX", track_id=3)),
        ("GHOST_MESH", RenderKind("MESH", ghosts=True)),
    ],
)
def test_render_types(text, kind):
    assert RenderKind.parse(text) == kind


@pytest.mark.parametrize(
    "text", ["", "MESHES", "HUMAN", "TRACKID_x_MESH", "TRACKID__MESH", "HUM_MESH"]
)
def test_other_render_types_are_refused_with_the_known_ones(text):
    with pytest.raises(ConfigError, match=r"HUMAN_MESH.*TRACKID_<n>_MESH"):
        RenderKind.parse(text)


@pytest.mark.parametrize("name", [*KINDS, "HEAD_MASK"])
def test_pictures_look_as_they_did(name, *, body, frame, person, record, data):
    """Two people, one in front of the other, and a ghost. HUMANTRACK_WRITE_GOLDENS=1 redraws."""
    people = record(
        person(1, at=(-0.9, 0.0, 105.0)),
        person(2, at=(-0.5, 0.05, 85.0), turn=-0.9),
        person(3, at=(1.2, 0.0, 95.0), turn=2.6, missed=2),
    )
    kind = name if name in KINDS else "HUMAN_MESH"
    drawn = Overlay(body, kind=kind, head_mask=name == "HEAD_MASK").draw(frame, people)
    path = data / "render" / f"{name.lower()}.png"
    if os.environ.get("HUMANTRACK_WRITE_GOLDENS"):
        cv2.imwrite(str(path), drawn[..., ::-1])
    want = cv2.imread(str(path))[..., ::-1].astype(int)
    difference = np.abs(drawn - want).max(axis=-1)
    assert difference.mean() < 1.5
    assert (difference > 40).mean() < 0.01  # the shapes of letters differ between OpenCVs


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_without_people_is_left_as_it_is(kind, body, frame, record):
    drawn = Overlay(body, kind=kind).draw(frame, record())
    np.testing.assert_array_equal(drawn, frame.rgb)
    assert drawn is not frame.rgb


@pytest.mark.parametrize("kind", KINDS)
def test_drawing_changes_neither_the_frame_nor_itself(kind, body, frame, person, record):
    before, overlay, people = frame.rgb.copy(), Overlay(body, kind=kind), record(person())
    first = overlay.draw(frame, people)
    np.testing.assert_array_equal(frame.rgb, before)
    assert first.dtype == np.uint8 and changed(first, frame).any()
    np.testing.assert_array_equal(overlay.draw(frame, people), first)


@pytest.mark.parametrize(
    ("cap", "size"),
    [(1440, (180, 320)), (320, (180, 320)), (160, (90, 160)), (100, (56, 100)), (0, (180, 320))],
)
def test_the_cap_shrinks_and_never_enlarges(cap, size, *, body, frame, person, record):
    overlay = Overlay(body, output_resolution=cap)
    assert overlay.size(180, 320) == size
    assert overlay.draw(frame, record(person())).shape == (*size, 3)


@pytest.mark.parametrize("cap", [1440, 160])
def test_limbs_lie_where_the_joints_project(cap, body, frame, person, record):
    someone = person(at=(0.5, 0.1, 90.0))
    overlay = Overlay(body, output_resolution=cap)
    drawn = overlay.draw(frame, record(someone))
    scale = drawn.shape[1] / frame.width
    where = changed(drawn, replace(frame, rgb=overlay.draw(frame, record())))
    joints = PaddedSquare(180, 320).to_image(someone.observation.joints_2d[:15]) * scale
    for x, y in joints.astype(int):
        assert where[y, x]
    x0, y0, x1, y1 = someone.observation.xyxy_px * scale
    rows, columns = np.nonzero(where[int(y0) :])
    assert abs(columns.min() - x0) < 3 and abs(columns.max() - x1) < 3
    assert abs(rows.max() + int(y0) - y1) < 3


def test_the_nearer_hides_the_farther_whatever_their_order(body, frame, person, record):
    near = person(1, at=(0.0, 0.1, 90.0))
    far = person(2, at=(0.0, 0.1, 110.0))
    overlay = Overlay(body)
    both = overlay.draw(frame, record(near, far))
    np.testing.assert_array_equal(both, overlay.draw(frame, record(far, near)))
    body_of_near = np.s_[60:110, 156:164]
    alone = overlay.draw(frame, record(near))
    np.testing.assert_array_equal(both[body_of_near], alone[body_of_near])


def test_only_the_track_asked_for(body, frame, person, record):
    one, two = person(1, at=(-1.0, 0.1, 100.0)), person(2, at=(1.0, 0.1, 100.0))
    drawn = Overlay(body, kind="TRACKID_2_MESH").draw(frame, record(one, two))
    np.testing.assert_array_equal(drawn, Overlay(body).draw(frame, record(two)))


@pytest.mark.parametrize("kind", KINDS)
def test_people_missed_for_long_are_not_drawn(kind, body, frame, person, record):
    def strength(missed: int, **options) -> float:
        drawn = Overlay(body, kind=kind, **options).draw(frame, record(person(missed=missed)))
        return float(np.abs(drawn.astype(int) - frame.rgb).mean())

    assert 0 < strength(3) < 0.7 * strength(0)
    assert strength(3, show_ghosts=False) == strength(40) == 0


def test_ghosts_are_drawn_however_old(body, frame, person, record):
    drawn = Overlay(body, kind="GHOST_MESH").draw(frame, record(person(missed=40)))
    assert changed(drawn, frame).sum() > 500


def test_heads_can_be_left_out(body, frame, person, record):
    someone = record(person())
    whole = Overlay(body).draw(frame, someone)
    headless = Overlay(body, head_mask=True).draw(frame, someone)
    square = PaddedSquare(180, 320)
    nose, hip = square.to_image(someone.people[0].observation.joints_2d[[0, 8]]).astype(int)
    assert changed(whole, frame)[nose[1], nose[0]]
    assert not changed(headless, frame)[nose[1], nose[0]]
    np.testing.assert_array_equal(headless[hip[1], hip[0]], whole[hip[1], hip[0]])


def test_heads_of_an_unknown_body_cannot_be_left_out(body):
    class Plain:
        faces = body.faces

    with pytest.raises(ConfigError, match=r"render.head_mask.*Plain"):
        Overlay(Plain(), head_mask=True)


BROKEN = {
    "nan place": {"cam_t": np.array([np.nan, 0, 50])},
    "infinitely far": {"cam_t": np.array([0, 0, np.inf])},
    "huge": {"cam_t": np.array([0, 0, 3e38])},
    "on the camera": {"cam_t": np.zeros(3)},
    "behind": {"cam_t": np.array([0, 0, -50.0])},
    "beside the picture": {"cam_t": np.array([90.0, 0, 50])},
    "nan turn": {"global_orient": np.full((1, 3, 3), np.nan)},
    "no rotations": {"body_pose": np.full((23, 3, 3), 1e4)},
    "huge rotations": {"body_pose": np.full((23, 3, 3), 1e38)},
    "giant": {"betas": np.full(10, 500.0)},
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_body_in_view_is_not_drawn(what, body, frame, person, record):
    changes = {name: array.astype(np.float32) for name, array in BROKEN[what].items()}
    broken = person(1, joints_2d=NAN2, xyxy_px=NAN4, mask=None, **changes)
    healthy = person(2)
    overlay = Overlay(body)
    np.testing.assert_array_equal(overlay.draw(frame, record(broken)), frame.rgb)
    np.testing.assert_array_equal(
        overlay.draw(frame, record(broken, healthy)), overlay.draw(frame, record(healthy))
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [(-9.0, 0.1, 100.0), (9.0, 0.1, 100.0), (0.0, 9.0, 100.0)])
def test_people_outside_the_picture_are_not_drawn(kind, at, *, body, frame, person, record):
    outside = record(person(at=at, mask=None))
    np.testing.assert_array_equal(Overlay(body, kind=kind).draw(frame, outside), frame.rgb)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e30, 1e30, 1e7])
@pytest.mark.parametrize("kind", KINDS)
def test_joints_and_boxes_that_are_no_places_are_not_drawn(
    kind, bad, *, body, frame, person, record
):
    nowhere = person(
        cam_t=np.full(3, bad, np.float32),
        joints_2d=np.full((45, 2), bad, np.float32),
        xyxy_px=np.full(4, bad, np.float32),
        mask=None,
    )
    np.testing.assert_array_equal(Overlay(body, kind=kind).draw(frame, record(nowhere)), frame.rgb)


def test_one_joint_that_is_no_place_leaves_the_others(body, frame, person, record):
    joints = person().observation.joints_2d.copy()
    joints[4] = np.nan
    drawn = Overlay(body, kind="SKELETON").draw(frame, record(person(joints_2d=joints)))
    assert changed(drawn, frame).sum() > 300


@pytest.mark.parametrize("kind", KINDS)
def test_people_at_the_border_and_tiny_pictures(kind, body, make_frame, person, record):
    for height, width in ((180, 320), (9, 16), (2, 2)):
        frame = make_frame(height=height, width=width)
        for at in ((-2.5, 0.1, 100.0), (0.0, 1.9, 100.0), (0.0, -2.0, 30.0)):
            drawn = Overlay(body, kind=kind).draw(frame, record(person(at=at)))
            assert drawn.shape == frame.rgb.shape


def test_the_mask_is_tinted_at_every_size(body, frame, person, record):
    someone = record(person())
    for cap in (320, 160):
        drawn = Overlay(body, kind="HUMAN_MASK", output_resolution=cap).draw(frame, someone)
        x0, y0, x1, y1 = (someone.people[0].observation.xyxy_px * cap / 320).astype(int)
        small = cv2.resize(frame.rgb, drawn.shape[1::-1], interpolation=cv2.INTER_AREA)
        where = np.abs(drawn.astype(int) - small).max(axis=-1) > 8
        assert where[(y0 + y1) // 2, (x0 + x1) // 2]
        assert not where[y1 - 2, x0 + 2] and not where[y1 - 2, x1 - 2]


def test_without_a_mask_there_is_a_box(body, frame, person, record):
    someone = record(person(mask=None))
    drawn = Overlay(body, kind="HUMAN_MASK").draw(frame, someone)
    np.testing.assert_array_equal(drawn, Overlay(body, kind="HUMAN_BBOX").draw(frame, someone))


def test_ids_that_meet_have_colours_far_apart():
    for track_id in range(1, 40):
        near = np.array([identity_colour(track_id + step) for step in (1, 2)], float)
        assert np.linalg.norm(near - identity_colour(track_id), axis=1).min() > 60
    assert identity_colour(5) == identity_colour(5 + len(PALETTE))
    assert text_on((250, 250, 200)) == (0, 0, 0) and text_on((30, 20, 90)) == (255, 255, 255)


def test_an_overlay_knows_whom_alone_it_draws(body):
    assert Overlay(body, kind="TRACKID_3_MESH").only_track == 3
    assert Overlay(body).only_track is None
