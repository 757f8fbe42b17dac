"""The cameras and streams that jobs may record, as the operator lists them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from humantrack.errors import ConfigError, UnreadableSourceError
from humantrack.url import CAMERA, Url, called, is_address, is_camera, without_place

SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "rtp", "tcp")
_ELSEWHERE = re.compile(r"(leads to another server), [^\s,]+,")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


def live_sources(options: Iterable[str], file: Path | None) -> dict[str, str]:
    """Addresses by name. An error never tells an address, which may hold a password.

    Args:
        options: ``NAME=ADDRESS`` each.
        file: with a line ``NAME ADDRESS`` each; lines that begin with ``#`` are left out.

    Raises:
        ConfigError: if the file cannot be read, a name is none or taken, or an address is none.
    """
    found: dict[str, str] = {}
    for number, option in enumerate(options, start=1):
        name, _, address = option.partition("=")
        _add(found, name.strip(), address.strip(), f"--live-source, the {number}.")
    if file is not None:
        try:
            lines = file.read_text("utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise ConfigError("cannot read the live sources", where=file) from error
        for number, line in enumerate(lines, start=1):
            words = line.split(maxsplit=1)
            if words and not words[0].startswith("#"):
                _add(found, words[0], words[-1].strip(), f"{file}, line {number}")
    return found


def _add(found: dict[str, str], name: str, address: str, where: str) -> None:
    if _NAME.fullmatch(name) is None:
        hint = "a name has letters, digits, - and _; write NAME=ADDRESS, in a file NAME ADDRESS"
        raise ConfigError("a live source needs a name", where=where, hint=hint)
    if name in found:
        raise ConfigError("there are two live sources of this name", where=f"{where} ({name})")
    scheme = address.partition(":")[0].lower()
    is_known = is_address(address) and scheme in SCHEMES
    if not is_known and not (is_camera(address) and len(address) > len(CAMERA)):
        hint = f"use camera:0, or an address of {', '.join(SCHEMES)}"
        raise ConfigError("not the address of a live source", where=f"{where} ({name})", hint=hint)
    found[name] = address


@contextmanager
def shown_source(sources: Mapping[str, str], name: str) -> Iterator[str]:
    """What a run is told to read: it shows the name, and the address nowhere.

    Raises:
        ConfigError: if there is no source of this name.
        SourceError: if it has an end, or the server cannot be used.
    """
    from humantrack.video.links import Policy, is_endless  # a web process needs no decoder

    address = sources.get(name)
    if address is None:
        raise ConfigError("this service has no live source of that name", where=name)
    if is_camera(address):
        yield address
        return
    with called(address, name) as shown:
        if not is_endless(Url.of(shown), Policy()):
            raise UnreadableSourceError("it has an end, and is no live source", where=name)
        yield shown


def without_address(text: str, address: str | None, name: str) -> str:
    """An error of a live source in words that tell its name in place of where it is.

    Args:
        text: the error's.
        address: of the source, where it is known.
        name: what users know.
    """
    text = _ELSEWHERE.sub(r"\1", text)  # where a server sends us is an address, too
    is_somewhere = address is not None and not is_camera(address)
    return without_place(text, address or "", name) if is_somewhere else text
