"""So that ``python -m humantrack.track`` runs; see ``cli.main``."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from humantrack import api
from humantrack.cli.main import main
from humantrack.trackers.embedded import BlazePose_4dhuman
from humantrack.trackers.hmr2 import HMR2_4dhuman

__all__ = ["BlazePose_4dhuman", "HMR2_4dhuman", "main"]


class _Module(ModuleType):
    """Importing this module puts it in the place of ``humantrack.track()``, so it can be called."""

    def __call__(self, *args: Any, **keys: Any) -> Any:
        return api.track(*args, **keys)


sys.modules[__name__].__class__ = _Module

if __name__ == "__main__":
    main()
