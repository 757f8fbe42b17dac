"""Output folders of a sweep's jobs, and the shard that a clip belongs to."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence

from humantrack.errors import ConfigError

OWN_NAMES = frozenset({".sweep", ".submitit", ".hydra", "sweep.json", "sweep.csv", "multirun.yaml"})
"""What a sweep itself writes into its folder; no job's folder may be called so."""

_LONGEST = 120
_AWKWARD = re.compile(r"[\\/:*?\"<>|\x00-\x1f]")


def job_folders(jobs: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """A folder for each job, relative to the sweep's, all different on any file system.

    Args:
        jobs: of each the clip's relative path and the swept settings, as ``key=value``.
    """
    folders: list[str] = []
    taken: set[str] = set()
    for relative, settings in jobs:
        folder = "/".join([relative, *filter(None, [settings_folder(settings)])])
        tame = folder.replace("${", "_{")  # which Hydra would take for a reference
        renamed = tame != folder or _folded(relative.split("/")[0]) in OWN_NAMES
        folder, plain = tame, _folded(tame)
        if renamed or plain in taken:
            folder += f"~{_digest(relative, *settings)}"
            plain = _folded(folder)
        taken.add(plain)
        folders.append(folder)
    return folders


def settings_folder(settings: Sequence[str]) -> str:
    """Swept settings as the name of a folder: ``phalp.n_init=3,render.type=SKELETON``."""
    text = ",".join(settings)
    name = _AWKWARD.sub("_", text)[:_LONGEST].rstrip(" .")
    return name if name == text else f"{name}~{_digest(text)}"


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """``2/8`` as (2, 8); None stays None.

    Raises:
        ConfigError: if it is anything else.
    """
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", str(text))
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise ConfigError(
            "a shard is a number and how many there are",
            where=f"sweep.shard={text}",
            hint="they count from 1: sweep.shard=1/8 to sweep.shard=8/8",
        )
    return int(found[1]), int(found[2])


def in_shard(relative: str, shard: tuple[int, int] | None) -> bool:
    """True if a clip belongs to this shard; that depends on nothing but its relative path."""
    if shard is None:
        return True
    text = unicodedata.normalize("NFC", relative).encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") % shard[1] == shard[0] - 1


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _digest(*texts: str) -> str:
    data = "\0".join(texts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(data).hexdigest()[:8]
