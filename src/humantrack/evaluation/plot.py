"""Figures as a picture: bars for each sequence, HOTA over alpha, errors over time."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.atomic import atomic_write
from humantrack.errors import ConfigError, DependencyError, printable
from humantrack.evaluation.catalogue import MEASURES
from humantrack.evaluation.measures.tracking import ALPHAS
from humantrack.evaluation.scores import Scores
from humantrack.extras import missing

SUFFIXES = (".png", ".svg")

_WIDTH_IN, _PANEL_IN = 10.0, 2.6
_BARS = ("HOTA", "MOTA", "IDF1", "MPJPE", "PA-MPJPE", "WA-MPJPE", "W-MPJPE", "RTE")
"""Measures that have a panel of bars, where there are any."""

_MOST_NAMES = 30
"""Sequences that are named below the bars."""

_MOST_LINES = 8
"""Sequences whose errors over time are drawn."""

_INK, _FAINT = "#333333", "#888888"


def check(path: Path) -> None:
    """See that a picture of this name can be drawn.

    Raises:
        ConfigError: if its suffix is not .png or .svg.
        DependencyError: if matplotlib is missing.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError("not a kind of picture", where=f"--plot {path}", hint="use .png or .svg")
    if missing("matplotlib"):
        raise DependencyError(
            "drawing needs matplotlib", hint='install it: pip install "humantrack[eval]"'
        )


def write_plot(path: Path, systems: Mapping[str, Scores]) -> None:
    """Draw the figures of some systems, one colour for each.

    Args:
        path: .png or .svg.
        systems: system -> scores.

    Raises:
        ConfigError: if the suffix is another.
        DependencyError: if matplotlib is missing.
        OutputError: if it cannot be written.
    """
    check(path)
    with atomic_write(path) as file:
        file.write(draw(systems, path.suffix.lower()))


def draw(systems: Mapping[str, Scores], suffix: str) -> bytes:
    """The picture; the same scores give the same bytes.

    Raises:
        ConfigError: if there is nothing to draw.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = _panels(systems)
    if not panels:
        raise ConfigError("the benchmark gave nothing that can be drawn", where="--plot")
    picture = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "humantrack"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = Figure(figsize=(_WIDTH_IN, _PANEL_IN * len(panels)), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, (panel, arguments) in zip(
            np.ravel(figure.subplots(len(panels), 1)), panels, strict=True
        ):
            panel(axes, systems, *arguments)
            _plain(axes)
        extra = {"Date": None} if suffix == ".svg" else {}
        figure.savefig(picture, format=suffix[1:], dpi=120, metadata=extra)
    return picture.getvalue()


def _panels(systems: Mapping[str, Scores]) -> list[tuple[Any, tuple[Any, ...]]]:
    """What is drawn, from the top."""
    out: list[tuple[Any, tuple[Any, ...]]] = [
        (_bars, (name,)) for name in _BARS if any(name in s.values for s in systems.values())
    ]
    if any(scores.alphas for scores in systems.values()):
        out.append((_over_alpha, ()))
    if any(scores.timelines for scores in systems.values()):
        out.append((_over_time, ()))
    return out


def _bars(axes: Any, systems: Mapping[str, Scores], measure: str) -> None:
    """A bar for each sequence and system, and a line at the value of all."""
    sequences = list(dict.fromkeys(s for scores in systems.values() for s in scores.sequences))
    scale = 100 if MEASURES[measure].unit == "%" else 1
    width = 0.8 / len(systems)
    for i, (system, scores) in enumerate(systems.items()):
        values = [scale * scores.sequences.get(s, {}).get(measure, float("nan")) for s in sequences]
        at = np.arange(len(sequences)) - 0.4 + width * (i + 0.5)
        axes.bar(at, values, width, color=f"C{i}", label=_shown(system))
        if measure in scores.values:
            axes.axhline(scale * scores.values[measure], color=f"C{i}", linewidth=1, alpha=0.6)
    step = 1 + (len(sequences) - 1) // _MOST_NAMES
    few = range(0, len(sequences), step)
    slanted = {} if len(sequences) < 5 else {"rotation": 30, "ha": "right"}
    axes.set_xticks(list(few), [_shown(sequences[i]) for i in few], **slanted)
    _headed(axes, measure, MEASURES[measure].unit, len(systems) > 1)


def _over_alpha(axes: Any, systems: Mapping[str, Scores]) -> None:
    """HOTA of all sequences over the IoU from which a box is a hit."""
    for i, (system, scores) in enumerate(systems.items()):
        if "" in scores.alphas:
            axes.plot(ALPHAS, 100 * scores.alphas[""], color=f"C{i}", label=_shown(system))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 100)
    axes.set_xlabel("alpha", color=_FAINT, fontsize=9)
    _headed(axes, "HOTA over alpha", "%", len(systems) > 1)


def _over_time(axes: Any, systems: Mapping[str, Scores]) -> None:
    """An error over the frames; gaps are left open."""
    lines = [
        (system, sequence, timeline)
        for system, scores in systems.items()
        for sequence, timeline in list(scores.timelines.items())[:_MOST_LINES]
    ]
    for i, (system, sequence, (_, frames, values)) in enumerate(lines):
        name = sequence if len(systems) == 1 else f"{system}, {sequence}"
        apart = np.flatnonzero(np.diff(frames) > 1) + 1
        x, y = np.insert(frames.astype(float), apart, np.nan), np.insert(values, apart, np.nan)
        axes.plot(x, y, color=f"C{i % 10}", linewidth=1, label=_shown(name))
    measure = lines[0][2][0]
    axes.set_xlabel("frame", color=_FAINT, fontsize=9)
    _headed(axes, f"{measure} over time", MEASURES[measure].unit, len(lines) > 1)


def _headed(axes: Any, title: str, unit: str, has_legend: bool) -> None:
    axes.set_title(title, loc="left", fontsize=10, weight="bold", color=_INK)
    axes.set_ylabel(unit, color=_FAINT, fontsize=9)
    if has_legend:
        axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _plain(axes: Any) -> None:
    axes.tick_params(color=_FAINT, labelcolor=_FAINT, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FAINT)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)


def _shown(name: str) -> str:
    """A name that matplotlib takes for no formula."""
    return printable(name)[:40].replace("$", r"\$").lstrip("_")
