"""Which foot people stand on, and what that tells of up: of people made up."""

import numpy as np
import pytest
from world_cases import body, build, walk
from world_people import Walker, looking_down, write_people

from humantrack.body.kinematics import forward_kinematics
from humantrack.clips.source import ResultsSource
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.world.evidence import BOTH, LEFT, looks
from humantrack.world.ground import Known, find_ground, find_up
from humantrack.world.make import still_path
from humantrack.world.options import WorldOptions
from humantrack.world.stance import centre_of_mass, chosen, upright, ups
from humantrack.world.survey import Survey, rest_span

PERSON = body()
LEVEL = Known(up=np.array([0, -1.0, 0]))
FOCAL = 800.0


def about(axis, degrees):
    return axis_angle_to_matrix(np.radians(degrees) * np.eye(3)[axis])


def joints_of(local):
    turned, joints = forward_kinematics(local, PERSON.rest)
    return PERSON.joints45(turned, joints)


def balancing(count=90):
    """One who faces the viewer on the left leg, the right one stretched back, and keeps balance."""

    def posed(ahead, aside):
        local = np.tile(np.eye(3), (1, 24, 1, 1))
        lean = about(2, aside) @ about(0, ahead)
        local[0, 0] = lean
        local[0, 1] = lean.T
        local[0, 2] = lean.T @ about(0, 60)
        return local

    def off(ahead, aside):
        joints = joints_of(posed(ahead, aside))
        away = centre_of_mass(joints) - joints[:, [19, 21]].mean(axis=1)
        return float(np.linalg.norm(away[0, [0, 2]]))

    leans = [(ahead, aside) for ahead in range(0, 60, 2) for aside in range(-30, 31, 2)]
    local = posed(*leans[np.argmin([off(*lean) for lean in leans])])
    low = joints_of(local)[0, [19, 21], 1].min()
    pelvis = np.array([0, 0.02 - low, -5.0])
    return Walker(np.repeat(local, count, axis=0), np.tile(pelvis, (count, 1)))


def surveyed(path):
    survey = Survey()
    for batch in ResultsSource(path).batches():
        survey.add(batch)
    spans = {track_id: rest_span(one) for track_id, one in survey.bodies().items()}
    return survey.shots[0].rows(), spans


def test_the_centre_of_mass_of_a_straight_body_is_where_bodies_have_it():
    joints = joints_of(np.tile(np.eye(3), (1, 24, 1, 1)))
    sole = joints[0, [19, 21, 22, 24], 1].min()
    neck = joints[0, 1, 1] - sole
    height = float(centre_of_mass(joints)[0, 1] - sole) / neck
    assert 0.64 < height < 0.72, "0.55 to 0.57 of the whole, of which the neck is at 0.83"


@pytest.mark.parametrize("pitch", [0, 15])
def test_one_who_lifts_a_leg_does_not_lean(tmp_path, pitch):
    one = balancing()
    view = looking_down(len(one.pelvis), FOCAL, 1.5, pitch)
    path = write_people(tmp_path / "demo_one.pkl", [one], view, PERSON)
    stances, spans = surveyed(path)
    frames = np.arange(len(one.pelvis))
    camera = still_path(frames, frames * 0, FOCAL, (854, 480), is_told=True)
    rows = chosen(stances, camera, spans, LEVEL)
    np.testing.assert_array_equal(rows.up, stances.up[:, LEFT])
    true = view.rotation[0][:, 1]

    def off_deg(up):
        return float(np.degrees(np.arccos(np.clip(up @ true, -1, 1))))

    plain = looks(stances.on(np.full(len(stances), BOTH)), camera, spans)
    assert off_deg(find_ground(plain, LEVEL).up) > 12, "between his feet and the neck he leans"
    builder, _ = build(path, options=WorldOptions(focal_px=FOCAL))
    assert off_deg(builder.grounds[0].up) < 3


@pytest.mark.parametrize(("pitch", "turn"), [(12, 0), (40, 0), (40, 90)])
def test_who_walks_is_taken_to_stand_on_both_feet(tmp_path, pitch, turn):
    local, pelvis, _ = walk(PERSON, seconds=4)
    walker = Walker(local, pelvis).moved(turn, (0, -5))
    view = looking_down(len(pelvis), FOCAL, 1.0 + pitch / 10, pitch)
    stances, spans = surveyed(write_people(tmp_path / "demo_w.pkl", [walker], view, PERSON))
    frames = np.arange(len(pelvis))
    camera = still_path(frames, frames * 0, FOCAL, (854, 480), is_told=True)
    rows = chosen(stances, camera, spans, LEVEL)
    both = (rows.up == stances.up[:, BOTH]).all(axis=1)
    assert both.mean() > 0.9
    up = find_ground(looks(rows, camera, spans), LEVEL).up
    assert np.abs(find_up(looks(rows, camera, spans), LEVEL) - up).max() < 1e-4
    off = np.degrees(np.arccos(np.clip(up @ view.rotation[0][:, 1], -1, 1)))
    assert off < 4, "the four seconds are of steps to one side more than to the other"


def test_up_of_a_body_goes_from_the_feet_it_stands_on():
    local = np.tile(np.eye(3), (1, 24, 1, 1))
    up = ups(joints_of(local))
    assert up.shape == (1, 3, 3)
    assert up[0, BOTH, 1] > 0.99
    assert up[0, 1, 0] < 0 < up[0, 2, 0], "the left foot is to the left of the middle"


def test_who_sits_with_one_leg_crossed_tells_little_of_up():
    local = np.tile(np.eye(3), (1, 24, 1, 1))
    local[0, [1, 2]] = about(0, -85), about(0, -95)
    local[0, [4, 5]] = about(0, 85), about(0, 45)
    joints = joints_of(local)
    assert joints[0, 11, 1] - joints[0, 14, 1] > 0.2, "the right foot is in the air"
    assert upright(joints, ups(joints))[0, LEFT] < 0.1
    straight = joints_of(np.tile(np.eye(3), (1, 24, 1, 1)))
    assert upright(straight, ups(straight))[0, BOTH] > 0.9
