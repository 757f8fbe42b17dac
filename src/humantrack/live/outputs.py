"""All outputs of a live command, as asked for."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from humantrack.errors import ConfigError
from humantrack.extras import need
from humantrack.live.addresses import host_and_port, listen, receiver
from humantrack.live.files import FileOutput, StreamOutput
from humantrack.live.gate import gate_for
from humantrack.live.pictures import Draw, Pictures
from humantrack.live.records import RecordSink
from humantrack.types import Frame, FrameRecord

PERSONS = ("longest", "largest")
"""Whom an avatar may follow, if not somebody by number."""


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """Where records and pictures go; without any, records go to standard output."""

    files: Sequence[str] = ()
    """Paths; ``-`` is standard output."""

    ws: str | None = None
    mjpeg: str | None = None
    vmc: str | None = None
    vmc_person: str = "longest"
    token_file: Path | None = None
    no_token: bool = False
    origins: Sequence[str] = ()
    overwrite: bool = True


class Outputs:
    """Takes all addresses at once, before anything long begins. A context manager.

    Args:
        options: what is asked for.

    Raises:
        ConfigError: if an address cannot be listened at or means nothing, or for a bad token.
        DependencyError: if a package is missing.
        OutputError: if a file may not be replaced.
    """

    def __init__(self, options: OutputOptions) -> None:
        self._options = options
        self.told: list[str] = []
        """Lines that say where the servers are."""
        self.draw: Draw | None = None
        """Draws a frame; to be set before the first, if ``draws``."""

        self.pictures: Pictures | None = None
        """What draws, once ``sinks`` are made."""

        self._person = _person(options)
        asked = {"--ws": options.ws, "--mjpeg": options.mjpeg}
        servers = {o: host_and_port(text, o) for o, text in asked.items() if text is not None}
        if servers:
            need(" and ".join(servers), "live", "aiohttp")
        vmc = None if options.vmc is None else host_and_port(options.vmc, "--vmc")
        if vmc is not None:
            need("--vmc", "live", "pythonosc")
        self._check_token_options(bool(servers))
        names = list(dict.fromkeys(options.files))
        if not names and not servers and vmc is None:
            names = ["-"]
        self._to_stdout = "-" in names
        self._files = [
            FileOutput(Path(name), overwrite=options.overwrite) for name in names if name != "-"
        ]
        with ExitStack() as stack:
            self._gate, token = gate_for(
                [host for host, _ in servers.values()],
                token_file=options.token_file,
                no_token=options.no_token,
                origins=options.origins,
            )
            self._sockets = {o: stack.enter_context(_bound(*at, o)) for o, at in servers.items()}
            self._vmc = None if vmc is None else stack.enter_context(receiver(*vmc, "--vmc"))
            self._opened = stack.pop_all()
        for option, (host, _) in servers.items():
            self.told.append(_where(option, host, self._sockets[option], token))

    def _check_token_options(self, serves: bool) -> None:
        options = self._options
        if options.no_token and options.token_file is not None:
            raise ConfigError("a token or none?", where="--no-token --token-file")
        if not serves and (options.no_token or options.token_file is not None or options.origins):
            raise ConfigError(
                "only servers ask for tokens and origins", hint="add --ws or --mjpeg HOST:PORT"
            )

    @property
    def draws(self) -> bool:
        """Whether pictures are wanted."""
        return "--mjpeg" in self._sockets

    def sinks(self) -> list[RecordSink]:
        """Those asked for. They may be entered before ``draw`` is set: clients may come."""
        every: list[RecordSink] = []
        if self._vmc is not None:
            from humantrack.live.vmc import VmcOutput

            every.append(VmcOutput(self._vmc, self._person))
        if "--ws" in self._sockets:
            from humantrack.live.websocket import WebSocketOutput

            every.append(WebSocketOutput(self._sockets["--ws"], self._gate))
        if self.draws:
            from humantrack.live.mjpeg import MjpegOutput

            mjpeg = MjpegOutput(self._sockets["--mjpeg"], self._gate, self._drawn)
            self.pictures = mjpeg.pictures
            every.append(mjpeg)
        if self._to_stdout:  # who reads it slowly holds up those after it
            every.append(StreamOutput(sys.stdout.buffer))
        return [*every, *self._files]  # what is last is left first, and whole before others wait

    def _drawn(self, frame: Frame, record: FrameRecord) -> npt.NDArray[np.uint8]:
        assert self.draw is not None  # noqa: S101 - set before the first frame
        return self.draw(frame, record)

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()


def _bound(host: str, port: int, option: str) -> socket.socket:
    from humantrack.live.web import BUFFER_BYTES

    return listen(host, port, option, buffer_bytes=BUFFER_BYTES)


def _where(option: str, host: str, listening: socket.socket, token: str | None) -> str:
    scheme, what = ("ws", "records") if option == "--ws" else ("http", "pictures")
    port = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    query = "" if token is None else f"?token={token}"
    return f"{what} at {scheme}://{shown}:{port}/{query}"


def _person(options: OutputOptions) -> str | int:
    text = options.vmc_person
    if options.vmc is None and text != "longest":
        raise ConfigError("nobody is sent", where="--vmc-person", hint="add --vmc HOST:PORT")
    if text in PERSONS:
        return text
    if text.isascii() and text.isdecimal() and int(text) > 0:
        return int(text)
    hint = f"it is {', '.join(PERSONS)}, or the id of a track"
    raise ConfigError("nobody", where=f"--vmc-person {text}", hint=hint)
