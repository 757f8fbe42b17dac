"""Servers for the tests of the service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from service_process import Server, end


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers, and ends them with the test."""
    made: list[Server] = []

    def make(*options: str) -> Server:
        folder = tmp_path / f"server{len(made)}"
        folder.mkdir()
        made.append(Server(folder, *options))
        return made[-1].start()

    yield make
    for server in made:
        end(server)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that the tests of a module share."""
    one = Server(tmp_path_factory.mktemp("server")).start()
    yield one
    end(one)


@pytest.fixture(scope="module")
def done(server: Server) -> dict[str, Any]:
    """A job of that server that has succeeded, with an overlay."""
    answer = server.submit(overrides={"end_frame": 12})
    assert answer.status_code == 202, answer.text
    job = server.ended(answer.json()["id"])
    assert job["state"] == "succeeded", job
    return job


# The browser is optional, so what drives it is imported where it is used.


@pytest.fixture(scope="module")
def browser():
    from page_tools import run_browser

    with run_browser() as running:
        yield running


@pytest.fixture
def fake():
    from fake_api import FakeService, serve

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
    from page_tools import DESKTOP, PATIENCE_MS, PHONE

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
