"""So that 4D-Humans' ``python track.py video.source=...`` runs here; the same as ``humantrack``."""

from humantrack.cli.entry import main

if __name__ == "__main__":
    main()
