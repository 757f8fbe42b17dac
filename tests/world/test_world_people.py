"""People made up, through the whole world pass: children beside adults, the lens, other bodies."""

from dataclasses import replace

import numpy as np
import pytest
from world_cases import body, build, walk
from world_people import Walker, looking_down, write_people

from humantrack.cli.world import main
from humantrack.results import iter_world
from humantrack.results.world import world_path
from humantrack.world.options import WorldOptions

PERSON = body()


def walker(seconds=4.0):
    local, pelvis, _ = walk(PERSON, seconds=seconds)
    return Walker(local, pelvis)


def test_a_child_walks_beside_an_adult_on_one_floor(tmp_path):
    one = walker()
    people = [one.moved(0, (0, -5)), one.moved(180, (0.4, -6), 0.6)]
    view = looking_down(len(one.pelvis), 900, 1.6, 8)
    path = write_people(tmp_path / "demo_two.pkl", people, view, PERSON)
    builder, frames = build(path, options=WorldOptions(focal_px=900.0))
    heights = {track_id: found.height_m for track_id, found in builder.bodies.items()}
    assert heights[2] / heights[1] == pytest.approx(0.6, abs=0.03)
    scale = heights[1] / PERSON.height_m  # of everything: nobody's height was said
    for row in range(2):
        found = np.array([frame.people[row].root_position for frame in frames]) / scale
        assert np.abs(found[:, 1] - people[row].pelvis[:, 1]).max() < 0.06
        assert np.linalg.norm(found - people[row].pelvis, axis=1).mean() < 0.25


def strode(one, to, between):
    """The walk in depth, from near to far, as fast as that takes."""
    found = one.moved(-90, to)
    found.pelvis[:, 2] = np.linspace(*between, len(found.pelvis))
    return found


@pytest.mark.parametrize("focal_px", [500.0, 650.0])
def test_people_who_come_nearer_tell_the_lens(tmp_path, focal_px):
    one = walker(8.0)
    view = looking_down(len(one.pelvis), focal_px, 2.5, 15)
    unit = focal_px / 650
    people = [
        strode(one, (0.6, 0), (-3.5 * unit, -11 * unit)),
        strode(one, (-0.6, 0), (-12 * unit, -4 * unit)),
    ]
    path = write_people(tmp_path / "demo_near.pkl", people, view, PERSON)
    builder, _ = build(path)
    assert builder.lens.how == "people"
    assert builder.lens.focal_px == pytest.approx(focal_px, rel=0.15)
    assert abs(np.log(builder.lens.focal_px / focal_px)) < 2 * builder.lens.error


def test_people_who_stay_at_one_distance_leave_the_lens_open(tmp_path):
    one = walker()
    view = looking_down(len(one.pelvis), 650.0, 2.5, 15)
    path = write_people(tmp_path / "demo_far.pkl", [one.moved(0, (0, -6))], view, PERSON)
    builder, _ = build(path)
    assert builder.lens.how == "assumed" and builder.lens.error == pytest.approx(0.5)


def test_joints_of_another_body_and_without_trust_make_a_world_too(tmp_path):
    longer = PERSON.rest.copy()
    longer[[4, 5, 7, 8]] *= 1.06  # legs that no betas of the shipped body have
    person = replace(PERSON, rest=longer, is_shipped=False)
    local, pelvis, _ = walk(person, seconds=3.0)
    view = looking_down(len(pelvis), 900, 1.6, 8)
    one = Walker(local, pelvis)
    path = write_people(tmp_path / "demo_hmr2.pkl", [one], view, person, is_rated=False)
    assert main([str(path), "world.focal_px=900", "world.camera=still"]) == 0
    found = [frame.people[0] for _, frame in iter_world(world_path(path))]
    at = np.array([person.root_position for person in found])
    assert np.ptp(at[:, 0]) == pytest.approx(np.ptp(pelvis[:, 0]), rel=0.1)
    legs = [
        np.linalg.norm(p.joints[a] - p.joints[b]) / p.scale
        for p in found
        for a, b in ((9, 10), (10, 11))
    ]
    wanted = np.linalg.norm(longer[[4, 7]] - longer[[1, 4]], axis=1)
    assert np.mean(legs) == pytest.approx(wanted.mean(), rel=0.12)
