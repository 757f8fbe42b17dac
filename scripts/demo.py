"""So that PHALP's ``python scripts/demo.py video.source=...`` runs; the same as ``humantrack``."""

from humantrack.cli.entry import main

if __name__ == "__main__":
    main()
