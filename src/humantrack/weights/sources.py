"""Where model files are taken from before, or instead of, their official addresses.

A source is a folder (say a disk that was carried over) or the address of a mirror. Either may hold
the files as a cache does, or all in one folder, under any name the catalogue knows.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from humantrack.atomic import atomic_write
from humantrack.errors import ConfigError, SourceNotFoundError
from humantrack.weights.catalog import ModelFile, cache_root

VARIABLE = "HUMANTRACK_MIRROR"
"""An environment variable that names a mirror, before the one that was set by command."""


@dataclass(frozen=True, slots=True)
class Source:
    """A folder or a mirror."""

    text: str
    """As the user wrote it: a path, or an address that begins with http:// or https://."""

    @property
    def folder(self) -> Path | None:
        """The folder, if it is none on the web."""
        return None if _is_web(self.text) else Path(self.text).expanduser()

    def urls(self, file: ModelFile) -> list[str]:
        """Addresses where a mirror may have a file: as in a cache, then beside all others."""
        places = [place for place in file.places if not place.startswith("~/")]
        names = dict.fromkeys([*places, file.name, *file.aliases])
        return [f"{self.text.rstrip('/')}/{quote(name)}" for name in names]

    def path(self, file: ModelFile) -> Path | None:
        """Where a folder has a file, or None.

        A file that lies in another one's place is not taken for this one because of its name.
        """
        from humantrack.weights.install import at_place, recognise

        folder = self.folder
        if folder is None or not folder.is_dir():
            return None
        for place in file.places:
            if (folder / place.removeprefix("~/")).is_file():
                return folder / place.removeprefix("~/")
        for path in sorted(folder.rglob("*"), key=lambda p: (len(p.parts), str(p))):
            if (at_place(path) or recognise(path.name)) == file and path.is_file():
                return path
        return None


def given(text: str) -> Source:
    """The source that a user names.

    Raises:
        SourceNotFoundError: a folder that is not there.
        ConfigError: an address of another kind.
    """
    if text.startswith("file://"):
        text = urlsplit(text).path
    if "://" in text and not _is_web(text):
        hint = "name a folder, or an address that begins with http:// or https://"
        raise ConfigError("not a place that files can be taken from", where=text, hint=hint)
    source = Source(text)
    if source.folder is not None and not source.folder.is_dir():
        raise SourceNotFoundError("no such folder", where=text)
    return source


def configured(root: Path | None = None) -> tuple[Source, ...]:
    """The mirror of the environment or, without one, that which was set; none is usual."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        try:
            text = _note(root).read_text("utf-8").strip()
        except (OSError, UnicodeError):
            return ()
    return (Source(text),) if text else ()


def remember(source: Source | None, root: Path | None = None) -> None:
    """Set the mirror that is asked first from now on, or none.

    Raises:
        OutputError: the cache cannot be written.
    """
    if source is None:
        _note(root).unlink(missing_ok=True)
        return
    text = source.text if source.folder is None else str(source.folder.absolute())
    with atomic_write(_note(root)) as file:
        file.write(f"{text}\n".encode())


def _note(root: Path | None) -> Path:
    return (root or cache_root()) / "humantrack" / "mirror.txt"


def _is_web(text: str) -> bool:
    return text.startswith(("http://", "https://"))
