"""So that ``python -m humantrack.upstream.compare`` runs; see ``cli.compare``."""

import runpy

if __name__ == "__main__":
    runpy.run_module("humantrack.cli.compare", run_name="__main__")
