"""Servers for the tests of the service."""

from __future__ import annotations

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
