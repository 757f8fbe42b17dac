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
from collections.abc import Callable
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


def rebuild_model(
    usage: str,
    file_name: str,
    fetch: Callable[[Path], Path],
    build: Callable[[Path, Path], None],
) -> int:
    """Command line shared by the model scripts.

    Args:
        usage: the script's docstring.
        file_name: of the model.
        fetch: folder -> path of the origin package.
        build: origin package, path of the model to write.

    Returns:
        Exit status: 0 if the model equals the shipped one, else 1.
    """
    parser = argparse.ArgumentParser(
        description=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help=f"where {file_name} is written")
    parser.add_argument("--package", type=Path, help="origin package, if it is already here")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    rebuilt = arguments.folder / file_name
    with tempfile.TemporaryDirectory() as scratch:
        build(arguments.package or fetch(Path(scratch)), rebuilt)
    return 0 if same_as_shipped(rebuilt, MODELS / file_name) else 1


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
