"""The formats whose libraries are installed: some exist for no Python or processor of a kind."""

from __future__ import annotations

from importlib.util import find_spec

from humantrack.export.formats.base import FORMATS

NEEDS = {"c3d": "ezc3d", "usd": "pxr", "rrd": "rerun"}


def _is_here(module: str) -> bool:
    if find_spec(module) is None:
        return False
    return module != "rerun" or find_spec("rerun.chunk") is not None


FORMATS_HERE = {
    name: kind for name, kind in FORMATS.items() if name not in NEEDS or _is_here(NEEDS[name])
}
