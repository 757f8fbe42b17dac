"""A real browser for the tests of the page, and what they do in it."""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright (pip install 'humantrack[browser]')"
)
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
expect = playwright.expect

DESKTOP, PHONE = (1360, 860), (390, 844)
PATIENCE_MS = 60_000
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def run_browser() -> Iterator[Any]:
    """The Chromium of this machine, or the one that HUMANTRACK_BROWSER names; skips without."""
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    path = os.environ.get("HUMANTRACK_BROWSER") or found
    if path is None:
        pytest.skip("needs Chromium (apt-get install chromium, or HUMANTRACK_BROWSER=path)")
    with playwright.sync_playwright() as machine:
        expect.set_options(timeout=PATIENCE_MS)
        running = machine.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        yield running
        running.close()


_SETTLED = """Promise.allSettled(document.getAnimations()
  .filter((one) => one.effect.getComputedTiming().endTime !== Infinity)
  .map((one) => one.finished))"""


def check_axe(page) -> None:
    """Nothing is wrong once colours have ended to change: half-way they have little contrast."""
    page.evaluate(_SETTLED)
    found = axe.Axe().run(page).response["violations"]
    told = [(v["id"], [n["html"][:200] for n in v["nodes"]], v["nodes"][0]["any"]) for v in found]
    assert not told, told


def drop(page, path: Path, name: str) -> None:
    """Drop a file onto the page."""
    code = """([data, name]) => {
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], name, {type: "video/mp4"}));
      for (const kind of ["dragenter", "dragover", "drop"])
        document.body.dispatchEvent(
          new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true}));
    }"""
    page.evaluate(code, [base64.b64encode(path.read_bytes()).decode(), name])


def card(page, name):
    return page.locator("#jobs .card").filter(has_text=name)


def viewer_at(page, row: int):
    """Wait until a row is shown in 3D."""
    expect(page.locator(".viewer")).to_have_attribute("data-shown", str(row))


def open_clip(page):
    expect(page.locator(".viewer")).to_have_attribute("data-shown", re.compile(r"\d+"))
