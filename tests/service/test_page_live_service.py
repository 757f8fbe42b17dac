"""The page, the real service and a real source together: recorded, watched, kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_source import PASSWORD, http_source
from page_tools import PATIENCE_MS, check_axe, expect, run_browser
from service_process import CLIP, Server, end

TOKEN = "annas-very-long-token"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    tokens = tmp_path / "tokens.txt"
    tokens.write_text(f"anna {TOKEN}\n")
    with http_source(CLIP, 0.2) as source:
        listed = ("--live-source", f"yard={source.address}", "--token-file", str(tokens))
        one = Server(tmp_path, *listed).start()
        one.token = TOKEN
        yield one
        end(one)


@pytest.mark.slow
def test_a_source_goes_all_the_way(server: Server) -> None:
    with run_browser() as browser:
        page, said = browser.new_page(), []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else 0)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("dialog").get_by_role("button", name="Log in").click()
        page.get_by_role("button", name="Record a live source").click()
        page.get_by_role("dialog").get_by_role("button", name="Begin").click()
        view = page.locator(".live-view")
        expect(view).to_have_attribute("data-people", re.compile(r"\d"), timeout=3 * PATIENCE_MS)
        expect(view).to_have_attribute("data-shown", re.compile(r"\d"))
        picture = page.get_by_role("img", name="What the source shows now")
        expect(picture).to_have_js_property("naturalWidth", 640)
        check_axe(page)
        assert PASSWORD not in page.content()
        page.get_by_role("button", name="Stop and keep").click()
        viewer = page.locator(".viewer")
        expect(viewer).to_have_attribute("data-shown", "0", timeout=3 * PATIENCE_MS)
        [job] = server.get("/api/jobs").json()["jobs"]
        assert (job["state"], job["live"]["source"]) == ("succeeded", "yard")
        frames = server.get(f"/api/jobs/{job['id']}/timeline").json()["frames"]
        assert frames == job["frames"] > 5
        expect(page.locator(".viewer .place")).to_contain_text(f"of {frames}")
        ours = [text for text in said if "GPU stall" not in text and "401" not in text]
        assert ours == []
