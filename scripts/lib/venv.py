"""Makes the project's .venv and installs what a script needs, once per state of the project."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
OLDEST = (3, 10)

_INSTALLING = ".installing"
"""Is there while pip is at work; left behind by an installation that was interrupted."""


def python(*extras: str) -> str:
    """The interpreter of .venv, in which humantrack and these extras are installed.

    Does nothing but look when they are installed already. A .venv that was left half-made is made
    again. Of several scripts that start at once, one works and the others wait.
    """
    if sys.version_info < OLDEST:
        sys.exit(f"humantrack needs Python {OLDEST[0]}.{OLDEST[1]} or newer, not {sys.version}")
    interpreter = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    try:
        with _only_one():
            fault = _fault(interpreter)
            if fault:
                _make(fault)
            for extra in extras or ("",):
                _install(interpreter, extra)
    except KeyboardInterrupt:
        sys.exit(130)
    return str(interpreter)


def _fault(interpreter: Path) -> str:
    """Why .venv has to be made, or nothing."""
    if not os.path.lexists(VENV):
        return "there is none"
    if Path(sys.prefix).resolve() == VENV.resolve():
        return ""  # it runs this very script
    if (VENV / _INSTALLING).exists():
        return "its installation was interrupted"
    if not (VENV / "pyvenv.cfg").is_file():
        return "it is not whole"
    return _fault_of_python(interpreter)


def _fault_of_python(interpreter: Path) -> str:
    """What is wrong with the interpreter of .venv, or nothing."""
    code = "import sys, pip; print(sys.prefix, *sys.version_info[:2], sep='\\n')"
    try:
        done = subprocess.run(
            [str(interpreter), "-c", code], capture_output=True, text=True, check=False
        )
    except OSError:
        return "its Python is missing"
    if done.returncode:
        return "its pip is missing" if "'pip'" in done.stderr else "its Python does not run"
    prefix, *version = done.stdout.split("\n")[:3]
    if Path(prefix).resolve() != VENV.resolve():
        return "it is not whole"
    return (
        ""
        if tuple(map(int, version)) == sys.version_info[:2]
        else f"it has Python {'.'.join(version)}"
    )


def _make(fault: str) -> None:
    again = os.path.lexists(VENV)
    print(f"making {VENV}" + (f" again: {fault}" if again else ""), flush=True)
    if again:
        try:
            if VENV.is_symlink() or not VENV.is_dir():
                VENV.unlink()
            else:
                shutil.rmtree(VENV)
        except OSError as error:
            sys.exit(f"{VENV} cannot be removed: {error}")
    _quietly([sys.executable, "-m", "venv", str(VENV)])


def _install(interpreter: Path, extra: str) -> None:
    stamp = VENV / f".installed-{extra or 'base'}"
    state = hashlib.sha256(
        b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
        + str(ROOT).encode()
    ).hexdigest()
    if stamp.exists() and stamp.read_text() == state:
        return
    what = f"{ROOT}[{extra}]" if extra else str(ROOT)
    print(
        f"installing humantrack{extra and f'[{extra}]'} into .venv"
        " (the first time takes a few minutes)",
        flush=True,
    )
    command = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--constraint", str(ROOT / "constraints.txt"), "--editable", what]
    (VENV / _INSTALLING).touch()
    try:
        _quietly(command)
    except SystemExit:  # it failed in good order
        (VENV / _INSTALLING).unlink(missing_ok=True)
        raise
    stamp.write_text(state)
    (VENV / _INSTALLING).unlink()


def _quietly(command: list[str]) -> None:
    """Run a command; what it says is shown only if it fails, and then this script ends."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        print(done.stdout, end="", file=sys.stderr, flush=True)
        sys.exit(f"failed with exit code {done.returncode}: {subprocess.list2cmdline(command)}")


@contextmanager
def _only_one() -> Iterator[None]:
    """Hold the lock of this clone's .venv; it is freed when the process ends, however it does."""
    with (ROOT / ".venv.lock").open("a+b") as file:
        if not _locked(file.fileno(), wait=False):
            print("waiting for another script that makes .venv", flush=True)
            while not _locked(file.fileno(), wait=True):
                pass
        yield


def _locked(number: int, *, wait: bool) -> bool:
    """Take the lock of an open file; False if another process has it."""
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(number, 0, os.SEEK_SET)
            # LK_LOCK gives up after ten seconds.
            msvcrt.locking(number, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True
