"""Live jobs on the page: begun, watched in 2D and 3D, stopped; pictures that are being made."""

from __future__ import annotations

import re

import cv2
import pytest
from page_tools import DESKTOP, PHONE, card, check_axe, expect


def begin(page) -> None:
    page.get_by_role("button", name="Record a live source").click()
    dialog = page.get_by_role("dialog")
    check_axe(page)
    dialog.get_by_label("Source").select_option("yard")
    dialog.get_by_label("Longest").fill("10m")
    dialog.get_by_role("button", name="Begin").click()


@pytest.mark.parametrize(("size", "theme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_a_source_is_recorded_watched_and_kept(open_page, fake, size, theme):
    fake.live_sources = ["front", "yard"]
    page = open_page(size, theme)
    begin(page)
    view = page.locator(".live-view")
    expect(view).to_have_attribute("data-shown", re.compile(r"^[1-9]\d$"))
    [job] = fake.jobs.values()
    assert (job["live"]["source"], job["overrides"]) == ("yard", {"live.duration": "10m"})
    shown = [int(id) for id in view.get_attribute("data-people").split()]
    expect(page.locator(".label:visible")).to_have_count(len(shown))
    assert len(shown) >= 3
    expect(view).to_contain_text("0.2 s after it was seen")
    picture = page.get_by_role("img", name="What the source shows now")
    assert picture.evaluate("i => i.naturalWidth") > 0
    page.keyboard.press("b")
    expect(page.get_by_role("button", name="Skeletons")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Centre").click()
    check_axe(page)
    fake.set(job, warnings=["the source is lost since 10:00:00 UTC and is tried again"])
    expect(page.get_by_role("list", name="Warnings")).to_contain_text("The source is lost since")
    fake.set(job, warnings=[])
    page.get_by_role("button", name="Stop and keep").click()
    expect(page.locator(".viewer")).to_have_attribute("data-shown", "0")
    expect(page.get_by_role("button", name="Record again")).to_be_visible()
    expect(page.get_by_role("button", name="Stop and keep")).to_have_count(0)
    assert sum("/live/scene" in one for one in fake.requests) == 1


def test_what_is_not_kept_is_gone(open_page, fake):
    fake.live_sources = ["yard"]
    page = open_page()
    begin(page)
    expect(page.locator(".live-view")).to_have_attribute("data-shown", re.compile(r"\d"))
    page.get_by_role("button", name="Stop and delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop and delete").click()
    expect(page.get_by_role("heading", name="See people move")).to_be_visible()
    assert fake.jobs == {}


def test_a_recording_is_stopped_from_the_list(open_page, fake):
    fake.live_sources = ["yard"]
    page = open_page()
    begin(page)
    card(page, "yard").get_by_role("button", name="Stop").click()
    expect(card(page, "yard").locator(".chip")).to_have_text("Done")


def test_without_sources_nothing_is_offered(open_page, fake):
    page = open_page()
    with page.expect_response("**/api/live"):
        page.reload()
    expect(page.locator("#queue-empty")).to_be_visible()
    expect(page.get_by_role("button", name="Record a live source")).to_have_count(0)


def test_a_picture_that_is_being_made_is_waited_for(open_page, fake, data):
    fake.preview_waits = 4
    fake.add("walk.mp4", "succeeded")
    page = open_page()
    image = card(page, "walk.mp4").locator("img.preview")
    width = cv2.imread(str(data / "page" / "preview.jpg")).shape[1]
    expect(image).to_have_js_property("naturalWidth", width)
    asked = [one for one in fake.requests if "preview.jpg" in one]
    assert len([one for one in asked if one.endswith("/status")]) == 4
    assert len([one for one in asked if one.endswith("/preview.jpg")]) == 2
