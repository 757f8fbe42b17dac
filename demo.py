"""So that 4D-Humans' ``python demo.py --img_folder ...`` runs; the same as ``humantrack-demo``."""

import sys

from humantrack.cli.demo import main

if __name__ == "__main__":
    sys.exit(main())
