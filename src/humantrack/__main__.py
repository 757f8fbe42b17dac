"""``python -m humantrack`` is the same as ``humantrack``."""

from humantrack.cli.main import main

main()
