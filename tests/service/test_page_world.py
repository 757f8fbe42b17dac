"""The world on the page: on one floor, with trails, in step with the video; and as filmed."""

from __future__ import annotations

import copy
import re

import pytest
from page_tools import DESKTOP, PHONE, check_axe, expect, open_clip, viewer_at


@pytest.fixture
def in_world(fake):
    """The usual clip with a world: everybody where the camera has them, 1.2 m lower; it travels."""
    fake.timeline = copy.deepcopy(fake.timeline)
    tracks = [
        {key: t[key] for key in ("track_id", "rest", "kind")} for t in fake.timeline["tracks"]
    ]
    way = [[row, 0.01 * row, 1.2, 0.0] for row in range(len(fake.frames))]
    fake.timeline["world"] = {"tracks": tracks, "shots": [0], "camera": way}
    fake.frames = copy.deepcopy(fake.frames)
    for row, frame in enumerate(fake.frames):
        people = [
            {
                **{key: p[key] for key in ("track_id", "state", "rotations")},
                "pelvis": [p["pelvis"][0] + 0.01 * row, p["pelvis"][1] + 1.2, p["pelvis"][2]],
                "contacts": [True, False, False, False],
            }
            for p in frame["people"]
        ]
        camera = {"position": way[row][1:], "rotation": [1, 0, 0, 0]}
        focal_px = fake.timeline["focal_px"]
        frame["world"] = {"camera": {**camera, "focal_px": focal_px}, "people": people}
    return fake


def spots(page):
    """Where the labels are: id -> (x, y)."""
    code = (
        """labels => labels.filter(l => !l.hidden).map(l => [l.textContent, l.style.transform])"""
    )
    found = page.locator(".label").evaluate_all(code)
    numbers = {text: re.findall(r"-?[\d.]+(?=px)", where)[:2] for text, where in found}
    return {text: tuple(map(float, two)) for text, two in numbers.items()}


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_people_are_on_the_floor_with_trails_in_step_with_the_video(open_page, in_world, size):
    in_world.add("walk.mp4", "succeeded")
    page = open_page(size)
    page.locator("#jobs .card a").first.click()
    open_clip(page)
    world = page.get_by_role("button", name="World", exact=True)
    expect(world).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Place in the clip").fill("100")
    viewer_at(page, 100)
    viewer = page.locator(".viewer")
    shown = {str(p["track_id"]) for p in in_world.frames[100]["world"]["people"]}
    assert set(viewer.get_attribute("data-trails").split()) <= shown
    assert viewer.get_attribute("data-trails")
    check_axe(page)

    page.get_by_role("button", name="Person 3").click()
    expect(viewer).to_have_attribute("data-trails", "3")
    page.get_by_role("button", name="Person 3").click()

    world.click()
    expect(world).to_have_attribute("aria-pressed", "false")
    expect(viewer).to_have_attribute("data-trails", "")


def test_through_the_camera_the_world_is_what_was_filmed(open_page, in_world):
    in_world.add("walk.mp4", "succeeded")
    page = open_page(DESKTOP)
    page.locator("#jobs .card a").first.click()
    open_clip(page)
    page.get_by_label("Place in the clip").fill("60")
    viewer_at(page, 60)
    page.get_by_role("button", name="Camera").click()
    page.wait_for_function("document.querySelectorAll('.label:not([hidden])').length > 0")
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
    in_the_world = spots(page)
    page.get_by_role("button", name="World", exact=True).click()
    page.get_by_role("button", name="Camera").click()
    expect(page.get_by_role("button", name="Camera")).to_have_attribute("aria-pressed", "true")
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
    as_filmed = spots(page)
    assert set(in_the_world) == set(as_filmed) != set()
    for text, spot in as_filmed.items():
        assert in_the_world[text] == pytest.approx(spot, abs=1)


def test_without_a_world_there_is_no_switch(open_page, fake):
    fake.add("walk.mp4", "succeeded")
    page = open_page(DESKTOP)
    page.locator("#jobs .card a").first.click()
    open_clip(page)
    expect(page.get_by_role("button", name="World", exact=True)).to_have_count(0)
    page.keyboard.press("w")
    expect(page.locator(".viewer")).to_have_attribute("data-trails", "")
