"""Parts in an object store (s3://, gs://), or wherever else fsspec reaches.

There a file cannot be renamed at once, nor held by a claim, so parts are made on a disk and copied
when they are whole; who joins them copies them back. Each has its checksum.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from humantrack.atomic import replace
from humantrack.errors import (
    CheckpointError,
    ConfigError,
    DependencyError,
    HumantrackError,
    OutputError,
    ResultsError,
)
from humantrack.extras import missing
from humantrack.split.files import SUFFIX
from humantrack.split.plan import Part, Plan, part_path, whole_part
from humantrack.url import is_address

_EXTRA = 'run pip install "humantrack[remote]"'


class Elsewhere:
    """A folder of parts behind an address.

    Args:
        address: such as s3://bucket/match.

    Raises:
        DependencyError: if the package for such addresses is not installed.
        ConfigError: if nobody knows such addresses.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        scheme = address.partition(":")[0]
        if missing("fsspec"):
            raise DependencyError(f"{scheme}:// needs fsspec, which is not installed", hint=_EXTRA)
        import fsspec

        try:
            self._files, self._root = fsspec.core.url_to_fs(self.address)
        except ImportError as error:
            raise DependencyError(
                f"{scheme}:// needs a package that is not installed ({error})", hint=_EXTRA
            ) from error
        except ValueError as error:
            raise ConfigError(f"cannot be used ({error})", where=address) from error

    def put(self, path: Path) -> None:
        """Copy a file there, under its own name.

        Raises:
            OutputError: if that is not possible.
        """
        try:
            self._files.makedirs(self._root, exist_ok=True)
            self._files.put_file(str(path), self._place(path.name))
        except Exception as error:
            raise OutputError(
                f"cannot be written ({_said(error)})", where=f"{self.address}/{path.name}"
            ) from error

    def fetch(self, path: Path) -> bool:
        """Copy a file of that name from there; False if there is none.

        Raises:
            ResultsError: if it cannot be read.
        """
        with self._reading(path.name):
            if not self._files.exists(self._place(path.name)):
                return False
            path.parent.mkdir(parents=True, exist_ok=True)
            coming = path.with_name(f"{path.name}.coming")
            self._files.get_file(self._place(path.name), str(coming))
            replace(coming, path)
        return True

    def names(self) -> list[str]:
        """Of the parts that are there.

        Raises:
            ResultsError: if it cannot be read.
        """
        with self._reading(""):
            there = self._files.glob(self._place(f"*{SUFFIX}"))
        return sorted(str(one).rsplit("/", 1)[-1] for one in there)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; one that is not there is none to remove.

        Raises:
            OutputError: if that is not possible.
        """
        try:
            for name in names:
                if self._files.exists(self._place(name)):
                    self._files.rm_file(self._place(name))
        except Exception as error:
            raise OutputError(f"cannot be removed ({_said(error)})", where=self.address) from error

    def _place(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except HumantrackError:
            raise
        except Exception as error:
            where = f"{self.address}/{name}" if name else self.address
            raise ResultsError(f"cannot be read ({_said(error)})", where=where) from error


def is_there(there: Elsewhere | None, folder: Path, part: Part, plan: Plan) -> bool:
    """Whether a part is whole, here or, then it is copied, elsewhere.

    Raises:
        CheckpointError: if it is of another configuration.
        ResultsError: if what is elsewhere cannot be read.
    """
    if whole_part(folder, part, plan) is not None:
        return True
    path = part_path(folder, part.number)
    if there is None or not there.fetch(path):
        return False
    try:
        return whole_part(folder, part, plan) is not None
    except CheckpointError as error:
        path.unlink(missing_ok=True)
        error.where = f"{there.address}/{path.name}"
        raise


def _said(error: Exception) -> str:
    # Of many makes: every store has errors of its own.
    return " ".join(str(error).split())[:200] or type(error).__name__


@contextmanager
def nearby(paths: Sequence[Path | str]) -> Iterator[list[Path]]:
    """The same paths, those behind addresses copied into a folder that is removed afterwards.

    Raises:
        DependencyError, ConfigError: as :class:`Elsewhere`.
        ResultsError: if something is not there, or cannot be read.
    """
    with ExitStack() as stack:
        out = []
        for path in paths:
            if not is_address(path):
                out.append(Path(path))
                continue
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="humantrack-")))
            out.append(_copied(str(path), folder))
        yield out


def _copied(address: str, folder: Path) -> Path:
    """A part, or all parts of a folder."""
    parent, _, name = address.rstrip("/").rpartition("/")
    if name.endswith(SUFFIX):
        if not Elsewhere(parent).fetch(folder / name):
            raise ResultsError("the observations cannot be read (not there)", where=address)
        return folder / name
    there = Elsewhere(address)
    names = there.names()
    if not names:
        raise ResultsError("no observations in this folder", where=address)
    for one in names:
        there.fetch(folder / one)
    return folder


def folder_of(address: Any) -> Elsewhere | None:
    """The place that ``split.folder`` names; None: there is none.

    Raises:
        ConfigError: if it is no address.
        DependencyError: as :class:`Elsewhere`.
    """
    if not address:
        return None
    if not is_address(address):
        raise ConfigError(
            "parts are kept beside the results unless this is an address",
            where=f"split.folder={address}",
            hint="such as s3://bucket/match; video.output_dir=FOLDER moves both",
        )
    return Elsewhere(str(address))
