"""The files of one export: all of them take their names at the end, or none does."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from humantrack.atomic import cannot_write, replace
from humantrack.errors import OutputError


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
        self._pending: list[tuple[Path, Path, BinaryIO]] = []
        self.paths: list[Path] = []
        """Files written, in order."""

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
        path = self.path(suffix)
        if path in self.paths:
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
        self._pending.append((temporary, path, file))
        self.paths.append(path)
        return file

    def check_free(self, path: Path) -> None:
        """See that a file may take this name.

        Raises:
            OutputError: if one is there that may not be replaced.
        """
        try:
            if not path.exists():
                return
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
            for temporary, _, file in self._pending:
                with suppress(OSError):
                    file.close()
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            path = self._pending[-1][1] if self._pending else self._stem
            raise cannot_write(path, error) from error

    def _commit(self) -> None:
        """See all files onto the disk, then give them their names."""
        for temporary, path, file in self._pending:
            try:
                file.close()
                with temporary.open("r+b") as whole:
                    os.fsync(whole.fileno())
            except OSError as error:
                raise cannot_write(path, error) from error
        for temporary, path, _ in self._pending:
            try:
                replace(temporary, path)
            except OSError as error:
                raise cannot_write(path, error) from error


class StandardOutput(OutputFiles):
    """Standard output in place of files."""

    def __init__(self) -> None:
        super().__init__(Path("-"))

    @property
    def is_stream(self) -> bool:
        """True: what is gone cannot be changed."""
        return True

    def path(self, suffix: str) -> Path:
        """Standard output has no name."""
        return Path("-")

    def open(self, suffix: str) -> BinaryIO:
        """Standard output itself."""
        if self.paths:
            raise OutputError("this export is several files", hint="name a folder with -o FOLDER/")
        if sys.stdout is None:  # the program was started without one
            raise OutputError("standard output is closed")
        self.paths.append(Path("-"))
        return sys.stdout.buffer

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                sys.stdout.buffer.flush()
        except BrokenPipeError:  # no error: who reads has had enough
            raise
        except OSError as refused:
            raise cannot_write(Path("standard output"), refused) from refused
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise cannot_write(Path("standard output"), error) from error
