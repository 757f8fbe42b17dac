"""Clips of a sweep, from a folder, a pattern or a list; and their paths among the others."""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from humantrack.errors import (
    EmptySourceError,
    SourceError,
    SourceNotFoundError,
    UnreadableSourceError,
)
from humantrack.url import Url, is_elsewhere
from humantrack.video.images import is_image, natural_key

VIDEO_SUFFIXES = frozenset(
    {
        *(".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg"),
        *(".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
    }
)
"""Endings of the files that count as clips in a folder. A list or a path may name any file."""

_MOST_COMMAS = 16
"""Commas that a name in a comma list may hold without quotes."""


@dataclass(frozen=True)
class Clip:
    """One clip of a sweep."""

    path: str
    """What ``video.source`` gets."""

    relative: str
    """Its path below what was named, with forward slashes; it names the output folder."""


@dataclass(frozen=True)
class Pattern:
    """``glob(include, exclude=...)``."""

    include: Sequence[str]
    exclude: Sequence[str] = ()


def find_clips(
    named: str | Pattern | Sequence[str], *, recursive: bool = False, leave_out: Path | None = None
) -> list[Clip]:
    """All clips that a value of ``video.source`` names, each once.

    Those of a folder or pattern come in natural order, those of a list as listed. A path in a list
    that is not there is a clip too: it fails when its turn comes, and alone.

    Args:
        named: a path, an address, ``glob(...)``, ``@list.txt``, some of these with commas between,
            or a list of them.
        recursive: look for videos in the folders inside a folder.
        leave_out: a folder never looked into (where the results go).

    Raises:
        SourceNotFoundError: if nothing matches, or the list file is not there.
        EmptySourceError: if a folder or list holds no clip.
        UnreadableSourceError: if a folder or list cannot be read.
    """
    search = _Search(recursive, leave_out.resolve() if leave_out else None)
    if isinstance(named, Pattern):
        found = search.matching(named)
    elif not isinstance(named, str):
        found = search.listed(named)
    elif not _exists(named) and named.startswith("@"):
        found = search.in_list_file(_path(named[1:]))
    elif _exists(named) or len(pieces := list(split_list(named))) == 1:
        found = search.one(named)
    else:
        found = search.listed(pieces)
    return list({clip.path: clip for clip in found}.values())


def split_list(text: str) -> Iterator[str]:
    """The paths in a text with commas between.

    A piece in quotes is taken as it is; pieces that are a path on disk only together stay together.
    """
    pieces = text.split(",")
    while pieces:
        for count in range(min(len(pieces), _MOST_COMMAS), 0, -1):
            joined = ",".join(pieces[:count])
            name = next((n for n in (joined, joined.strip()) if _exists(n)), None)
            quoted = re.fullmatch(r"\s*(['\"])(.*)\1\s*", joined, re.DOTALL)
            if name or quoted or count == 1:
                del pieces[:count]
                taken = name or (quoted[2] if quoted else joined.strip())
                if taken:
                    yield taken
                break


class _Search:
    def __init__(self, recursive: bool, leave_out: Path | None) -> None:
        self._recursive, self._leave_out = recursive, leave_out

    def one(self, path: str) -> list[Clip]:
        """What a lone path or pattern names; clips are placed by what lies below it."""
        if is_elsewhere(path):
            return [_behind(path)]
        pattern = re.fullmatch(r"glob\((.*)\)", path, re.DOTALL)
        if pattern and not _exists(path):
            return self.matching(Pattern([_unquoted(pattern[1].strip())]))
        there = _path(path)
        if there.is_dir():
            return self.in_folder(there)
        if not _exists(path) and glob.has_magic(path):
            return self.matching(Pattern([path]))
        return [Clip(_as_source(path), there.name or path)]

    def listed(self, paths: Iterable[str], base: Path | None = None) -> list[Clip]:
        """What several paths name; each is placed as it is written, so that a list may change.

        A relative path that is found in ``base`` is meant there.
        """
        found = []
        for path in paths:
            if is_elsewhere(path):
                found.append(_behind(path))
                continue
            there = str(base / path) if base is not None and (base / path).exists() else path
            folder = _path(there)
            if path.startswith("glob(") and not _exists(there):
                found += [Clip(c.path, as_written(c.path)) for c in self.one(path)]
                continue
            inside = []
            if folder.is_dir():
                with contextlib.suppress(SourceError):  # it fails in its turn, and alone
                    inside = self.in_folder(folder)
            for clip in inside or [Clip(_as_source(there), "")]:
                alone = not inside or clip.path == str(folder)
                placed = as_written(path) if alone else f"{as_written(path)}/{clip.relative}"
                found.append(Clip(clip.path, placed))
        return found

    def in_list_file(self, path: Path) -> list[Clip]:
        """One path a line; relative ones are looked up beside the list, then from here."""
        try:
            text = path.read_text("utf-8-sig", "surrogateescape")
        except FileNotFoundError as error:
            raise SourceNotFoundError("no such list of clips", where=path) from error
        except OSError as error:
            raise UnreadableSourceError(
                f"cannot read the list of clips ({error.strerror})", where=path
            ) from error
        lines = [line.rstrip("\r") for line in text.split("\n")]
        found = self.listed([line for line in lines if line.strip()], path.parent)
        if not found:
            raise EmptySourceError("no clip in the list", where=path, hint="one path a line")
        return found

    def matching(self, pattern: Pattern) -> list[Clip]:
        """Videos, and folders of images, that a pattern matches."""
        include = [str(_path(p)) for p in pattern.include]
        matches = [Path(p) for text in include for p in glob.glob(text, recursive=True)]  # noqa: PTH207 - absolute patterns too
        root = _common([_fixed_part(text) for text in include])
        paths = [p for p in matches if not self._is_left_out(p, Path(root))]
        paths = [p for p in paths if not _matches(p, pattern.exclude)]
        found = []
        for path in paths:
            if _is_video(path) or (path.is_dir() and _holds_images(path)):
                found.append(Clip(str(path), _below(path, root)))
        if not found and len(include) == 1 and any(is_image(path) for path in paths):
            return [Clip(include[0], Path(root).name or "images")]  # images are one clip together
        if not found:
            raise SourceNotFoundError("no clip matches", where=", ".join(include))
        return _in_order(found)

    def in_folder(self, top: Path) -> list[Clip]:
        """The clips of a folder, or the folder itself if it holds images and no video."""
        found = list(self._walk(top, "", set()))
        if found:
            return _in_order(found)
        hint = None
        if not self._recursive and any(_Search(True, self._leave_out)._walk(top, "", set())):
            hint = "there are some in the folders inside it; add sweep.recursive=true"
        raise EmptySourceError("no clip in the folder", where=top, hint=hint)

    def _walk(self, folder: Path, relative: str, visited: set[Path]) -> Iterator[Clip]:
        if folder.resolve() in visited:  # a link that leads back up
            return
        visited.add(folder.resolve())
        try:
            entries = [p for p in folder.iterdir() if not p.name.startswith(".")]
        except OSError as error:
            if not relative:
                raise UnreadableSourceError(
                    f"the folder cannot be listed ({error.strerror})", where=folder
                ) from error
            yield Clip(str(folder), relative.rstrip("/"))  # it fails in its turn, and alone
            return
        videos = [p for p in entries if _is_video(p)]
        images = not videos and any(is_image(p) and p.is_file() for p in entries)
        yield from (Clip(str(p), f"{relative}{p.name}") for p in videos)
        if images:
            yield Clip(str(folder), relative.rstrip("/") or folder.resolve().name or "images")
        for inner in entries:
            if not inner.is_dir() or self._is_left_out(inner, folder):
                continue
            name = f"{relative}{inner.name}"
            if self._recursive:
                yield from self._walk(inner, f"{name}/", visited)
            elif not images and _holds_images(inner):
                yield Clip(str(inner), name)

    def _is_left_out(self, path: Path, root: Path) -> bool:
        """True for what lies in the folder of the results, unless the search began in there."""
        out, there, root = self._leave_out, path.resolve(), root.resolve()
        if out is None or out == root or out in root.parents:
            return False
        return out == there or out in there.parents


def as_written(path: str) -> str:
    """A path as a place below some folder: no drive, no root, no way up; forward slashes."""
    there = Path(os.path.normpath(_path(path)))
    if ".." in there.parts:
        there = there.resolve()
    parts = [there.drive.strip(":\\/")] if there.drive else []
    parts += [p for p in there.parts if p != there.anchor]
    return "/".join(p for p in parts if p) or "clip"


def _behind(address: str) -> Clip:
    """What is behind an address, without its secrets.

    Its place is made of host, name and a short mark of it all: a folder that every system takes.
    """
    url = Url.of(address)
    host = re.sub(r"[^\w.-]+", "_", url.host).strip("_.")
    name = url.name if host else re.sub(r"[^\w.-]+", "-", url.shown).strip("-.")
    return Clip(url.shown, f"{host}/{name}~{url.digest}" if host else name)


def order_key(clip: Clip) -> tuple[object, ...]:
    """Natural order, folder by folder."""
    return tuple(natural_key(part) for part in clip.relative.split("/"))


def _in_order(clips: list[Clip]) -> list[Clip]:
    return sorted(clips, key=order_key)


def _path(text: str) -> Path:
    """With ``~`` expanded where it means a home; ``~x.mp4`` is a name like any other."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - pathlib's raises


def _as_source(path: str) -> str:
    """A path as ``video.source`` takes it, where ``~`` always means a home."""
    return f"./{path}" if path.startswith("~") and Path(path).exists() else path


def _exists(path: str) -> bool:
    try:
        return bool(path) and _path(path).exists()
    except (OSError, ValueError):
        return False


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()


def _holds_images(folder: Path) -> bool:
    """True for a folder of images without a video among them; one that cannot be listed is none."""
    try:
        entries = [p for p in folder.iterdir() if not p.name.startswith(".")]
    except OSError:
        return False
    return any(map(is_image, entries)) and not any(
        p.suffix.lower() in VIDEO_SUFFIXES for p in entries
    )


def _fixed_part(pattern: str) -> str:
    """The folders in front of a pattern's first wildcard."""
    parts = PurePath(pattern).parts
    fixed = []
    for part in parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return str(PurePath(*fixed)) if fixed else ""


def _common(folders: list[str]) -> str:
    try:
        return os.path.commonpath(folders)
    except ValueError:  # some absolute, some not, or none at all
        return ""


def _matches(path: Path, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(text, p) for p in patterns for text in (str(path), path.name))


def _below(path: Path, root: str) -> str:
    return path.relative_to(root).as_posix() if root else as_written(str(path))


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] in "'\"" and text[0] == text[-1] else text
