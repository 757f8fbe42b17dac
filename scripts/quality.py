"""Measures the embedded default: drawn clips with exact truth, real clips, people of every size.

usage: python scripts/quality.py [--write] [--check] [PART...]
       python scripts/quality.py RESULTS.pkl TRUTH.npz    the figures of one results file

PART is drawn, world, real or scaling (all of them unless told). The first two are figures of
``humantrack-eval truth``; what the others measure is in the heads of scripts/lib/score_real.py and
score_scaling.py. Clips are those of tests/data, or the *.mp4 of --clips (drawn) and --real, each
with its truth beside it as NAME_gt.npz; of a real clip without one it is only counted how often
somebody is seen. --set KEY=VALUE is passed on to humantrack, --keep FOLDER keeps the results,
--results FOLDER takes those that lie there. --write puts the figures into docs/embedded.md, --check
exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lib.raw_landmarks import recorded
from lib.score_drawn import WORLD, drawn_quality
from lib.score_real import is_real, real_quality, seen_quality
from lib.score_scaling import SCALING, scaling_quality
from lib.score_table import DRAWN, ON_EACH, REAL, SEEN, Figures, Table

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"
PAGE = ROOT / "docs" / "embedded.md"
CLIPS = ("demo.mp4", "demo_small.mp4")
WORLD_CLIPS = ("demo.mp4", "world/dolly.mp4", "world/pan.mp4")
PARTS = ("drawn", "world", "real", "scaling")
AVERAGE = "average"

quality = drawn_quality


def drawn_figures(clip: Path, options: argparse.Namespace) -> dict[str, float]:
    """The figures of a drawn clip, of results that lie there already or of a fresh run."""
    truth = truth_of(clip)
    if options.results is None:
        return figures_of(clip, truth, options.set, options.keep)
    found = sorted(options.results.rglob(f"demo_{clip.stem}.pkl"))
    if not found or truth is None:
        sys.exit(f"no demo_{clip.stem}.pkl in {options.results}, or no truth of it")
    return drawn_quality(found[0], truth)


def figures_of(
    clip: Path, truth: Path | None, overrides: list[str], keep: Path | None
) -> dict[str, float]:
    """The figures of a fresh run on a clip."""
    from humantrack import BlazePose_4dhuman, load_config

    with tempfile.TemporaryDirectory() as folder, recorded() as raw:
        cfg = load_config(
            f"video.source='{clip}'",
            f"video.output_dir='{keep or folder}'",
            "render.enable=false",
            *overrides,
        )
        results = BlazePose_4dhuman(cfg).track().results
        if truth is None:
            return seen_quality(results)
        if is_real(truth):
            return real_quality(results, truth, raw)
        return drawn_quality(results, truth)


def truth_of(clip: Path) -> Path | None:
    """The truth beside a clip, or ours of a clip of that name, or None."""
    name = f"{clip.stem}_gt.npz"
    found = (folder / name for folder in (clip.parent, DATA / "real"))
    return next((path for path in found if path.exists()), None)


def average(figures: Figures) -> dict[str, float]:
    """Means over the clips whose calibration fits; sums of what is counted in frames."""
    fitting = [values for values in figures.values() if "pck05" in values]
    out: dict[str, float] = {}
    for name in REAL.rows:
        over = figures.values() if name in ("missed", "flipped", "frames") else fitting
        there = [values[name] for values in over if name in values]
        if there:
            counted = name in ("missed", "flipped", "frames")
            out[name] = round(float(np.sum(there) if counted else np.mean(there)), 4)
    return out


def drawn(options: argparse.Namespace, parts: Sequence[str]) -> dict[Table, Figures]:
    """The tables of the drawn clips; a clip that stands in both is tracked once."""
    own = sorted(options.clips.glob("*.mp4")) if options.clips else None
    wanted = {
        DRAWN: ("drawn", own or [DATA / clip for clip in CLIPS]),
        WORLD: ("world", own or [DATA / clip for clip in WORLD_CLIPS]),
    }
    figures: dict[Path, dict[str, float]] = {}
    tables: dict[Table, Figures] = {}
    for table, (part, clips) in wanted.items():
        if part in parts:
            known = [clip for clip in clips if truth_of(clip) is not None]
            figures |= {c: drawn_figures(c, options) for c in known if c not in figures}
            tables[table] = {clip.name: table.tidy(figures[clip]) for clip in known}
    return tables


def real(clips: list[Path], overrides: list[str], keep: Path | None) -> dict[Table, Figures]:
    """The tables of the real clips, with and without a truth."""
    scored: dict[str, Mapping[str, float]] = {}
    seen: dict[str, Mapping[str, float]] = {}
    for clip in clips:
        truth = truth_of(clip)
        found = figures_of(clip, truth, overrides, keep)
        (seen if truth is None else scored)[clip.name] = (SEEN if truth is None else REAL).tidy(
            found
        )
    if scored:
        scored[AVERAGE] = average(scored)
    return {REAL: scored, SEEN: seen}


def missed_goals(tables: Mapping[Table, Figures]) -> list[str]:
    """Goals that are not reached, in words."""
    out = []
    for table, figures in tables.items():
        for clip, values in figures.items():
            if (
                table is WORLD
                or (table is DRAWN and clip != CLIPS[0])
                or (table is SCALING and clip != "all")
            ):
                continue
            each = {n: v for n, v in values.items() if table is not REAL or n in ON_EACH}
            wanted = {n: v for n, v in values.items() if n not in ON_EACH}
            goals = wanted if table is REAL and clip == AVERAGE else each
            out += [f"{clip}: {line}" for line in table.missed(goals)]
    return out


def write(tables: Mapping[Table, Figures]) -> None:
    """Put the tables into the page, in place of those of the same kind."""
    page = PAGE.read_text(encoding="utf-8")
    for table, figures in tables.items():
        if figures:
            page = page.replace(table.stated(page)[0], table.block(figures))
    PAGE.write_text(page, encoding="utf-8")


def apart(clip: str, fresh: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Figures of a fresh run that are not the page's: name -> fresh and stated."""
    page = PAGE.read_text(encoding="utf-8")
    return DRAWN.apart(fresh, DRAWN.stated(page)[1][clip])


def measured(options: argparse.Namespace) -> dict[Table, Figures]:
    """Everything that was asked for."""
    parts = options.part or PARTS
    tables: dict[Table, Figures] = {}
    tables |= drawn(options, parts)
    if "real" in parts:
        clips = sorted((options.real or DATA / "real").glob("*.mp4"))
        tables |= real(clips, options.set, options.keep)
    if "scaling" in parts:
        tables[SCALING] = scaling_quality(DATA, options.detector)
    return tables


def _part(name: str) -> str:
    if name not in PARTS:
        raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(PARTS)}")
    return name


def main(arguments: list[str]) -> int:
    """Print, and write if asked to."""
    if len(arguments) == 2 and arguments[0].endswith(".pkl"):
        score = real_quality if is_real(arguments[1]) else drawn_quality
        for name, value in score(*arguments).items():
            print(f"{name:20} {value:.3f}")
        return 0
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="*", type=_part, metavar="PART")
    parser.add_argument("--clips", type=Path, help="folder of drawn clips with truth")
    parser.add_argument("--real", type=Path, help="folder of real clips, with truth or without")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--detector", default="nanodet", help="whom scaling tries; default nanodet")
    parser.add_argument("--results", type=Path, help="take the drawn clips' results from there")
    parser.add_argument("--keep", type=Path, help="folder for the results")
    parser.add_argument("--write", action="store_true", help="put the figures into the page")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    options = parser.parse_args(arguments)
    tables = measured(options)
    for table, figures in tables.items():
        if figures:
            print(table.block(figures))
    missed = missed_goals(tables)
    for line in missed:
        print(f"missed  {line}")
    if options.write:
        write(tables)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
