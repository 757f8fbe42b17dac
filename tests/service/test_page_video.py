"""The clip beside the people: as filmed, drawn over, or both; loading signs; the first view."""

from __future__ import annotations

import copy
import re

import cv2
import numpy as np
import pytest
from page_tools import DESKTOP, PHONE, card, check_axe, expect, open_clip, viewer_at


def picture(page, selector: str) -> np.ndarray:
    shot = page.locator(selector).screenshot()
    return cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR).astype(int)


def opened(open_page, fake, *size, **how):
    job = fake.add("walk.mp4", "succeeded")
    page = open_page(*size, path=f"#/jobs/{job['id']}", **how)
    open_clip(page)
    return page


def at_row(page, row: int) -> None:
    page.get_by_label("Place in the clip").fill(str(row))
    viewer_at(page, row)
    page.wait_for_function(  # a video that is still loading goes there with its first picture
        """row => {
            const video = document.querySelector("video");
            return !video.seeking && (row === 0 || video.currentTime > 0);
        }""",
        arg=row,
    )


@pytest.mark.parametrize(
    ("size", "theme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light")]
)
def test_the_clip_is_shown_as_filmed_drawn_over_or_both(open_page, fake, size, theme):
    page = opened(open_page, fake, size, theme)
    at_row(page, 150)
    pane = page.locator(".video-pane")
    assert page.locator("video").get_attribute("src").endswith("/original")
    expect(pane).to_have_attribute("data-drawn", "1 2 3 4")
    check_axe(page)
    page.locator(".tools, .wipe").evaluate_all("all => all.forEach(e => (e.style.opacity = 0))")
    drawn = picture(page, ".video-pane")
    page.get_by_role("button", name="Original").click()
    expect(pane).to_have_attribute("data-drawn", "")
    filmed = picture(page, ".video-pane")
    page.get_by_role("button", name="Both").click()
    slider = page.get_by_role("slider", name="Where the people begin to be drawn")
    slider.fill("50")
    check_axe(page)
    both = picture(page, ".video-pane")
    middle = both.shape[1] // 2
    left, right = np.s_[:, : middle - 5], np.s_[:, middle + 5 :]
    assert np.abs(drawn - filmed)[left].max() > 60
    assert np.abs(drawn - filmed)[right].max() > 60
    assert np.abs(both - filmed)[left].max() < 12
    assert np.abs(both - drawn)[right].max() < 12
    slider.fill("100")
    assert np.abs(picture(page, ".video-pane") - filmed)[:, :-12].max() < 12


def test_solo_changes_the_video_too(open_page, fake):
    page = opened(open_page, fake)
    at_row(page, 150)
    pane = page.locator(".video-pane")
    everybody = picture(page, ".video-pane")
    page.keyboard.press("3")
    expect(pane).to_have_attribute("data-drawn", "3")
    alone = picture(page, ".video-pane")
    about = fake.timeline
    scale = everybody.shape[1] / about["width"]
    boxes = {p["track_id"]: p["bbox"] for p in fake.frames[150]["people"]}

    def at_middle(shot, track_id):
        x, y, width, height = (scale * v for v in boxes[track_id])
        row, column = round(y + 0.45 * height), round(x + 0.5 * width)
        return shot[row - 1 : row + 2, column - 1 : column + 2].mean(axis=(0, 1))

    assert np.abs(at_middle(everybody, 3) - at_middle(alone, 3)).max() < 6
    assert np.abs(at_middle(everybody, 1) - at_middle(alone, 1)).max() > 40
    page.keyboard.press("b")
    assert np.abs(picture(page, ".video-pane") - alone).max() > 60  # a skeleton there too
    page.keyboard.press("0")
    page.keyboard.press("o")
    expect(page.get_by_role("button", name="Both")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("o")
    expect(page.get_by_role("button", name="Original")).to_have_attribute("aria-pressed", "true")


def test_a_clip_without_overlay_shows_the_original(open_page, fake):
    fake.overlay = None
    page = opened(open_page, fake)
    assert page.locator("video").get_attribute("src").endswith("/original")
    expect(page.get_by_role("button", name="Overlay")).to_be_visible()


def test_what_the_browser_cannot_play_is_made_playable(open_page, fake, tmp_path):
    fake.clip = tmp_path / "clip.avi"
    fake.clip.write_bytes(b"RIFF no browser plays this")
    page = opened(open_page, fake)
    expect(page.locator("video")).to_have_attribute("src", re.compile(r"/clip\.mp4$"))
    at_row(page, 100)
    assert page.locator("video").evaluate("v => v.currentTime") == pytest.approx(100.5 / 30)


def test_what_nobody_can_play_gives_way_to_the_drawn_video(open_page, fake, tmp_path):
    fake.clip = tmp_path / "clip.avi"
    fake.clip.write_bytes(b"RIFF no browser plays this")
    fake.playable = None
    page = opened(open_page, fake, allow="404")
    expect(page.locator("video")).to_have_attribute("src", re.compile(r"/files/overlay\.mp4$"))
    at_row(page, 100)
    assert page.locator("video").evaluate("v => v.currentTime") == pytest.approx(100.5 / 30)
    expect(page.get_by_role("button", name="Original")).to_be_hidden()


def test_a_part_of_a_clip_is_in_step_with_the_whole_clip(open_page, fake):
    fake.timeline = copy.deepcopy(fake.timeline)
    fake.frames = copy.deepcopy(fake.frames[60:120])
    first, last = fake.frames[0], fake.frames[-1]
    fake.timeline |= {"frames": 60, "duration_s": 2.0, "marks_s": [first["time_s"]]}
    for track in fake.timeline["tracks"]:
        track |= {"first": max(0, track["first"] - 60), "last": min(59, track["last"] - 60)}
    fake.timeline["tracks"] = [t for t in fake.timeline["tracks"] if t["first"] <= t["last"]]
    page = opened(open_page, fake)
    time = "v => v.currentTime"
    for row in (10, 0, 59):
        at_row(page, row)
        wanted = fake.frames[row]["time_s"] + 0.5 / 30
        assert page.locator("video").evaluate(time) == pytest.approx(wanted, abs=0.02)
    at_row(page, 30)
    page.keyboard.press(" ")
    viewer_at(page, 59)  # the clip goes on, what is shown does not
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert page.locator("video").evaluate(time) < last["time_s"] + 0.1


def test_what_loads_says_so(open_page, fake):
    page = open_page()
    held = {"timeline": [], "body.glb": [], "original": []}
    for name, some in held.items():
        page.route(f"**/{name}", lambda route, _, some=some: some.append(route))

    def go_on(name):
        for route in held[name]:
            route.continue_()

    fake.add("walk.mp4", "succeeded")
    card(page, "walk.mp4").get_by_role("link").click()
    expect(page.get_by_text("Opening the clip…")).to_be_visible()
    go_on("timeline")
    expect(page.get_by_text("Building the 3D view…")).to_be_visible()
    expect(page.get_by_text("Loading the video…")).to_be_visible()
    check_axe(page)
    go_on("body.glb")
    go_on("original")
    open_clip(page)
    for said in ("Opening the clip…", "Building the 3D view…", "Loading the video…"):
        expect(page.get_by_text(said)).to_be_hidden()


def labels(page) -> list[tuple[float, float]]:
    code = "all => all.filter(l => !l.hidden).map(l => l.style.transform)"
    found = page.locator(".label").evaluate_all(code)
    return [tuple(map(float, re.findall(r"-?[\d.]+(?=px)", one)[:2])) for one in found]


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("late", [False, True])
def test_the_first_view_frames_the_people(open_page, fake, size, late):
    if late:  # nobody is there for a long while
        fake.timeline, first = copy.deepcopy(fake.timeline), 150
        fake.frames = [
            {**f, "people": [] if i < first else f["people"]} for i, f in enumerate(fake.frames)
        ]
        for track in fake.timeline["tracks"]:
            track |= {"first": max(first, track["first"]), "gaps": []}
    page = opened(open_page, fake, size)
    if late:
        page.get_by_label("Place in the clip").fill("150")
        viewer_at(page, 150)
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
    box = page.locator(".world canvas").bounding_box()
    spots = labels(page)
    assert len(spots) >= 3
    columns = [x for x, _ in spots]
    assert min(columns) > 0
    assert max(columns) < box["width"]
    assert max(columns) - min(columns) > 0.6 * box["width"]
    assert all(0 < y < 0.8 * box["height"] for _, y in spots)


def test_space_plays_after_a_click_on_a_link_or_button(open_page, fake):
    page = opened(open_page, fake)
    pause = page.get_by_role("button", name="Pause")
    with page.expect_download():
        page.get_by_role("link", name="overlay.mp4", exact=True).click()
    page.keyboard.press(" ")
    expect(pause).to_be_visible()
    page.keyboard.press(" ")
    expect(pause).to_be_hidden()
    kinds = page.get_by_role("button", name="Skeletons")
    kinds.click()
    page.keyboard.press(" ")
    expect(pause).to_be_visible()
    page.keyboard.press(" ")
    expect(pause).to_be_hidden()
    page.get_by_role("button", name="Bodies").click()
    page.keyboard.press("Tab")  # now the focus is there by keys, and Space presses
    expect(kinds).to_be_focused()
    page.keyboard.press(" ")
    expect(kinds).to_have_attribute("aria-pressed", "true")
    expect(pause).to_be_hidden()


def test_two_hundred_clips_are_smooth(open_page, fake):
    for i in range(200):
        fake.add(f"clip_{i:03}.mp4", "succeeded")
    running = fake.add("slow.mp4")
    page = open_page()
    for shown in (50, 100, 150, 200):
        expect(page.locator("#jobs .card")).to_have_count(shown)
        page.get_by_role("button", name="Show older clips").click()
    expect(page.locator("#jobs .card")).to_have_count(201)
    lists = [r for r in fake.requests if r.startswith("GET /api/jobs?")]
    assert len(lists) < 20  # not one for each page of the list, each time
    # What changes is one card; the others are not touched.
    code = """() => new Promise((resolve) => {
      let touched = new Set();
      const watch = new MutationObserver((all) => all.forEach((m) => {
        const card = (m.target.closest ? m.target : m.target.parentElement).closest(".card");
        touched.add(card?.textContent.match(/\\w+\\.mp4/)[0] ?? "list");
      }));
      watch.observe(document.querySelector("#jobs"),
        {subtree: true, childList: true, attributes: true, characterData: true});
      setTimeout(() => resolve([...touched]), 1500);
    })"""
    fake.set(running, frames=0, progress=0.0)  # it goes on from there
    assert set(page.evaluate(code)) == {"slow.mp4"}
    side = page.locator(".side")
    side.evaluate("e => e.scrollTo(0, e.scrollHeight)")
    expect(card(page, "clip_000.mp4")).to_be_in_viewport()
    check_axe(page)
