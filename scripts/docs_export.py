"""Makes docs/summary.svg and docs/timeline.png: the tracks of the demo clip, printed and drawn.

usage: python scripts/docs_export.py [RESULTS]

Without results it tracks tests/data/demo.mp4 first.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from humantrack import BlazePose_4dhuman, load_config
from humantrack.clips.source import ResultsSource
from humantrack.clips.spans import ClipSpans, clip_spans
from humantrack.export.plot import draw
from humantrack.export.summary import print_clip

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT / "tests" / "data" / "demo.mp4"
COLUMNS = 100

INK, PAPER = (222, 226, 230), (33, 37, 41)
THEME = TerminalTheme(PAPER, INK, [INK] * 8)


def tracks() -> ClipSpans:
    """The tracks of the results named, or of a fresh run."""
    if len(sys.argv) > 1:
        return clip_spans(ResultsSource(sys.argv[1]))
    with tempfile.TemporaryDirectory() as folder:
        cfg = load_config(
            f"video.source='{CLIP}'", f"video.output_dir='{folder}'", "render.enable=false"
        )
        return clip_spans(ResultsSource(BlazePose_4dhuman(cfg).track().results))


def tidy(picture: str) -> str:
    """Without fonts from elsewhere; and no seams between the blocks of a bar."""
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    picture = picture.replace("Fira Code, monospace", "'Fira Code', 'DejaVu Sans Mono', monospace")
    picture = re.sub(r"(-r[4-9] \{ fill: (#\w+))", r"\1; stroke: \2; stroke-width: 0.7", picture)
    return "\n".join(line.rstrip() for line in picture.splitlines() if line.strip()) + "\n"


def main() -> None:
    """Make both pictures."""
    clip = tracks()
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False
    )
    print_clip(console, clip)
    title = f"humantrack-export {clip.name} --summary"
    picture = console.export_svg(title=title, theme=THEME, unique_id="summary")
    (ROOT / "docs" / "summary.svg").write_text(tidy(picture), encoding="utf-8")
    (ROOT / "docs" / "timeline.png").write_bytes(draw([clip], ".png"))


if __name__ == "__main__":
    main()
