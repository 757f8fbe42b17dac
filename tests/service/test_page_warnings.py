"""Warnings about a clip on the page, in a real browser, against the fake service."""

from __future__ import annotations

import pytest
from fake_api import FakeService, serve
from page_tools import DESKTOP, PATIENCE_MS, PHONE, check_axe, expect, run_browser

LINES = (
    "the video holds 109 of the 240 frames its container promises; it may be cut off",
    "2 decode errors: pictures may be damaged or missing",
)


@pytest.fixture
def page_of():
    """Opens the page of a job of a fake service."""
    fake = FakeService()
    server = serve(fake)
    with run_browser() as browser:

        def open_at(name, size, theme, **job):
            made = fake.add(name, "succeeded", **job)
            context = browser.new_context(
                viewport={"width": size[0], "height": size[1]}, color_scheme=theme
            )
            context.set_default_timeout(PATIENCE_MS)
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/#/jobs/{made['id']}")
            expect(page.get_by_role("heading", name=name)).to_be_visible()
            return page

        yield open_at
    fake.close()
    server.shutdown()
    server.server_close()


def test_a_clip_that_was_cut_off_says_so_on_its_page(page_of):
    for size, theme in ((DESKTOP, "light"), (PHONE, "dark")):
        page = page_of("cut.mp4", size, theme, frames=109, warnings=list(LINES))
        shown = page.get_by_role("list", name="Warnings").get_by_role("listitem")
        expect(shown).to_have_text([f"{line[0].upper()}{line[1:]}." for line in LINES])
        expect(page.locator(".job-head")).to_contain_text("2 warnings")
        box, width = shown.first.bounding_box(), size[0]
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
        check_axe(page)


def test_a_whole_clip_shows_no_warning(page_of):
    page = page_of("whole.mp4", DESKTOP, "light")
    expect(page.locator(".warnings")).to_be_hidden()
    expect(page.locator(".job-head")).not_to_contain_text("warning")
