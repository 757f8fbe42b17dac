"""Downloads model files: resumed where they broke off, checked, and put in place in one step."""

from __future__ import annotations

import http.client
import logging
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from humantrack.atomic import cannot_write, replace
from humantrack.errors import MissingWeightsError, WeightsError
from humantrack.weights import archives, hashes
from humantrack.weights.catalog import CATALOG, FILES, ModelFile, find, home_of, missing

Progress = Callable[[str, int, int | None], None]
"""Called with the file's name, the bytes had so far and the bytes in all, if known."""

_CHUNK = 1 << 18
_log = logging.getLogger(__name__)


def fetch(
    file: ModelFile,
    root: Path | None = None,
    *,
    progress: Progress | None = None,
    attempts: int = 4,
    timeout_s: float = 30,
) -> Path:
    """Have a model file in the cache: find it, or download it (and unpack what brings it).

    Args:
        file: from the catalogue.
        root: the folder of the caches; None is the usual one.
        progress: told how far it is.
        attempts: how often a broken connection is resumed.
        timeout_s: seconds without a byte before a connection counts as broken.

    Returns:
        Where the file lies.

    Raises:
        MissingWeightsError: the server does not answer or has it no longer, or the file needs a
            registration: with where to get it and where to put it.
        WeightsError: what came is not the file.
        OutputError: the cache cannot be written.
    """
    path = find(file, root)
    if path is not None:
        return path
    if file.archive:
        brings = CATALOG[file.archive]
        archive = fetch(brings, root, progress=progress, attempts=attempts, timeout_s=timeout_s)
        if find(file, root) is None:
            install_archive(brings, archive, root)
        path = find(file, root)
        if path is None:
            raise WeightsError(f"the archive does not hold {file.name}", where=archive)
        return path
    if file.url is None:
        raise missing(file, root)
    target = home_of(file, root)
    try:
        download(
            file.url,
            target,
            size=file.size,
            sha256=file.sha256,
            progress=progress,
            attempts=attempts,
            timeout_s=timeout_s,
        )
    except MissingWeightsError as error:
        advice = missing(file, root)
        what = f"{advice.what}: {error.what}"
        hint = f"get {file.url} elsewhere and hand it over with: humantrack-weights import FILE"
        raise MissingWeightsError(what, where=target, hint=hint) from error
    hashes.check(target, file.sha256)
    if file.is_archive:
        install_archive(file, target, root)
    return target


def install_archive(file: ModelFile, archive: Path, root: Path | None = None) -> list[Path]:
    """Unpack an official archive where it belongs and note the hashes of what it brings.

    Raises:
        WeightsError: as :func:`humantrack.weights.archives.unpack`.
        OutputError: the cache cannot be written.
    """
    unpacked = archives.unpack(archive, home_of(file, root).parent)
    for other in FILES:
        path = home_of(other, root)
        if other.archive == file.name and path in unpacked:
            hashes.note_path(path).unlink(missing_ok=True)  # of an earlier version
            hashes.check(path, other.sha256)
    return unpacked


def download(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    progress: Progress | None = None,
    attempts: int = 4,
    timeout_s: float = 30,
) -> None:
    """Download one file; what came before a break is kept as ``.part`` and continued.

    Raises:
        MissingWeightsError: no server, or the server has no such file.
        WeightsError: what came has another size or hash, or is a web page.
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
                break
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
            reason = f"the server cannot be reached ({getattr(error, 'reason', error)})"
        except ConnectionError as error:
            reason = f"the connection broke ({error})"
        except OSError as error:
            raise cannot_write(part, error) from error
        else:
            have = part.stat().st_size
            if total is None or have == total:
                _accept(part, target, size, sha256)
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


def _accept(part: Path, target: Path, size: int | None, sha256: str | None) -> None:
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
