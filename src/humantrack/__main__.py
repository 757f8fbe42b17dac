"""``python -m humantrack`` is the same as ``humantrack``."""

from humantrack.cli.entry import main

main()
