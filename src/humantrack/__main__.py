"""``python -m humantrack`` is the same as ``humantrack``."""

from humantrack.track import main

main()
