"""``humantrack-serve record``: has a service record a live source.

Needs the extra ``client``.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from typing import Any

from humantrack.service.client import Client, add_options, finish, overrides_of, token_of, wait
from humantrack.terminal import OneLineParser, say


def record(words: Sequence[str]) -> int:
    """Run the command; gives the exit code, of a failed job its error's.

    Raises:
        HumantrackError: if the service refuses.
    """
    arguments = _parser().parse_args(words)
    overrides = overrides_of(arguments.set)
    if arguments.longest is not None:
        overrides["live.duration"] = arguments.longest
    client = Client(arguments.url, token_of(arguments.token_file), arguments.patience)
    with contextlib.closing(client):
        if arguments.source is None:
            for source in client.json("GET", "/api/live")["sources"]:
                sys.stdout.write(f"{source['name']}\n")
            return 0
        body = {"source": arguments.source, "overrides": overrides}
        job = client.json("POST", "/api/live", {**body, "priority": arguments.priority})
        sys.stdout.write(f"{job['id']}\n")
        sys.stdout.flush()
        if not arguments.wait and arguments.output is None:
            return 0
        return finish(client, arguments, _ended(client, job))


def _ended(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    """The job once it has ended; the first Ctrl-C ends it well, the second one only the waiting."""
    try:
        return wait(client, job)
    except KeyboardInterrupt:
        say("\nending the recording; press Ctrl-C again not to wait for it")
        client.json("POST", f"/api/jobs/{job['id']}/live/stop", {"keep": True})
        return wait(client, job)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        "humantrack-serve record",
        description="Record a live source of a service, which knows it by name. Ctrl-C ends it.",
    )
    about = "name of the source; without it the names are listed"
    parser.add_argument("source", nargs="?", help=about)
    about = "end after this time, e.g. 10m; the service may end it before"
    parser.add_argument("--for", dest="longest", metavar="TIME", help=about)
    add_options(parser, "render.type=SKELETON")
    return parser
