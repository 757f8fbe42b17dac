"""So that ``python -m humantrack.upstream.compare`` runs; see ``cli.compare``."""

from humantrack.cli.compare import main

if __name__ == "__main__":
    main()
