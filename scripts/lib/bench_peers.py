"""Whole jobs to compare with, each in a process of its own: version 0.1's, and MediaPipe's.

What has to be fetched or unpacked lies in build/bench and is used again.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lib.origin import npm_archive, read_members

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "bench"
LIB = ROOT / "scripts" / "lib"

OLD_TAG, OLD_COMMIT = "v0.1.0", "76d208322b07f2f6545614da55189eb238831edb"
"""Version 0.1.0 is the state of its tag, or else of the last commit before work on 0.2 began."""

MEDIAPIPE = "mediapipe==0.10.21"
"""The last whose wheels hold the pose graphs and the models that they need, but for heavy."""

MEDIAPIPE_PYTHONS = ("3.9", "3.10", "3.11", "3.12")
HEAVY = "package/pose_landmark_heavy.tflite"
HEAVY_SHA256 = "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe"


class UnavailableError(Exception):
    """A peer cannot be had on this machine; says why."""


@dataclass(frozen=True)
class Speed:
    """Seconds for a frame."""

    clock: float
    cpu: float
    frames: int
    found: int | None = None

    def best(self, other: Speed | None) -> Speed:
        """The lower of each of the two."""
        if other is None:
            return self
        clock, cpu = min(self.clock, other.clock), min(self.cpu, other.cpu)
        return dataclasses.replace(self, clock=clock, cpu=cpu)


@dataclass(frozen=True)
class Job:
    """A program that tracks a clip and says how long it took."""

    python: str
    script: Path
    path: Path | None = None
    """Where humantrack is imported from, if not from where this one is."""

    more: tuple[str, ...] = ()

    def run(self, video: Path, frames: int) -> Speed:
        """One round.

        Raises:
            UnavailableError: if it fails.
        """
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        if self.path is not None:
            environment["PYTHONPATH"] = str(self.path)
        command = [self.python, str(self.script), str(video), str(frames), "1", *self.more]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=environment, cwd=CACHE
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UnavailableError(f"it ended with {done.returncode}: {last}")
        return Speed(**json.loads(done.stdout.strip().splitlines()[-1]))


def ours(*overrides: str) -> Job:
    """The job of this checkout."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return Job(sys.executable, LIB / "bench_job.py", ROOT / "src", overrides)


def old() -> Job:
    """Version 0.1's job, with the libraries of this environment.

    Raises:
        UnavailableError: if this is not a clone with that version in its history.
    """
    folder = CACHE / "humantrack-0.1"
    if not folder.is_dir():
        for name in (OLD_TAG, OLD_COMMIT):
            command = ["git", "archive", name, "src", "conf"]
            done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True)
            if done.returncode == 0:
                break
        else:
            raise UnavailableError(f"neither {OLD_TAG} nor {OLD_COMMIT[:7]} is in this clone")
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
                archive.extractall(Path(scratch, "files"), filter="data")
            Path(scratch, "files").rename(folder)
    return Job(sys.executable, LIB / "bench_job.py", folder / "src")


def mediapipe(complexity: int = 2) -> Job:
    """MediaPipe's pose landmarker, heavy (2) or full (1), in an environment of its own.

    Raises:
        UnavailableError: if there is no Python for its wheels, or a package cannot be fetched.
    """
    folder = CACHE / "mediapipe"
    ready = folder / "ready"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run(_python_for_mediapipe(), "-m", "venv", str(folder))
        _run(str(python), "-m", "pip", "install", "--quiet", MEDIAPIPE)
        _add_heavy(python)
        ready.touch()
    return Job(str(python), LIB / "bench_mediapipe.py", more=(str(complexity),))


def _add_heavy(python: Path) -> None:
    """Put heavy where MediaPipe looks for it before it would download it."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            package = npm_archive("@mediapipe/pose", "0.5.1675469404", Path(scratch))
            model = read_members(package, {HEAVY: HEAVY_SHA256})[HEAVY]
        except SystemExit as error:
            raise UnavailableError(str(error)) from error
    where = "import mediapipe, pathlib; print(pathlib.Path(mediapipe.__file__).parent)"
    found = Path(_run(str(python), "-c", where).strip().splitlines()[-1])
    (found / "modules" / "pose_landmark" / Path(HEAVY).name).write_bytes(model)


def _python_for_mediapipe() -> str:
    """An interpreter for which there are wheels."""
    if ".".join(map(str, sys.version_info[:2])) in MEDIAPIPE_PYTHONS:
        return sys.executable
    for version in reversed(MEDIAPIPE_PYTHONS):
        found = shutil.which(f"python{version}")
        if found:
            return found
    raise UnavailableError(f"{MEDIAPIPE} has wheels for Python {', '.join(MEDIAPIPE_PYTHONS)} only")


def _run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UnavailableError(f"{Path(command[0]).name} {command[2]}: {last}")
    return done.stdout
