"""The command ``humantrack-serve``."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from humantrack._version import __version__
from humantrack.errors import ConfigError, DependencyError, HumantrackError, InterruptedRunError
from humantrack.terminal import OneLineParser, forgive_streams, say

_DATA, _TOKEN_FILE = "HUMANTRACK_DATA", "HUMANTRACK_TOKEN_FILE"
_LIVE = "HUMANTRACK_LIVE_SOURCES"
"""Variables of the environment in place of options; the image sets them."""

_NEEDED = ("apiflask", "sqlalchemy", "waitress")
_NEEDED_BY_CLIENT = ("httpx", "tenacity")
_ABOUT = "Jobs over HTTP: upload clips, watch them being tracked, fetch results."
_MORE = """
humantrack-serve                          serve on http://127.0.0.1:8080
humantrack-serve submit clip.mp4 --wait   send a clip to a service (submit --help)
humantrack-serve record front --wait      have it record a live source (record --help)
humantrack-serve token NAME --token-file tokens.txt   make a token
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code of what went wrong, or 0."""
    forgive_streams(stdout=False)
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words[:1] == ["submit"]:
            _need(_NEEDED_BY_CLIENT, "client")
            from humantrack.service.client import submit

            return submit(words[1:])
        if words[:1] == ["record"]:
            _need(_NEEDED_BY_CLIENT, "client")
            from humantrack.service.client_live import record

            return record(words[1:])
        if words[:1] == ["token"]:
            return _token(words[1:])
        return _serve(words)
    except HumantrackError as error:
        say(f"humantrack-serve: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        say("humantrack-serve: stopped")
        return InterruptedRunError.exit_code


def _need(names: Sequence[str], extra: str) -> None:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise DependencyError(
            f"{', '.join(missing)} is missing",
            hint=f'install it: pip install "humantrack[{extra}]"',
        )


def _token(words: list[str]) -> int:
    from humantrack.service.web.auth import new_token

    parser = OneLineParser("humantrack-serve token", description="Make a token.")
    parser.add_argument("name", help="of who gets it; jobs belong to it")
    file = _token_file()
    about = f"its hash is added here (or {_TOKEN_FILE})"
    parser.add_argument("--token-file", type=Path, required=not file, default=file, help=about)
    arguments = parser.parse_args(words)
    sys.stdout.write(new_token(arguments.token_file, arguments.name) + "\n")
    return 0


def _token_file() -> Path | None:
    named = os.environ.get(_TOKEN_FILE)
    return Path(named) if named else None


def _serve(words: list[str]) -> int:
    arguments = _parser().parse_args(words)
    _need(_NEEDED, "serve")
    from humantrack.service.live_sources import live_sources
    from humantrack.service.settings import Settings
    from humantrack.service.start import start
    from humantrack.units import parse_age, parse_size

    if arguments.queue is not None:
        _say_of_queue(arguments.queue)
    for folder in arguments.allow_folder:
        if not folder.is_dir():
            raise ConfigError("no such folder", where=f"--allow-folder {folder}")
    settings = Settings(
        data=arguments.data.resolve(),
        store=arguments.database,
        host=arguments.host,
        port=arguments.port,
        workers=0 if arguments.role == "web" else arguments.workers,
        proxy=arguments.trusted_proxy,
        token_file=arguments.token_file,
        folders=tuple(folder.resolve() for folder in arguments.allow_folder),
        hosts=tuple(arguments.allow_host),
        live_sources=live_sources(arguments.live_source, arguments.live_sources),
        live_s=parse_age(arguments.live_duration, "--live-duration"),
        live_reconnect_s=parse_age(arguments.live_reconnect, "--live-reconnect"),
        live_bytes=parse_size(arguments.live_disk, "--live-disk"),
        upload_bytes=parse_size(arguments.upload_limit, "--upload-limit"),
        least_free_bytes=parse_size(arguments.min_free, "--min-free"),
        keep_s=None if arguments.keep is None else parse_age(arguments.keep, "--keep"),
        max_disk_bytes=None
        if arguments.max_disk is None
        else parse_size(arguments.max_disk, "--max-disk"),
        max_queued=arguments.max_queued,
        rate=arguments.rate,
        submit_rate=arguments.submit_rate,
        max_running=_max_running(arguments),
        exports=arguments.exports,
        export_s=parse_age(arguments.export_time, "--export-time"),
        export_bytes=parse_size(arguments.export_memory, "--export-memory"),
        max_attempts=arguments.max_attempts,
        lease_s=parse_age(arguments.lease, "--lease"),
        threads=arguments.threads,
        timeout_s=parse_age(arguments.timeout, "--timeout"),
    )
    start(settings, arguments.role)
    return 0


def _max_running(arguments: argparse.Namespace) -> int:
    """One worker is left to others, where it is known how many there are and who asks."""
    if arguments.max_running is not None:
        return int(arguments.max_running)
    known = arguments.role == "all" and arguments.token_file is not None
    return max(arguments.workers - 1, 1) if known else 0


def _say_of_queue(url: str) -> None:
    """Accept what versions before had for a queue."""
    if url.partition("://")[0] not in ("redis", "rediss", "postgresql"):
        raise ConfigError("unknown sort of queue", where="--queue", hint="leave it out")
    say("humantrack-serve: --queue is not needed any more: jobs wait in the --database")


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        "humantrack-serve",
        description=_ABOUT,
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--version", action="version", version=f"humantrack-serve {__version__}")
    data = Path(os.environ.get(_DATA) or "humantrack-data")
    add("--data", type=Path, default=data, help=f"folder of jobs and results (or {_DATA})")
    add("--role", choices=("all", "web", "worker"), default="all", help="what runs here")
    add("--host", default="127.0.0.1", help="address to listen at; others need --token-file")
    add("--port", type=int, default=8080, help="0 = any that is free")
    add("--workers", type=int, default=1, help="worker processes")
    about = f"a line 'name token' for each; see 'token' (or {_TOKEN_FILE})"
    add("--token-file", type=Path, default=_token_file(), help=about)
    add("--allow-folder", type=Path, action="append", default=[], help="clips may be named in it")
    add("--allow-host", action="append", default=[], help="clips may be fetched from it")
    about = "a camera or stream that may be recorded, by this name; may be given again"
    add("--live-source", action="append", default=[], metavar="NAME=ADDRESS", help=about)
    file = Path(os.environ[_LIVE]) if os.environ.get(_LIVE) else None
    about = f"the same from a file, a line 'name address' each (or {_LIVE})"
    add("--live-sources", type=Path, default=file, metavar="FILE", help=about)
    add("--live-duration", default="1h", help="longest recording of a live source")
    add("--live-reconnect", default="60s", help="how long a lost live source is tried again")
    add("--live-disk", default="5GB", help="largest recording of a live source")
    add("--trusted-proxy", help="IP address of a reverse proxy; its X-Forwarded-* are believed")
    add("--queue", help=argparse.SUPPRESS)
    add("--database", help="postgresql://...; default: SQLite in the data folder")
    add("--upload-limit", default="10GB", help="largest upload")
    add("--min-free", default="1GB", help="free disk below which nothing is taken or begun")
    add("--keep", help="remove results after this time, e.g. 7d")
    add("--max-disk", help="remove the oldest results beyond this size, e.g. 100GB")
    add("--max-queued", type=int, default=100, help="unfinished jobs of one token")
    add("--rate", type=float, default=50.0, help="requests a second of one token; 0 = no limit")
    pace, about = 2.0 * (os.cpu_count() or 1), "new jobs a second taken beside workers; default: "
    add("--submit-rate", type=float, default=pace, help=f"{about}2 for each processor")
    about = "of one token at once; 0 = no limit; default: all workers but one, with --role all"
    add("--max-running", type=int, help=f"running jobs {about}")
    add("--exports", type=int, default=2, help="files made at once; as many time lines beside them")
    add("--export-time", default="30m", help="making a file that takes longer is given up")
    add("--export-memory", default="4GB", help="memory that making a file may take (Linux)")
    add("--max-attempts", type=int, default=3, help="tries of a job whose worker dies")
    add("--lease", default="15s", help="a worker silent for so long counts as dead")
    add("--threads", type=int, default=64, help="requests answered at once")
    add("--timeout", default="30s", help="slow clients are let go after this time")
    return parser


if __name__ == "__main__":
    sys.exit(main())
