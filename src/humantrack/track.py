"""So that ``python -m humantrack.track`` runs; see ``cli.main``."""

from humantrack.cli.main import main
from humantrack.trackers.embedded import BlazePose_4dhuman
from humantrack.trackers.hmr2 import HMR2_4dhuman

__all__ = ["BlazePose_4dhuman", "HMR2_4dhuman", "main"]

if __name__ == "__main__":
    main()
