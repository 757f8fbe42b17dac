"""Makes the project's .venv and installs what a script needs, once per state of the project."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
OLDEST = (3, 10)


def python(*extras: str) -> str:
    """The interpreter of .venv, in which humantrack and these extras are installed.

    Does nothing but look when they are installed already.
    """
    if sys.version_info < OLDEST:
        sys.exit(f"humantrack needs Python {OLDEST[0]}.{OLDEST[1]} or newer, not {sys.version}")
    interpreter = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not interpreter.exists():
        print(f"making {VENV}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    for extra in extras or ("",):
        _install(interpreter, extra)
    return str(interpreter)


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
        f"installing humantrack {extra} into .venv (the first time takes a few minutes)", flush=True
    )
    command = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--constraint", str(ROOT / "constraints.txt"), "--editable", what]
    subprocess.run(command, check=True)
    stamp.write_text(state)
