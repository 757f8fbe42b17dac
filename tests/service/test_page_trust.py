"""Scenes and the page say how far people and their joints are to be trusted."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from marshmallow import ValidationError
from trust_tools import rate_file

from humantrack.results import load_results
from humantrack.service.web.schemas import FramesOut
from humantrack.service.workers import scene
from humantrack.types import JointSource

_spec = importlib.util.spec_from_file_location(
    "results_for_trust", Path(__file__).parents[1] / "export" / "conftest.py"
)
_makers = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _makers  # dataclasses look there
_spec.loader.exec_module(_makers)
make_results = _makers.make_results


def sources(track, frame):
    of_joint = np.zeros(45, np.uint8)
    of_joint[[3, 4]] = JointSource.HIDDEN, JointSource.MADE_UP  # right elbow and wrist
    if track == 2:
        of_joint[:] = JointSource.HELD
    return None if frame == 3 else of_joint


def test_a_scene_tells_confidence_pose_and_parts(make_results, tmp_path):
    path = rate_file(make_results(), sources)
    made = json.loads(scene.frames(path, tmp_path / "made", 0, 40))
    FramesOut().load(made)
    raw = list(load_results(path).values())
    for frame in made["frames"]:
        for person in frame["people"]:
            if frame["index"] == 3:
                assert not {"confidence", "pose", "parts"} & set(person)
                continue
            entry = raw[frame["index"]]
            i = entry["tid"].index(person["track_id"])
            joints = entry["joint_confidence"][i]
            body = np.delete(joints[:25], 8)
            assert person["confidence"] == pytest.approx(body.mean(), abs=1e-3)
            parts = {part["name"]: part for part in person["parts"]}
            arm = parts["right arm"]
            assert arm["confidence"] == pytest.approx(joints[2:5].mean(), abs=1e-3)
            if person["track_id"] == 2:
                assert person["pose"] == "held"
                assert {part["source"] for part in parts.values()} == {"held"}
            else:
                assert (person["pose"], arm["source"]) == ("seen", "made_up")
                assert {p["source"] for n, p in parts.items() if n != "right arm"} == {"seen"}
    person = made["frames"][0]["people"][0]
    person["pose"] = "invented"
    with pytest.raises(ValidationError):
        FramesOut().load(made)


def test_without_it_a_scene_is_as_it_was(make_results, tmp_path):
    made = json.loads(scene.frames(make_results(), tmp_path / "made", 0, 40))
    usual = {"track_id", "state", "score", "bbox", "pelvis", "rotations"}
    assert {
        key for frame in made["frames"] for person in frame["people"] for key in person
    } == usual


def rate(fake):
    """Person 1 has a guessed arm, 2 is held from row 20 on, 3 is guessed; 4 says nothing."""
    names = ("head", "left arm", "right arm", "left leg", "right leg")
    for row, frame in enumerate(fake.frames):
        for person in frame["people"]:
            pose = {1: "seen", 2: "held" if row >= 20 else "seen", 3: "made_up"}
            if (track := person["track_id"]) not in pose:
                continue
            parts = [{"name": n, "confidence": 0.9, "source": pose[track]} for n in names]
            if track == 1:
                parts[1] = {"name": "left arm", "confidence": 0.214, "source": "made_up"}
            person |= {"confidence": 0.834, "pose": pose[track], "parts": parts}


def test_the_page_marks_and_names_what_is_guessed(fake, request):
    tools = pytest.importorskip("page_tools")
    expect = tools.expect
    open_page = request.getfixturevalue("open_page")
    rate(fake)
    job = fake.add("walk.mp4", "succeeded")
    page = open_page(path=f"#/jobs/{job['id']}")
    tools.open_clip(page)
    page.get_by_label("Place in the clip").fill("150")
    tools.viewer_at(page, 150)
    expect(page.locator(".label:visible")).to_have_text(["1", "2 ?", "3 ?", "4"])
    panel = page.get_by_role("region", name="Chosen person")
    page.get_by_role("button", name="Person 1").click()
    expect(panel).to_contain_text("Poseseen")
    expect(panel).to_contain_text("83 %")
    expect(panel).to_contain_text("left arm guessed (21 %)")
    page.get_by_role("button", name="Person 2").click()
    expect(panel).to_contain_text("held from before")
    tools.check_axe(page)
    page.get_by_role("button", name="Person 4").click()
    expect(panel.get_by_text("Confidence")).to_be_hidden()
    page.get_by_label("Place in the clip").fill("5")
    tools.viewer_at(page, 5)
    page.get_by_role("button", name="Person 2").click()
    expect(panel).to_contain_text("Less surenothing")
    lane = page.locator(".lane").nth(2).bounding_box()
    page.mouse.move(lane["x"] + lane["width"] * 30.5 / 240, lane["y"] + 5)
    expect(page.locator(".tip")).to_contain_text("pose guessed, 83 % sure")
