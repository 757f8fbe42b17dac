"""The page in a real browser, against the fake service."""

from __future__ import annotations

import colorsys
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_api import FakeService, serve
from page_tools import DESKTOP, PATIENCE_MS, PHONE, check_axe, drop, expect, run_browser

LOOKS = [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")]
FPS = 30


@pytest.fixture(scope="module")
def browser():
    with run_browser() as running:
        yield running


@pytest.fixture
def fake():
    service = FakeService()
    server = serve(service)
    service.url = f"http://127.0.0.1:{server.server_port}/"
    service.server = server
    yield service
    service.close()
    server.shutdown()
    server.server_close()


@pytest.fixture
def open_page(browser, fake):
    """Opens the page; at the end nothing may be on the console, and all came from the server."""
    contexts, said, asked = [], [], []

    def build(size=DESKTOP, theme="light", *, path="", allow="", **options):
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=theme,
            has_touch=size == PHONE,
            accept_downloads=True,
            **options,
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()

        def hear(message):
            bad = message.type in ("error", "warning") and "GPU stall" not in message.text
            if bad and not (allow and re.search(allow, message.text)):
                said.append(message.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(fake.url + path)
        return page

    yield build
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in asked if not url.startswith((fake.url, "blob:", "data:"))] == []


def card(page, name):
    return page.locator("#jobs .card").filter(has_text=name)


def viewer_at(page, row: int):
    """Wait until a row is shown in 3D."""
    expect(page.locator(".viewer")).to_have_attribute("data-shown", str(row))


def open_clip(page):
    expect(page.locator(".viewer")).to_have_attribute("data-shown", re.compile(r"\d+"))


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


def test_progress_comes_by_polling_where_events_do_not(open_page, fake, data):
    fake.broken_events = True
    fake.pause_at = 0.5
    page = open_page(allow="503")
    drop(page, data / "demo_small.mp4", "walk.mp4")
    expect(card(page, "walk.mp4")).to_contain_text("50 % · 120 of 240 frames")
    fake.pause_at = 1.0
    expect(card(page, "walk.mp4").locator(".chip")).to_have_text("Done")


def test_a_token_is_asked_for_and_not_kept_where_scripts_can_read_it(open_page, fake):
    fake.token = "correct horse battery staple"
    fake.add("walk.mp4", "succeeded")
    page = open_page(allow="401")
    field = page.get_by_label("Token")
    expect(field).to_be_focused()
    check_axe(page)
    field.fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#login-error")).to_contain_text("does not know this token")
    field.fill(fake.token)
    page.keyboard.press("Enter")
    expect(card(page, "walk.mp4")).to_be_visible()
    assert [c["httpOnly"] for c in page.context.cookies()] == [True]
    kept = page.evaluate("document.cookie + JSON.stringify({...localStorage, ...sessionStorage})")
    assert "horse" not in kept
    assert fake.session not in kept
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("dialog", name="Log in")).to_be_visible()
    assert page.context.cookies() == []


def test_errors_are_told_in_plain_words(open_page, fake, data, tmp_path):
    fake.upload_bytes = 400_000
    page = open_page(allow="422|503")
    expect(page.get_by_role("heading", name="See people move")).to_be_visible()
    bad = tmp_path / "notes.mp4"
    bad.write_text("no video")
    drop(page, bad, "notes.mp4")
    uploads = page.locator("#uploads .card")
    expect(uploads).to_contain_text("not a video that can be read")
    uploads.get_by_role("button", name="Dismiss").click()
    drop(page, data / "demo.mp4", "big.mp4")
    expect(uploads).to_contain_text("larger than the 400 kB that the server takes")
    assert sum(r.startswith("POST /api/jobs") for r in fake.requests) == 1
    drop(page, data / "demo_small.mp4", "broken.mp4")
    broken = card(page, "broken.mp4")
    expect(broken).to_contain_text("not a video that can be read")
    broken.get_by_role("link").click()
    expect(page.get_by_text("This clip could not be finished")).to_be_visible()
    page.get_by_text("What the server says").click()
    expect(page.get_by_text("UnreadableSourceError, exit code 4")).to_be_visible()
    check_axe(page)


def test_a_lost_server_is_told_and_found_again(open_page, fake):
    fake.add("slow.mp4")
    page = open_page(allow="ERR_|Failed to load")
    expect(card(page, "slow.mp4").locator(".chip")).to_have_text("Running")
    page.context.set_offline(True)
    expect(page.get_by_role("alert").get_by_text("cannot be reached")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("cannot be reached")).to_have_count(0)


def test_jobs_are_tried_again_and_deleted(open_page, fake):
    job = fake.add("walk.mp4", "cancelled", frames=80)
    page = open_page(path=f"#/jobs/{job['id']}")
    head = page.locator(".job-head")
    head.get_by_role("button", name="Try again").click()
    expect(head.locator(".chip")).to_have_text("Done")
    open_clip(page)
    head.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Keep").click()
    assert job["id"] in fake.jobs
    head.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="See people move")).to_be_visible()
    assert job["id"] not in fake.jobs


def test_a_file_that_takes_long_to_make_is_waited_for(open_page, fake):
    job = fake.add("walk.mp4", "succeeded")
    page = open_page(path=f"#/jobs/{job['id']}", allow="503")
    open_clip(page)
    fake.slow_files = 2
    with page.expect_download() as coming:
        page.get_by_role("link", name="results.glb").click()
        expect(page.get_by_role("link", name="results.glb …")).to_be_visible()
    assert coming.value.suggested_filename == "results.glb"
    assert fake.slow_files == 0
    expect(page.get_by_role("link", name="results.glb", exact=True)).to_be_visible()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_long_names_fit(open_page, fake, tmp_path, size):
    name = "a_clip_with_a_very_long_name_" * 6 + ".mp4"
    job = fake.add(name, "succeeded")
    page = open_page(size, allow="422")
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    drop(page, bad, name)
    expect(page.locator("#uploads .card")).to_contain_text("not a video that can be read")
    fits = "e => e.scrollWidth <= e.clientWidth"
    assert page.locator(".side").evaluate(fits)
    assert page.locator("html").evaluate(fits)
    page.goto(f"{fake.url}#/jobs/{job['id']}")
    open_clip(page)
    assert page.locator("main").evaluate(fits)
    assert page.locator("html").evaluate(fits)


def test_names_are_text_whatever_is_in_them(open_page, fake):
    name = '<img src=x onerror="document.title=1"><script>document.title=2</script>.mp4'
    job = fake.add(name, "failed", error={"code": "<b>", "exit_code": 1, "detail": name})
    page = open_page(path=f"#/jobs/{job['id']}")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.get_by_text("What the server says").click()
    expect(page.locator("code").filter(has_text=name)).to_be_visible()
    assert page.title() == f"{name} – humantrack"


def test_without_a_video_the_people_play_all_the_same(open_page, fake):
    fake.overlay = None
    job = fake.add("walk.mp4", "succeeded")
    page = open_page(path=f"#/jobs/{job['id']}")
    open_clip(page)
    expect(page.get_by_text("No video was drawn of this clip.")).to_be_visible()
    page.keyboard.press(" ")
    expect(page.locator(".viewer")).to_have_attribute("data-shown", re.compile(r"^[1-9]\d$"))
    page.keyboard.press(" ")
    page.keyboard.press("Home")
    viewer_at(page, 0)


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
