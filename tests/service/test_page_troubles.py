"""The page when something is in the way: errors, lost servers, long names, no video."""

from __future__ import annotations

import re

import pytest
from page_tools import DESKTOP, PHONE, card, check_axe, drop, expect, open_clip, viewer_at


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
    fake.overlay = fake.clip = None
    job = fake.add("walk.mp4", "succeeded")
    page = open_page(path=f"#/jobs/{job['id']}")
    open_clip(page)
    expect(page.get_by_text("No video was drawn of this clip.")).to_be_visible()
    page.keyboard.press(" ")
    expect(page.locator(".viewer")).to_have_attribute("data-shown", re.compile(r"^[1-9]\d$"))
    page.keyboard.press(" ")
    page.keyboard.press("Home")
    viewer_at(page, 0)
