"""Downloads model files: resumed where they broke off, checked, and put in place in one step."""

from __future__ import annotations

import http.client
import logging
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from humantrack.atomic import cannot_write, replace
from humantrack.claims import Claim, HeldError
from humantrack.errors import MissingWeightsError, WeightsError
from humantrack.weights import hashes, usable
from humantrack.weights.catalog import CATALOG, ModelFile, find, home_of, missing
from humantrack.weights.install import install_archive, keep
from humantrack.weights.sources import Source, configured

Progress = Callable[[str, int, int | None], None]
"""Called with the file's name, the bytes had so far and the bytes in all, if known."""

_CHUNK = 1 << 18
_LOST_AFTER_S, _WAIT_S = 60.0, 0.5
_log = logging.getLogger(__name__)


class NotThereError(MissingWeightsError):
    """A server answers that it has no such file, or gives it to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How files are got."""

    sources: tuple[Source, ...]
    """Folders and mirrors, asked first."""

    official: bool = True
    """Whether the official addresses are asked at all."""

    root: Path | None = None
    """The folder of the caches; None is the usual one."""

    progress: Progress | None = None
    attempts: int = 4
    timeout_s: float = 30

    def download(self, file: ModelFile, url: str) -> Path:
        """Download a file, look into it, and unpack it if it is an archive."""
        target = home_of(file, self.root)
        download(
            url,
            target,
            size=file.size,
            sha256=file.sha256,
            progress=self.progress,
            attempts=self.attempts,
            timeout_s=self.timeout_s,
            accept=lambda part: usable.check(file, part),
        )
        if file.is_archive:
            try:
                install_archive(file, target, self.root)
            except WeightsError:
                target.unlink(missing_ok=True)
                raise
        hashes.check(target, file.sha256)
        return keep(target, file, self.root) if file.everywhere else target


def fetch(
    file: ModelFile,
    root: Path | None = None,
    *,
    progress: Progress | None = None,
    attempts: int = 4,
    timeout_s: float = 30,
    sources: Sequence[Source] | None = None,
    official: bool = True,
) -> Path:
    """Have a model file in the cache: find it, or download it (and unpack what brings it).

    Args:
        file: from the catalogue.
        root: the folder of the caches; None is the usual one.
        progress: told how far it is.
        attempts: how often a broken connection is resumed.
        timeout_s: seconds without a byte before a connection counts as broken.
        sources: folders and mirrors that are asked first; None is the mirror that was set, if any.
        official: whether the official addresses are asked then.

    Returns:
        Where the file lies.

    Raises:
        MissingWeightsError: it is nowhere to be had, or needs a registration: with every address
            that was asked and what it said, where to get it and where to put it.
        WeightsError: what came is not the file.
        OutputError: the cache cannot be written.
    """
    path = find(file, root)
    if path is not None:
        return path
    ways = Ways(
        sources=configured(root) if sources is None else tuple(sources),
        official=official,
        root=root,
        progress=progress,
        attempts=attempts,
        timeout_s=timeout_s,
    )
    if not (ways.sources or file.urls or file.archive):
        raise missing(file, root)
    with _turn(CATALOG[file.archive] if file.archive else file, root):
        return find(file, root) or _get(file, ways)  # another process may have got it by now


@contextmanager
def _turn(file: ModelFile, root: Path | None) -> Iterator[None]:
    """One process at a time fetches a file: a sweep's jobs all want the same at their start."""
    claim = home_of(file, root).with_suffix(".fetching")
    told = False
    while True:
        try:
            with Claim(claim, lost_after_s=_LOST_AFTER_S):
                yield
            return
        except HeldError:
            if not told:
                _log.warning("%s: waiting for another process that fetches it", file.name)
            told = True
            time.sleep(_WAIT_S)


def _get(file: ModelFile, ways: Ways) -> Path:
    """From wherever it is to be had first."""
    said: list[str] = []
    path = _from_sources(file, ways, said)
    if path is None and file.archive:
        path = _from_archive(file, ways, said)
    if path is None and ways.official:
        path = _from_addresses(file, ways, said)
    if path is None:
        raise _nowhere(file, ways, said)
    return path


def _nowhere(file: ModelFile, ways: Ways, said: list[str]) -> MissingWeightsError:
    """The error for a file that no address has: all of them, with what each said."""
    advice = missing(file, ways.root)
    if not said:
        return advice
    what = f"{advice.what}: " + "; ".join(said)
    hint = "get it elsewhere and hand it over with: humantrack-weights import FILE"
    if file.register_at:
        hint = str(advice.hint)
    return MissingWeightsError(what, where=home_of(file, ways.root), hint=hint)


def _from_sources(file: ModelFile, ways: Ways, said: list[str]) -> Path | None:
    for source in ways.sources:
        try:
            path = _from_source(file, source, ways)
        except WeightsError as error:
            said.append(f"{source.text}: {error.what}")
            continue
        if path is not None:
            return path
        said.append(f"{source.text} does not hold it")
    return None


def _from_source(file: ModelFile, source: Source, ways: Ways) -> Path | None:
    """From a folder or a mirror, under whatever name it has there."""
    if source.folder is not None:
        there = source.path(file)
        if there is None:
            return None
        path = keep(there, file, ways.root)
        if file.is_archive:
            install_archive(file, path, ways.root)
        return path
    for url in source.urls(file):
        try:
            return ways.download(file, url)
        except NotThereError:
            continue
    return None


def _from_addresses(file: ModelFile, ways: Ways, said: list[str]) -> Path | None:
    for url in file.urls:
        try:
            return ways.download(file, url)
        except WeightsError as error:
            said.append(f"{url}: {error.what}")
            if len(file.urls) == len(said) == 1 and not isinstance(error, MissingWeightsError):
                raise  # the only address there is sent something else
    return None


def _from_archive(file: ModelFile, ways: Ways, said: list[str]) -> Path | None:
    """From the archive that brings it. One that lies there damaged is fetched anew."""
    brings = CATALOG[file.archive or ""]
    archive = find(brings, ways.root)
    if archive is not None:
        try:
            install_archive(brings, archive, ways.root)
        except WeightsError as error:
            said.append(f"{archive}: {error.what}")
            archive = None
    if archive is None:
        archive = _from_sources(brings, ways, said)
    if archive is None and ways.official:
        archive = _from_addresses(brings, ways, said)
    if archive is None:
        return None
    path = find(file, ways.root)
    if path is None:
        hint = "if it was cut short, delete it and fetch it anew"
        raise WeightsError(f"the archive does not hold {file.name}", where=archive, hint=hint)
    return path


def download(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    progress: Progress | None = None,
    attempts: int = 4,
    timeout_s: float = 30,
    accept: Callable[[Path], object] | None = None,
) -> None:
    """Download one file; what came before a break is kept as ``.part`` and continued.

    Raises:
        MissingWeightsError: no server, or the server has no such file.
        WeightsError: what came has another size or hash, is a web page, or ``accept`` refuses it.
        OutputError: the folder cannot be written.
    """
    if not url.startswith(("http://", "https://")):
        raise MissingWeightsError("not a web address", where=url)
    part = target.with_name(target.name + ".part")
    reason = "no attempt"
    for _ in range(attempts):
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            total = _continue(url, part, progress, timeout_s)
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"the server says {error.code} {error.reason}"
            if error.code == 416:  # our part is longer than the file: it has changed
                _forget(part)
            elif error.code < 500:
                raise NotThereError(reason, where=url) from error
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
            cause = getattr(error, "reason", error)
            reason = f"the server cannot be reached ({cause})"
            if isinstance(cause, socket.gaierror | ConnectionRefusedError):
                break  # nobody is there; asking again at once changes nothing
        except ConnectionError as error:
            reason = f"the connection broke ({error})"
        except OSError as error:
            raise cannot_write(part, error) from error
        else:
            have = part.stat().st_size
            if total is None or have == total:
                _accept(part, target, size, sha256, accept)
                return
            reason = f"the connection broke after {have} of {total} bytes"
            if have > total:
                _forget(part)
        _log.info("%s: %s", url, reason)
    raise MissingWeightsError(reason, where=url)


def _continue(url: str, part: Path, progress: Progress | None, timeout_s: float) -> int | None:
    """Add to ``part`` what is missing; the size the whole file should have, if the server says."""
    tag = part.with_name(part.name + ".tag")
    have = part.stat().st_size if part.exists() and tag.exists() else 0
    headers = {"User-Agent": "humantrack", "Accept-Encoding": "identity"}
    if have:
        # The tag makes the server send the whole file if it is not the one we have a part of.
        headers |= {"Range": f"bytes={have}-", "If-Range": tag.read_text("utf-8")}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - scheme checked
    with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310
        starts = f"bytes {have}-"
        if response.status != 206 or not response.headers.get("Content-Range", "").startswith(
            starts
        ):
            have = 0
        _remember(tag, response.headers)
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else None
        with part.open("r+b" if have else "wb") as file:
            file.seek(have)
            file.truncate()
            _copy(response, file, lambda done: progress and progress(part.stem, done, total))
    return total


def _copy(source: Any, file: BinaryIO, progress: Callable[[int], object]) -> None:
    done = file.tell()
    while block := source.read(_CHUNK):
        file.write(block)
        done += len(block)
        progress(done)


def _remember(tag: Path, headers: Any) -> None:
    """Note what identifies this version of the file; weak tags do not, byte for byte."""
    etag = headers.get("ETag", "")
    mark = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")
    if mark:
        tag.write_text(mark, "utf-8")
    else:
        tag.unlink(missing_ok=True)


def _accept(
    part: Path,
    target: Path,
    size: int | None,
    sha256: str | None,
    accept: Callable[[Path], object] | None,
) -> None:
    """Check a whole download and give it its name."""
    have = part.stat().st_size
    with part.open("rb") as file:
        head = file.read(64).lstrip().lower()
    problem = None
    if head.startswith((b"<!doctype", b"<html")):
        problem = "the server sent a web page instead of the file"
    elif size is not None and have != size:
        problem = f"the file has {have} bytes instead of {size}"
    elif not have:
        problem = "the file is empty"
    elif sha256 is not None and hashes.sha256_of(part) != sha256:
        problem = "the file has another hash than the official one"
    elif accept is not None:
        try:
            accept(part)
        except WeightsError as error:
            problem = error.what
    if problem:
        _forget(part)
        raise WeightsError(problem, where=target, hint="nothing was kept; try again later")
    try:
        replace(part, target)
    except OSError as error:
        raise cannot_write(target, error) from error
    hashes.note_path(target).unlink(missing_ok=True)
    _forget(part)


def _forget(part: Path) -> None:
    for path in (part, part.with_name(part.name + ".tag")):
        with suppress(FileNotFoundError):
            path.unlink()
