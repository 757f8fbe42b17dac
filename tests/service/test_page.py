"""The page in a real browser, against the fake service."""

from __future__ import annotations

import colorsys
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from page_tools import DESKTOP, PHONE, card, check_axe, drop, expect, open_clip, viewer_at

LOOKS = [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")]
FPS = 30


def video_row(page) -> float:
    """The row that the video is at, once it has arrived."""
    page.locator("video").evaluate(
        "v => v.seeking ? new Promise(r => v.addEventListener('seeked', r, {once: true})) : 0"
    )
    return page.locator("video").evaluate("v => v.currentTime") * FPS


def scrub(page, row: int) -> None:
    """Move the scrubber, and see that people and video follow."""
    page.get_by_label("Place in the clip").fill(str(row))
    viewer_at(page, row)
    assert video_row(page) == pytest.approx(row + 0.5, abs=0.5)


@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_a_clip_is_dropped_watched_and_taken_away(open_page, fake, data, size, theme):
    other = fake.add("slow_other.mp4")
    fake.pause_at = 0.5
    page = open_page(size, theme)
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    expect(card(page, "slow_other")).to_be_visible()
    check_axe(page)
    drop(page, data / "demo_small.mp4", "walk.mp4")
    mine = card(page, "walk.mp4")
    expect(mine.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "50")
    expect(mine).to_contain_text("120 of 240 frames")
    check_axe(page)
    fake.pause_at = 1.0
    expect(mine.locator(".chip")).to_have_text("Done")
    expect(page.get_by_role("status").filter(has_text="walk.mp4 is done.")).to_have_count(1)
    card(page, "slow_other").get_by_role("button", name="Cancel").click()
    expect(card(page, "slow_other").locator(".chip")).to_have_text("Cancelled")
    assert other["state"] == "cancelled"

    mine.get_by_role("link").click()
    open_clip(page)
    expect(page.get_by_role("heading", name="walk.mp4")).to_be_visible()
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.locator(".viewer")).to_have_attribute("data-shown", re.compile(r"^[1-9]\d$"))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    row = int(page.locator(".viewer").get_attribute("data-row"))
    assert video_row(page) == pytest.approx(row + 0.5, abs=0.5)
    for target in (200, 20, 121, 119, 239, 0):
        scrub(page, target)
    scrub(page, 150)

    person = page.get_by_role("button", name="Person 3")
    expect(page.locator(".label:visible")).to_have_count(4)
    person.click()
    expect(person).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".label:visible")).to_have_text(["3"])
    panel = page.get_by_role("region", name="Chosen person")
    expect(panel).to_contain_text("226 frames")
    expect(panel).to_contain_text("14 frames in 1 gap")
    check_axe(page)
    page.get_by_role("button", name="Show everybody").click()
    expect(page.locator(".label:visible")).to_have_count(4)

    with page.expect_download() as coming:
        page.get_by_role("link", name="results.json", exact=True).click()
    assert coming.value.suggested_filename == "results.json"
    assert json.loads(Path(coming.value.path()).read_text())["format"] == "humantrack"
    if size == PHONE:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        page.get_by_role("link", name="All clips").click()
        expect(mine).to_be_visible()


def test_through_the_videos_camera_everybody_is_where_the_picture_has_them(open_page, fake):
    job = fake.add("walk.mp4", "succeeded")
    page = open_page(path=f"#/jobs/{job['id']}")
    open_clip(page)
    scrub(page, 150)
    page.keyboard.press("c")
    expect(page.get_by_role("button", name="Camera")).to_have_attribute("aria-pressed", "true")
    colours = {t["track_id"]: t["color"] for t in fake.timeline["tracks"]}
    page.locator(".labels").evaluate("e => { e.hidden = true; }")
    frame = fake.frames[150]
    canvas = page.locator(".world canvas")
    box = canvas.bounding_box()
    picture = cv2.imdecode(np.frombuffer(canvas.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    about = fake.timeline
    scale = min(box["width"] / about["width"], box["height"] / about["height"])
    for person in frame["people"]:
        x, y, z = person["pelvis"]
        column = round(box["width"] / 2 + scale * about["focal_px"] * x / -z)
        row = round(box["height"] / 2 - scale * about["focal_px"] * y / -z)
        seen = picture[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3).mean(axis=0)
        hue, saturation, _ = colorsys.rgb_to_hsv(*(seen[::-1] / 255))
        wanted = colours[person["track_id"]]
        rgb = [int(wanted[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        apart = abs((hue - colorsys.rgb_to_hsv(*rgb)[0] + 0.5) % 1 - 0.5)
        assert saturation > 0.2, person["track_id"]
        assert apart < 0.04, person["track_id"]


def test_it_can_be_used_by_keys_alone(open_page, fake):
    job = fake.add("walk.mp4", "succeeded")
    page = open_page(path=f"#/jobs/{job['id']}")
    open_clip(page)
    press = page.keyboard.press
    for key, row in (
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowLeft", 1),
        ("End", 239),
        ("Shift+ArrowLeft", 209),
        ("Home", 0),
        ("Shift+ArrowRight", 30),
    ):
        press(key)
        viewer_at(page, row)
    press("2")
    expect(page.locator(".label:visible")).to_have_text(["2"])
    press("0")
    expect(page.locator(".label:visible")).to_have_count(3)
    press("b")
    expect(page.get_by_role("button", name="Skeletons")).to_have_attribute("aria-pressed", "true")
    press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    check_axe(page)
    press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    press(" ")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    press(" ")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    canvas = page.get_by_role("application")
    row = page.locator(".viewer").get_attribute("data-row")
    before = canvas.screenshot()
    canvas.focus()
    press("ArrowLeft")
    press("+")
    expect(page.locator(".viewer")).to_have_attribute("data-row", row)  # turned, not stepped
    assert canvas.screenshot() != before


def test_the_pointer_tells_frame_and_score(open_page, fake):
    job = fake.add("walk.mp4", "succeeded")
    page = open_page(path=f"#/jobs/{job['id']}")
    open_clip(page)
    lane = page.locator(".lane").nth(2).bounding_box()
    for row, said in ((30, "score 0."), (50, "out of sight"), (200, "score 0.")):
        page.mouse.move(lane["x"] + lane["width"] * (row + 0.5) / 240, lane["y"] + 5)
        expect(page.locator(".tip")).to_contain_text(f"Person 3 · frame {row} · {said}")
    lane = page.locator(".lane").nth(3).bounding_box()
    page.mouse.move(lane["x"] + lane["width"] * 10.5 / 240, lane["y"] + 5)
    expect(page.locator(".tip")).to_have_text("Person 4 · frame 10 · not there")


def test_long_clips_are_fetched_in_chunks_and_few_are_kept(open_page, fake):
    fake.lengthen(40)
    job = fake.add("long.mp4", "succeeded")
    page = open_page()
    kept, rows = page.evaluate(
        """async ([id, timeline]) => {
          const {Chunks} = await import("/static/js/chunks.js");
          const chunks = new Chunks(id, timeline);
          const kept = [];
          for (let row = 5; row < timeline.frames; row += 400) {
            if (!chunks.at(row))
              await new Promise((r) => chunks.addEventListener("loaded", r, {once: true}));
            kept.push(chunks.kept);
          }
          const rows = [];
          for (let row = 1203; row < 1318; row += 7)
            rows.push(chunks.rowAt(chunks.timeOf(row)) - row);
          chunks.at(1205);
          await new Promise((r) => chunks.addEventListener("loaded", r, {once: true}));
          for (let row = 1203; row < 1318; row += 7)
            rows.push(chunks.rowAt(chunks.timeOf(row)) - row,
                      chunks.rowAt(chunks.timeOf(row) + 0.02) - row,
                      chunks.rowAt(chunks.timeOf(row) - 0.02) - row + 1);
          return [kept, rows];
        }""",
        [job["id"], fake.timeline],
    )
    assert max(kept) == 12
    assert set(rows) == {0}
    asked = [re.search(r"frames\?start=(\d+)&count=(\d+)", r) for r in fake.requests]
    assert all(int(m[2]) <= 120 for m in asked if m)
    assert sum(m is not None for m in asked) < 30


def test_options_go_with_the_clip(open_page, fake, data):
    page = open_page()
    page.get_by_text("Options for new clips").click()
    page.get_by_label("From").fill("1m30s")
    page.get_by_label("The clip has cuts").select_option("Yes")
    page.get_by_label("Drawn as").select_option("SKELETON")
    drop(page, data / "demo_small.mp4", "walk.mp4")
    expect(card(page, "walk.mp4")).to_be_visible()
    (job,) = fake.jobs.values()
    wanted = {"start_time": "1m30s", "detect_shots": True, "render.type": "SKELETON"}
    assert job["overrides"] == wanted


def test_the_choice_of_colours_is_kept(open_page):
    page = open_page(theme="light")
    page.get_by_label("Colours").select_option("dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_nothing_moves_for_who_wants_no_motion(open_page, fake):
    fake.add("slow.mp4", "running", progress=None, frames_total=240)
    page = open_page(reduced_motion="reduce")
    bar = card(page, "slow.mp4").locator(".fill")
    expect(bar).to_be_visible()
    moves = "e => [getComputedStyle(e).animationName, getComputedStyle(e).transitionDuration]"
    assert bar.evaluate(moves) == ["none", "0s"]
