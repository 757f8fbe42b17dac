"""The files of one export: all of them take their names at the end, or none does."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from humantrack.atomic import cannot_write, sync_folder
from humantrack.errors import OutputError
from humantrack.export.streams import STDOUT, is_stream, open_stream


class OutputFiles:
    """Temporary files that are renamed when the block ends without an error. A context manager.

    Args:
        stem: the files' path without a suffix; missing folders are made.
        overwrite: whether files that are there already may be replaced.
        exact: the one file to write, whatever suffix the format has; None names it by the stem.
        keep: files that are never replaced: what is being read.

    Raises:
        OutputError: if a file is there already, or cannot be written.
    """

    def __init__(
        self,
        stem: Path,
        *,
        overwrite: bool = False,
        exact: Path | None = None,
        keep: Collection[Path] = (),
    ) -> None:
        self._stem, self._overwrite, self._exact = stem, overwrite, exact
        self._keep = keep
        self._pending: dict[str, tuple[str, BinaryIO | None]] = {}
        """Final name -> temporary one, and the file unless it is closed. Text, as there may be
        some ten thousand, and paths take ten times as much."""

    @property
    def paths(self) -> list[Path]:
        """Files written, in order."""
        return [Path(name) for name in self._pending]

    @property
    def is_stream(self) -> bool:
        """True if what is written cannot be read back or changed."""
        return False

    def path(self, suffix: str) -> Path:
        """The final name of a file."""
        if self._exact is not None:
            return self._exact
        return self._stem.with_name(self._stem.name + suffix)

    def open(self, suffix: str) -> BinaryIO:
        """Begin a file, named by the stem and this suffix; it need not be closed."""
        return self._begun(self.path(suffix))

    def open_beside(self, suffix: str) -> BinaryIO:
        """Begin a further file beside an export's own, named as that is up to its last suffix."""
        path = self.path(suffix)
        if self._exact is not None:
            path = path.with_name(path.stem + suffix)
        return self._begun(path)

    def _begun(self, path: Path) -> BinaryIO:
        if str(path) in self._pending:
            raise OutputError(
                "several files would have this name",
                where=path,
                hint="name a folder with -o FOLDER/",
            )
        self.check_free(path)
        temporary = path.with_name(f".{uuid.uuid4().hex[:12]}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = temporary.open("x+b")
        except OSError as error:
            raise cannot_write(path, error) from error
        self._forget_closed()
        self._pending[str(path)] = str(temporary), file
        return file

    def _forget_closed(self) -> None:
        """Let the last file go, if it is closed."""
        if self._pending:
            name = next(reversed(self._pending))
            temporary, file = self._pending[name]
            if file is not None and file.closed:
                self._pending[name] = temporary, None

    def check_free(self, path: Path) -> None:
        """See that a file may take this name.

        Raises:
            OutputError: if one is there that may not be replaced.
        """
        try:
            if not path.exists():
                return
            if is_stream(path):
                raise OutputError(
                    "this is a pipe or a device, which is not a place for this file", where=path
                )
            is_kept = any(k.exists() and k.samefile(path) for k in self._keep)
        except OSError as error:
            raise cannot_write(path, error) from error
        if is_kept:
            raise OutputError("this is one of the files that are read or written", where=path)
        if not self._overwrite:
            raise OutputError("the file is there already", where=path, hint="--force replaces it")

    def __enter__(self) -> OutputFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._commit()
        finally:
            for temporary, file in self._pending.values():
                with suppress(OSError):
                    if file is not None:
                        file.close()
                with suppress(OSError):
                    Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise self._refused(error) from error

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Name the newest of these files, among several formats', if the block cannot write it.

        Raises:
            OutputError: if the system refuses.
        """
        try:
            yield
        except OSError as error:
            if self.is_stream:  # which tells a reader that left from a fault, at the end
                raise
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> OutputError:
        return cannot_write(Path(next(reversed(self._pending), self._stem)), error)

    def _commit(self) -> None:
        """See all files onto the disk, then give them their names."""
        for name, (temporary, file) in self._pending.items():
            try:
                if file is not None:
                    file.close()
                with Path(temporary).open("r+b") as whole:
                    os.fsync(whole.fileno())
            except OSError as error:
                raise cannot_write(Path(name), error) from error
        folders = set()
        for name, (temporary, _) in self._pending.items():
            try:
                Path(temporary).replace(name)
            except OSError as error:
                raise cannot_write(Path(name), error) from error
            folders.add(Path(name).parent)
        for folder in folders:  # once for all: of many files each would cost more than its writing
            try:
                sync_folder(folder)
            except OSError as error:
                raise cannot_write(folder, error) from error


class StreamOutput(OutputFiles):
    """Standard output, a pipe or a device in place of files.

    Args:
        target: its path, or ``-``.
    """

    def __init__(self, target: str | Path = STDOUT) -> None:
        super().__init__(Path(target))
        self._name = Path("standard output") if str(target) == STDOUT else Path(target)
        self._target = target
        self._file: BinaryIO | None = None

    @property
    def is_stream(self) -> bool:
        """True: what is gone cannot be changed."""
        return True

    @property
    def paths(self) -> list[Path]:
        """The stream, if it was opened."""
        return [] if self._file is None else [self._stem]

    def path(self, suffix: str) -> Path:
        """The stream's own, whatever the suffix."""
        return self._stem

    def check_free(self, path: Path) -> None:
        """A stream is there already, and is not replaced."""

    def open(self, suffix: str) -> BinaryIO:
        """The stream itself."""
        if self._file is not None:
            raise OutputError("this export is several files", hint="name a folder with -o FOLDER/")
        try:
            self._file = open_stream(self._target)
        except OSError as error:
            raise cannot_write(self._name, error) from error
        return self._file

    def open_beside(self, suffix: str) -> BinaryIO:
        """There is no place for it.

        Raises:
            OutputError: always.
        """
        raise OutputError("this export is several files", hint="name a folder with -o FOLDER/")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._file is not None and error is None:
                self._file.flush()
        except BrokenPipeError:  # no error: who reads has had enough
            raise
        except OSError as refused:
            raise cannot_write(self._name, refused) from refused
        finally:
            if self._file is not None and self._file is not getattr(sys.stdout, "buffer", None):
                with suppress(OSError):
                    self._file.close()
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise cannot_write(self._name, error) from error
