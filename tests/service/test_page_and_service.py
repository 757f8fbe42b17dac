"""The page and the real service together: a clip from the drop to the download."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from page_tools import PATIENCE_MS, check_axe, drop, expect, run_browser
from service_process import CLIP, Server


@pytest.fixture
def page(server: Server) -> Any:
    """The server's page; at the end nothing may be on the console."""
    with run_browser() as browser:
        context = browser.new_context(viewport={"width": 1360, "height": 860})
        context.set_default_timeout(PATIENCE_MS)
        page, said = context.new_page(), []
        page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else 0)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"http://127.0.0.1:{server.port}/")
        yield page
        assert [text for text in said if "GPU stall" not in text] == []


@pytest.mark.slow
def test_a_clip_goes_all_the_way(server: Server, page: Any) -> None:
    page.get_by_text("Options for new clips").click()
    page.get_by_label("To frame").fill("40")
    drop(page, CLIP, "walk.mp4")
    card = page.locator("#jobs .card").filter(has_text="walk.mp4")
    expect(card.locator(".chip")).to_have_text("Running")
    expect(card.locator(".chip")).to_have_text("Done", timeout=3 * PATIENCE_MS)
    card.get_by_role("link").click()
    viewer = page.locator(".viewer")
    expect(viewer).to_have_attribute("data-shown", "0")
    for row in (30, 5, 39):
        page.get_by_label("Place in the clip").fill(str(row))
        expect(viewer).to_have_attribute("data-shown", str(row))
    page.get_by_role("button", name="Play", exact=True).click()
    expect(viewer).to_have_attribute("data-shown", re.compile("^[1-9]"))
    page.keyboard.press("1")
    expect(page.get_by_role("region", name="Chosen person")).to_contain_text("Person 1")
    check_axe(page)
    with page.expect_download() as coming:
        page.get_by_role("link", name="results.json", exact=True).click()
    document = json.loads(Path(coming.value.path()).read_text("utf-8"))
    assert len(document["frames"]) == 40
    page.locator(".job-head").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="See people move")).to_be_visible()
    assert server.get("/api/jobs").json()["total"] == 0
