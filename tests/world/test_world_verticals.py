"""Up from vertical edges: of made edges, and of a drawn room whose camera is known."""

from dataclasses import replace
from itertools import islice

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world_cases import CLIPS, FOCAL_PX, changed, results_of

from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.results import iter_world
from humantrack.types import Frame, FrameRecord
from humantrack.world.camera import CameraSink, EvidenceFile
from humantrack.world.camera.lines import EVERY_S, MOST, find_lines
from humantrack.world.camera.writer import EvidenceWriter
from humantrack.world.edges import Edges, edges_of
from humantrack.world.ground import Known, find_ground, ground_with_edges
from humantrack.world.make import still_path, write_world
from humantrack.world.options import WorldOptions
from humantrack.world.verticals import find_verticals

SIZE = 640, 360
FOCAL = 560.0
ALL = np.full((360, 640), 255, np.uint8)


def camera(pitch=0.0, roll=0.0):
    """World (y up, seen along -z) to camera: first rolled, then looking down by ``pitch``."""
    flip = np.diag([1.0, -1.0, -1.0])
    down, side = np.radians(pitch), np.radians(roll)
    return axis_angle_to_matrix(np.array([[0, 0, side]]))[0] @ (
        axis_angle_to_matrix(np.array([[down, 0, 0]]))[0] @ flip
    )


def tilted(degrees, about):
    return axis_angle_to_matrix(np.radians(degrees) * np.array([about], float))[0]


def room(rotation, lean=None, doors=9):
    """A drawn picture of grey panels before a wall, and (H,W) uint8; ``lean`` turns the panels."""
    lean = np.eye(3) if lean is None else lean
    picture = np.full((SIZE[1] * 4, SIZE[0] * 4), 200, np.uint8)
    random = np.random.default_rng(3)
    for i in range(doors):
        x, z = (i - doors / 2 + 0.5) * 1.1, -6 - random.uniform(0, 3)
        corners = np.array([[x, -1.4, z], [x, 1.1, z], [x + 0.5, 1.1, z], [x + 0.5, -1.4, z]])
        middle = corners.mean(axis=0)
        corners = (corners - middle) @ lean.T + middle
        seen = corners @ rotation.T
        place = FOCAL * seen[:, :2] / seen[:, 2:] + np.array(SIZE) / 2
        grey = int(random.integers(40, 130))
        # Drawn four times as large, to a 16th of a pixel, and then reduced: edges are smooth.
        fixed = np.round((place * 4 - 0.5) * 16).astype(np.int32)
        cv2.fillConvexPoly(picture, fixed, grey, cv2.LINE_AA, 4)
    small = cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA).astype(float)
    return np.clip(small + random.normal(size=small.shape) * 2, 0, 255).astype(np.uint8)


def gathered(path, pictures, fps=2.0):
    """The evidence of pictures, as a run writes it."""
    with CameraSink(path) as sink:
        for index, grey in enumerate(pictures):
            key = {"index": index, "source_index": index, "key": str(index)}
            time_s = index / fps
            frame = Frame(**key, time_s=time_s, rgb=np.dstack([grey] * 3), is_shot_start=index == 0)
            sink.write(
                frame,
                FrameRecord(
                    **key, time_s=time_s, is_shot_start=index == 0,
                    image_size=grey.shape, people=(),
                ),
            )  # fmt: skip
    return list(EvidenceFile(path))


def edges_in(tmp_path, *pictures):
    frames = gathered(tmp_path / "a.camera", pictures)
    index = np.arange(len(frames))
    return edges_of(
        frames, still_path(index, index * 0, FOCAL, SIZE, is_told=True)
    )[0]  # fmt: skip


def off_deg(one, other):
    return float(np.degrees(np.arccos(np.clip(one @ other, -1, 1))))


@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (12, 0), (-8, 5), (25, -7)])
def test_a_drawn_room_gives_up(tmp_path, pitch, roll):
    rotation = camera(pitch, roll)
    true = rotation[:, 1]
    picture = room(rotation)
    first = unit_off(true, 5.0)
    found = find_verticals(edges_in(tmp_path, picture, picture), first, 2.0)
    assert found.is_used, found
    assert found.lines >= 5
    assert off_deg(found.up, true) < 0.3
    assert found.error_deg < 2
    assert found.apart_deg == pytest.approx(5.0, abs=0.4)


def unit_off(up, degrees):
    """A direction so far from another, in a fixed way."""
    side = np.cross(up, [0.3, 0.2, 0.9])
    return axis_angle_to_matrix(np.radians(degrees) * side[None] / np.linalg.norm(side))[0] @ up


@pytest.mark.parametrize("about", [(0, 0, 1), (1, 0, 0), (1, 0, 1)])
def test_a_scene_that_leans_changes_nothing(tmp_path, about):
    rotation = camera(8)
    about = np.array(about) / np.linalg.norm(about)
    edges = edges_in(tmp_path, room(rotation, tilted(20, about)))
    up = rotation[:, 1]
    assert not find_verticals(edges, up, 2.0).is_used
    known = Known(up=up)
    ground = ground_with_edges(None, known, edges)
    assert (ground.up == find_ground(None, known).up).all()
    assert ground.verticals.why


def made(random, up, count, wild=0, sigma=0.003):
    """Planes of vertical edges all round, and of others that lie as they like."""
    level = random.normal(size=(count, 3))
    level -= (level @ up)[:, None] * up
    normal = level / np.linalg.norm(level, axis=1)[:, None]
    normal = normal + random.normal(size=normal.shape) * sigma
    normal = np.concatenate([normal, random.normal(size=(wild, 3))])
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    total = count + wild
    return Edges(
        normal=normal,
        sigma=np.full(total, sigma),
        length=random.uniform(25, 120, total),
        frame=np.zeros(total, np.int64),
        stays=True,
    )


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_a_scene_that_is_turned_gives_up_turned(seed):
    random = np.random.default_rng(seed)
    up = np.array([0.0, -1.0, 0.0])
    edges = made(random, up, 20, wild=8)
    first = unit_off(up, 4.0)
    turn = axis_angle_to_matrix(random.normal(size=(1, 3)))[0]
    found = find_verticals(edges, first, 2.0)
    turned = find_verticals(replace(edges, normal=edges.normal @ turn.T), turn @ first, 2.0)
    assert found.is_used and turned.is_used
    assert off_deg(found.up, up) < 0.3
    assert off_deg(turned.up, turn @ found.up) < 1e-3
    assert turned.lines == found.lines or abs(turned.lines - found.lines) <= 2
    np.testing.assert_allclose(
        turned.information, turn @ found.information @ turn.T,
        rtol=0.2, atol=0.02 * np.abs(found.information).max(),
    )  # fmt: skip


def test_edges_at_random_are_no_verticals():
    up = np.array([0.0, -1.0, 0.0])
    used = [
        find_verticals(made(np.random.default_rng(seed), up, 0, wild=60, sigma=0.008), up, 3.0)
        for seed in range(40)
    ]
    assert not any(found.is_used for found in used)


def test_few_edges_and_edges_side_by_side_are_no_evidence():
    up = np.array([0.0, -1.0, 0.0])
    edges = made(np.random.default_rng(0), up, 40)
    assert find_verticals(None, up, 2.0).why == "no lines"
    assert find_verticals(edges.rows(np.arange(4)), up, 2.0).why == "too few lines"
    many = made(np.random.default_rng(0), up, 800)
    azimuth = np.degrees(np.arctan2(many.normal[:, 2], many.normal[:, 0])) % 180
    beside = many.rows(np.abs(azimuth - 90) < 4.5)
    assert len(beside) > 20
    assert find_verticals(beside, up, 2.0).why == "lines too close together"


def test_edges_close_together_fix_the_roll_alone():
    up = np.array([0.0, -1.0, 0.0])
    many = made(np.random.default_rng(0), up, 800)
    azimuth = np.degrees(np.arctan2(many.normal[:, 2], many.normal[:, 0])) % 180
    ahead = many.rows((azimuth < 7) | (azimuth > 173))  # edges ahead: their planes face sideways
    first = tilted(6, (1, 0, 0)) @ tilted(5, (0, 0, 1)) @ up
    found = find_verticals(replace(ahead, sigma=ahead.sigma * 6), first, 3.0)
    assert found.is_used and found.axes == 1
    assert abs(np.degrees(np.arcsin(found.up[0]))) < 0.5, "not rolled any more"
    assert np.degrees(np.arcsin(abs(found.up[2]))) == pytest.approx(6, abs=0.5), "still tilted"


def test_the_uncertainties_join_people_and_edges():
    up = np.array([0.0, -1.0, 0.0])
    edges = made(np.random.default_rng(1), up, 25)
    leaning = unit_off(up, 6.0)
    ground = ground_with_edges(None, Known(up=leaning), edges)
    assert ground.verticals.is_used
    assert off_deg(ground.up, up) < 0.3
    assert ground.up_error_deg < 1.5
    exact = ground_with_edges(None, Known(up=leaning, is_up_exact=True), edges)
    assert (exact.up == leaning / np.linalg.norm(leaning)).all()
    unsure = find_verticals(edges, unit_off(up, 1.0), 2.0, lens_error=0.3)
    assert unsure.is_used and unsure.error_deg >= find_verticals(edges, up, 2.0).error_deg


def test_a_travelling_camera_does_not_make_one_edge_many():
    up = np.array([0.0, -1.0, 0.0])
    edges = made(np.random.default_rng(2), up, 40)
    travels = replace(edges, stays=False, frame=np.arange(len(edges)) // 3)
    assert find_verticals(edges, up, 2.0).is_used
    assert find_verticals(travels, up, 2.0).why == "too few lines"


def test_lines_are_kept_off_people_and_of_bars():
    rotation = camera(5)
    picture = room(rotation)
    lines = find_lines(picture, ALL)
    assert 8 <= len(lines) <= MOST
    mask = ALL.copy()
    mask[:, 200:420] = 0
    rest = find_lines(picture, mask)
    assert 0 < len(rest) < len(lines)
    x = rest[:, [0, 2]]
    assert not ((x > 201) & (x < 419)).any()
    barred = picture.copy()
    barred[:, :60] = barred[:, -60:] = 0
    x = find_lines(barred, ALL)[:, [0, 2]]
    assert np.abs(x - 60).max(axis=1).min() > 1 and np.abs(x - 580).max(axis=1).min() > 1
    assert not len(find_lines(np.zeros((8, 8), np.uint8), ALL[:8, :8]))
    assert not len(find_lines(np.zeros((90, 160), np.uint8), ALL[:90, :160]))


def test_lines_are_looked_for_once_a_second_and_come_back(tmp_path):
    picture = room(camera(5))
    frames = gathered(tmp_path / "a.camera", [picture] * 25, fps=10 / EVERY_S)
    assert [frame.index for frame in frames if len(frame.lines)] == [0, 10, 20]
    np.testing.assert_array_equal(frames[10].lines, find_lines(picture, ALL))


def test_lines_are_the_same_after_a_stop(tmp_path):
    pictures = [room(camera(5 + i / 10)) for i in range(4)] * 6
    frames = gathered(tmp_path / "whole.camera", pictures, fps=7)
    at = 10

    def feed(sink, some):
        for index in some:
            key = {"index": index, "source_index": index, "key": str(index)}
            time_s, grey = index / 7, pictures[index]
            about = {**key, "time_s": time_s, "is_shot_start": index == 0}
            sink.write(
                Frame(**about, rgb=np.dstack([grey] * 3)),
                FrameRecord(**about, image_size=grey.shape, people=()),
            )

    path = tmp_path / "parts.camera"
    first = CameraSink(path)
    first.__enter__()
    feed(first, range(at))
    state = first.state_dict()
    feed(first, range(at, at + 3))  # lost again
    first.__exit__(KeyboardInterrupt, None, None)
    with CameraSink(path, state=state) as second:
        feed(second, range(at, len(pictures)))
    assert path.read_bytes() == (tmp_path / "whole.camera").read_bytes()
    assert sum(len(frame.lines) > 0 for frame in frames) == 4
    third = CameraSink(tmp_path / "third.camera")
    third.load_state_dict(state)
    assert third.state_dict()["lines"] == state["lines"]


@pytest.mark.parametrize("version", [1, 2])
def test_evidence_of_earlier_versions_has_no_lines(tmp_path, version):
    old = results_of("pan").with_suffix(".camera").read_bytes()
    assert old[:10] == b"HTCAMERA\x01\x00"
    if version == 2:
        old = b"HTCAMERA\x02\x00" + b"f" * 16 + old[10:]
    path = tmp_path / "old.camera"
    path.write_bytes(old)
    file = EvidenceFile(path)
    assert sum(len(frame.lines) for frame in file) == 0
    assert file.is_whole and len(list(file)) == 240
    assert file.source == ("f" * 16 if version == 2 else None)


def test_the_world_says_what_lines_told(tmp_path):
    name = "pan"
    evidence = EvidenceFile(results_of(name).with_suffix(".camera"))
    changed(results_of(name), tmp_path / "demo_x.pkl", lambda n, frame: frame if n < 31 else None)
    true = np.load(CLIPS / name / "truth.npz")["world_to_camera"]
    rotation = true @ true[0].T
    up = unit_off(true[0][:, 1].astype(float), 0.0)
    plain = list(islice(evidence, 31))
    frames = [
        replace(frame, lines=plumb(rotation[i], up, frame)) if i % 30 == 0 else frame
        for i, frame in enumerate(plain)
    ]
    write(tmp_path / "demo_x.camera", frames)
    back = list(EvidenceFile(tmp_path / "demo_x.camera"))
    for one, other in zip(frames, back, strict=True):
        np.testing.assert_allclose(one.lines, other.lines, atol=1 / 60)
    report = write_world(tmp_path / "demo_x.pkl", WorldOptions(focal_px=FOCAL_PX[name]))
    told = report.facts["shots"][0]["vertical_lines"]
    assert told["used"] and told["lines"] >= 8 and told["error_deg"] < 1
    assert f"up also from {told['lines']} vertical lines +-" in report.line
    first = next(frame for _, frame in iter_world(report.path))
    assert off_deg(first.camera_rotation[:, 1], up) < 0.6
    write(tmp_path / "demo_x.camera", plain)
    report = write_world(tmp_path / "demo_x.pkl", WorldOptions(focal_px=FOCAL_PX[name]))
    told = report.facts["shots"][0]["vertical_lines"]
    assert not told["used"] and told["why_not"] == "no lines"
    assert "vertical" not in report.line


def write(path, frames):
    writer = EvidenceWriter(path)
    writer.open()
    for frame in frames:
        writer.append(frame)
    writer.close(is_whole=True)


def plumb(rotation, up, frame):
    """Vertical edges before a camera that has turned, as they are in its picture: (9,4)."""
    size = np.array([frame.width, frame.height])
    middles = np.stack([np.linspace(0.1, 0.9, 9), np.full(9, 0.5)], axis=1) * size
    focal = FOCAL_PX["pan"]
    rays = np.concatenate([(middles - size / 2) / focal, np.ones((9, 1))], axis=1)
    ends = rays[:, None] + np.array([[-0.06], [0.06]]) * (rotation @ up)
    return ((ends[..., :2] / ends[..., 2:] * focal + size / 2) / frame.scale).reshape(9, 4)


@given(st.integers(0, 10**6), st.integers(0, 12), st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_edges_give_an_answer(seed, count, stays):
    random = np.random.default_rng(seed)
    up = np.array([0.0, -1.0, 0.0])
    edges = replace(made(random, up, count // 2, wild=count - count // 2), stays=stays)
    found = find_verticals(edges, up, float(random.uniform(0, 30)), lens_error=0.3)
    assert np.isfinite(found.up).all() and np.linalg.norm(found.up) == pytest.approx(1)
    assert np.isfinite(found.information).all()
    assert np.abs(found.information @ found.up).max() <= 1e-6 * max(found.information.max(), 1)
    assert found.is_used == (not found.why)
    if found.is_used:
        assert found.lines >= 5 and off_deg(found.up, up) <= 15.001
