"""Worlds of drawn clips whose camera and people are known exactly, and of changes of them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from world_cases import (
    CLIPS,
    FOCAL_PX,
    build,
    changed,
    results_of,
    still,
    true_camera,
    with_people,
)
from world_measures import measure

from humantrack.world.camera import EvidenceFile, evidence_path, solve
from humantrack.world.options import WorldOptions


@cache
def world(name: str):
    """With the lens given and the camera found."""
    path = results_of(name)
    evidence = EvidenceFile(evidence_path(path))
    return build(
        path,
        lambda focal_px, *_: solve(evidence, focal_px=focal_px),
        evidence=evidence,
        options=WorldOptions(focal_px=FOCAL_PX[name]),
    )


LIMITS = {
    # wa mm, rte %, jitter, slide mm, pa mm (as estimated), up deg, floor mm
    "pan": (75.0, 2.5, 14.0, 14.0, 48.6, 2.0, 30.0),
    "dolly": (65.0, 6.0, 14.0, 14.0, 45.6, 3.0, 60.0),
}


@pytest.mark.parametrize("name", LIMITS)
def test_people_are_where_they_were(name):
    _, frames = world(name)
    truth = np.load(CLIPS / name / "truth.npz")
    found = measure(frames, truth)
    names = ("wa", "rte", "jitter", "slide", "pa", "up_deg", "floor_mm")
    for key, limit in zip(names, LIMITS[name], strict=True):
        assert abs(found[key]) <= limit, f"{key} {found[key]:.2f}"


def test_the_floor_of_the_background_tells_how_far_the_camera_travels():
    builder, frames = world("dolly")
    truth = np.load(CLIPS / "dolly" / "truth.npz")["camera_position"]
    true = np.linalg.norm(truth[-1] - truth[0])
    found = np.linalg.norm(frames[-1].camera_position - frames[0].camera_position)
    assert found == pytest.approx(true, rel=0.08)
    assert builder.grounds[0].unit_error < 0.2


def test_the_first_camera_is_above_the_origin_and_looks_along_minus_z():
    for name in ("pan", "dolly"):
        first = world(name)[1][0]
        np.testing.assert_allclose(first.camera_position[[0, 2]], 0, atol=1e-9)
        assert first.camera_position[1] > 1
        heading = first.camera_rotation[2]
        assert abs(heading[0]) < 1e-6 and heading[2] < -0.9


def test_a_turning_camera_gives_the_lens_away():
    path = results_of("pan")
    evidence = EvidenceFile(evidence_path(path))
    builder, _ = build(path, lambda focal_px, *_: solve(evidence, focal_px=focal_px))
    assert builder.lens.how == "turning"
    assert builder.lens.focal_px == pytest.approx(780, rel=0.03)


def test_with_the_camera_given_the_world_is_that_of_the_file():
    builder, frames = build(results_of("pan"), lambda *_: true_camera("pan"))
    assert builder.lens.how == "camera file"
    truth = np.load(CLIPS / "pan" / "truth.npz")
    found = measure(frames, truth)
    assert found["up_deg"] < 1.5 and found["rte"] < 2.5
    again = build(results_of("pan"), lambda *_: true_camera("pan"))[1]
    for one, other in zip(frames, again, strict=True):
        for a, b in zip(one.people, other.people, strict=True):
            np.testing.assert_array_equal(a.joints, b.joints)


def test_windows_agree_with_the_whole(tmp_path):
    whole = build(results_of("dolly"), lambda *_: true_camera("dolly"), core_s=np.inf)[1]
    cut = build(results_of("dolly"), lambda *_: true_camera("dolly"), core_s=2.0)[1]
    assert [f.index for f in whole] == [f.index for f in cut]
    apart = [
        np.linalg.norm(a.joints - b.joints, axis=-1).mean()
        for one, other in zip(whole, cut, strict=True)
        for a, b in zip(one.people, other.people, strict=True)
        if a.track_id == b.track_id
    ]
    assert np.median(apart) < 0.01 and np.percentile(apart, 95) < 0.06


def test_one_body_per_track_and_joints_of_that_body():
    from humantrack.body import load_mannequin

    _, frames = world("pan")
    shapes: dict[int, set[bytes]] = {}
    for frame in frames:
        for person in frame.people:
            shapes.setdefault(person.track_id, set()).add(person.betas.tobytes())
    assert all(len(of_one) == 1 for of_one in shapes.values())
    person = frames[60].people[0]
    turned, joints = load_mannequin().forward_kinematics(
        person.root_rotation[None], person.body_pose[None], person.betas[None]
    )
    every = load_mannequin().phalp_joints(turned, joints, person.betas[None])[0]
    np.testing.assert_allclose(person.joints - person.joints[8], every - every[8], atol=2e-3)


def test_heights_that_are_given():
    options = WorldOptions(focal_px=780.0, heights_m={1: 1.5}, person_height_m=1.9)
    builder, _ = build(results_of("pan"), options=options)
    assert builder.bodies[1].height_m == pytest.approx(1.5, abs=0.01)
    assert builder.bodies[2].height_m == pytest.approx(1.9, abs=0.01)


def test_a_camera_height_that_is_given():
    options = WorldOptions(focal_px=780.0, camera_height_m=3.0)
    _, frames = build(results_of("pan"), options=options)
    assert frames[0].camera_position[1] == pytest.approx(3.0, abs=0.01)


def _first(count):
    return lambda number, frame: frame if number < count else None


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("nobody", lambda number, frame: with_people(frame, [])),
        ("one frame", _first(1)),
        ("three frames", _first(3)),
        ("a crowd", lambda n, f: _crowd(f) if n < 40 else None),
        ("cuts", lambda n, f: {**f, "shot": int(n in (50, 53, 100))} if n < 130 else None),
        ("gaps", lambda n, f: with_people(f, []) if 20 <= n % 60 < 35 else f),
        ("all flicker", lambda n, f: with_people(f, []) if n % 2 else f),
    ],
)
def test_what_happens(what, change, tmp_path):
    path = changed(results_of("dolly"), tmp_path / "demo_x.pkl", change)
    builder, frames = build(path)
    assert len(frames) == builder.frame_count
    for frame in frames:
        assert np.isfinite(frame.camera_position).all()
        for person in frame.people:
            assert np.isfinite(person.joints).all() and np.isfinite(person.body_pose).all()
            assert person.joints[[2, 5, 1], 1].min() > 0.3, "no floor through the chest"
    if what == "cuts":
        assert [f.shot for f in frames][-1] == 3 and len(builder.grounds) == 4
    if what == "nobody":
        assert not any(frame.people for frame in frames)
    if what == "a crowd":
        assert max(len(frame.people) for frame in frames) == 20


def _crowd(frame):
    count = len(frame["tid"])
    rows = [i % count for i in range(20)] if count else []
    more = with_people(frame, rows)
    return {**more, "tid": list(range(1, len(rows) + 1))}


def test_nobodys_feet_are_seen(tmp_path):
    def hidden(_, frame):
        rows = [19, 20, 21, 22, 23, 24, 11, 14]
        sources = []
        for source in frame["joint_source"]:
            new = np.array(source)
            new[rows] = 3
            sources.append(new)
        return {**frame, "joint_source": sources}

    path = changed(results_of("pan"), tmp_path / "demo_x.pkl", hidden)
    builder, frames = build(path)
    assert not builder.grounds[0].has_floor
    chests = [p.joints[1, 1] for f in frames for p in f.people]
    assert np.percentile(chests, 5) > 0.8


def test_the_still_camera_does_not_move_at_all():
    _, frames = build(results_of("pan"), still)
    assert {f.camera_position.tobytes() for f in frames} == {frames[0].camera_position.tobytes()}
