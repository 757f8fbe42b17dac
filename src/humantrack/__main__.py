"""``python -m humantrack`` is the same as ``humantrack``."""

from humantrack.cli.door import main

main()
