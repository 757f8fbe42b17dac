"""What a path means: a file, a folder of images, a glob of them, or a list."""

from __future__ import annotations

import difflib
import glob
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from humantrack.errors import EmptySourceError, SourceNotFoundError, UnreadableSourceError
from humantrack.video.images import is_image, natural_key


def find_path(source: str | Path) -> tuple[Path, Literal["file", "folder", "glob"]]:
    """The path of a source, and what is there."""
    try:
        path = Path(source).expanduser()
        if path.is_dir():
            return path, "folder"
        if path.is_file():
            return path, "file"
        is_there = path.exists()
    except PermissionError as error:
        raise UnreadableSourceError("no permission to look there", where=source) from error
    except (OSError, ValueError, RuntimeError) as error:  # the last for a home that is not known
        raise UnreadableSourceError("not a usable path", where=source, hint=str(error)) from error
    if is_there:  # a pipe would be waited for, a device may never end
        raise UnreadableSourceError("neither a file nor a folder", where=source)
    if glob.has_magic(str(path)):
        return path, "glob"
    if path.is_symlink():
        hint = f"it points to {path.readlink()}"
        raise SourceNotFoundError("the link leads to nothing", where=source, hint=hint)
    raise SourceNotFoundError("no such video or folder", where=source, hint=_near(path))


def _near(path: Path) -> str:
    """A hint for a path that is not there."""
    folder = path.parent
    if not folder.is_dir():
        return f"the folder {folder} does not exist"
    try:
        names = [item.name for item in folder.iterdir()]
    except OSError:
        names = []
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {folder / close[0]}?" if close else f"looked in {folder.resolve()}"


def images_in(folder: Path) -> list[str]:
    """The images of a folder in natural order.

    Raises:
        EmptySourceError: if there is none.
        UnreadableSourceError: if the folder cannot be listed.
    """
    try:
        images = (p.name for p in folder.iterdir() if is_image(p) and p.is_file())
        names = sorted(images, key=natural_key)
        others = next((p.name for p in folder.iterdir() if p.is_file()), None)
    except OSError as error:
        raise UnreadableSourceError("the folder cannot be listed", where=folder) from error
    if not names:
        raise EmptySourceError(
            "no image in the folder",
            where=folder,
            hint=f"it holds {others}; give a video's own path, or add -m" if others else None,
        )
    return [str(folder / name) for name in names]


def images_matching(pattern: str) -> list[str]:
    """The images that a glob matches, in natural order.

    Raises:
        SourceNotFoundError: if there is none.
    """
    matches = [path for path in glob.glob(pattern, recursive=True) if _is_image_file(path)]  # noqa: PTH207 - pathlib's globs take no absolute pattern
    if not matches:
        raise SourceNotFoundError("no image matches", where=pattern)
    return sorted(matches, key=natural_key)


def _is_image_file(path: str) -> bool:
    return is_image(Path(path)) and Path(path).is_file()


def listed_images(paths: Sequence[str]) -> Path:
    """The first of a list of images, all of which must exist."""
    if not paths:
        raise EmptySourceError("the list of images is empty")
    for path in paths:
        if not Path(path).is_file():
            raise SourceNotFoundError("no such image", where=path, hint=_near(Path(path)))
    return Path(paths[0])
