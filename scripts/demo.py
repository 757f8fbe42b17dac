"""So that ``python scripts/demo.py`` runs as PHALP's (``video.source=...``) and as 4D-Humans' does.

With 4D-Humans' flags (``--img_folder ...``) it is ``humantrack-demo``, else ``humantrack``.
"""

import sys

from humantrack.cli import demo, entry

if __name__ == "__main__":
    if demo.is_asked_for(sys.argv[1:]):
        sys.exit(demo.main())
    entry.main()
