"""Golden files that are too large for the repository, where a developer has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "HUMANTRACK_GOLDENS"
"""Environment variable with the folder that holds such files, or folders of them."""


def find_large(name: str) -> Path | None:
    """The file of that name in the folder or one below it, or None."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return None
    return next((p for at in (".", "*") for p in sorted(Path(folder).glob(f"{at}/{name}"))), None)


def large_golden(name: str) -> Path:
    """The same; skips the test where there is none."""
    path = find_large(name)
    if path is None:
        pytest.skip(f"needs {name}, which is not part of the repository ({VARIABLE})")
    return path
