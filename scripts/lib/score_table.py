"""Tables of figures: what each is called, how it is written, and what it should be.

A page has for each table a comment with the figures for programs, and the table made of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Figures = Mapping[str, Mapping[str, float]]
"""Clip -> figures."""


@dataclass(frozen=True)
class Row:
    """One figure."""

    about: str
    notation: str
    goal: str = ""
    """Such as ``<= 105``, in the unit in which it is written."""

    tolerance: float | None = None
    """How far a fresh run may be from the page's, as processors round differently; None: free."""

    def written(self, value: float | None) -> str:
        """The value for a table."""
        return "" if value is None else self.notation.format(value).replace("%", " %")

    def meets(self, value: float) -> bool:
        """Whether the goal is reached; a goal that is not there always is."""
        if not self.goal:
            return True
        sense, bound = self.goal.split()[:2]
        ours = 100 * value if "%" in self.notation else value
        return ours <= float(bound) if sense == "<=" else ours >= float(bound)


@dataclass(frozen=True, eq=False)
class Table:
    """A kind of clips."""

    marker: str
    """First line of its comment in the page."""

    rows: Mapping[str, Row]
    goal_head: str = "goal"
    heads: Mapping[str, str] = field(default_factory=dict)
    """Clip -> head of its column, where it is not the clip."""

    def tidy(self, figures: Mapping[str, float]) -> dict[str, float]:
        """The figures that this table has, to four digits after the point."""
        there = {name: figures[name] for name in self.rows if name in figures}
        return {name: round(float(value), 4) for name, value in there.items()}

    def markdown(self, figures: Figures) -> str:
        """The table; rows that no clip has are left out."""
        heads = ["", *(self.heads.get(clip, clip) for clip in figures), self.goal_head]
        lines = [heads, ["---"] * len(heads)]
        for name, row in self.rows.items():
            if any(name in values for values in figures.values()):
                cells = (row.written(values.get(name)) for values in figures.values())
                lines.append([row.about, *cells, row.goal])
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def block(self, figures: Figures) -> str:
        """The page's part: the figures for programs, and the table made of them."""
        lines = ",\n".join(f'  "{clip}": {json.dumps(of)}' for clip, of in figures.items())
        return f"<!-- {self.marker}\n{{\n{lines}\n}}\n-->\n\n{self.markdown(figures)}"

    def stated(self, page: str) -> tuple[str, dict[str, dict[str, float]]]:
        """The page's part as it stands there, and its figures."""
        pattern = rf"<!-- {re.escape(self.marker)}\n([\s\S]*?)\n-->\n\n(?:\|.*\n)+"
        found = re.search(pattern, page)
        if found is None:
            raise ValueError(f"the page has no figures of '{self.marker}'")
        return found[0], json.loads(found[1])

    def apart(
        self, fresh: Mapping[str, float], there: Mapping[str, float]
    ) -> dict[str, tuple[float, float]]:
        """Figures of a fresh run that are not the page's: name -> fresh and stated."""
        out = {}
        for name, row in self.rows.items():
            if row.tolerance is not None and name in there:
                pair = (fresh[name], there[name])
                if abs(pair[0] - pair[1]) > row.tolerance + 1e-4:
                    out[name] = pair
        return out

    def missed(self, figures: Mapping[str, float]) -> list[str]:
        """Goals that one column does not reach, in words."""
        return [
            f"{row.about}: {row.written(figures[name])}, goal {row.goal}"
            for name, row in self.rows.items()
            if name in figures and not row.meets(figures[name])
        ]


_TRUST = {
    "inside_50": Row("errors inside the stated 50 % radius", "{:.1%}"),
    "inside_90": Row("errors inside the stated 90 % radius", "{:.1%}"),
}

DRAWN = Table(
    "quality.py",
    {
        "frames": Row("frames", "{:.0f}", "", 0),
        "recall": Row("recall", "{:.3f}", ">= 0.95", 0.01),
        "precision": Row("precision", "{:.3f}", ">= 0.99", 0.01),
        "num_false_positives": Row("false boxes", "{:.0f}", "", 2),
        "idf1": Row("IDF1", "{:.3f}", ">= 0.95", 0.02),
        "num_switches": Row("id switches", "{:.0f}", "<= 1", 0),
        "mpjpe_mm": Row("MPJPE", "{:.1f} mm", "<= 100 mm", 2),
        "pa_mpjpe_mm": Row("PA-MPJPE", "{:.1f} mm", "<= 50 mm", 2),
        "reprojection": Row(
            "reprojection of joints, share of the person's height", "{:.1%}", "<= 3 %", 0.002
        ),
        "root_median_deg": Row("root rotation, median", "{:.0f} degrees", "", 2),
        "ray_mpjpe_mm": Row("MPJPE along the ray", "{:.1f} mm", "<= 70 mm", 2),
        "ray_root_median_deg": Row("root rotation along the ray, median", "{:.0f} degrees", "", 2),
        "acceleration": Row("acceleration, mm/frame²", "{:.1f}", "", 2),
        "acceleration_true": Row("its truth, mm/frame²", "{:.1f}"),
        **_TRUST,
    },
    "goal on demo.mp4",
    {"demo.mp4": "demo.mp4 (4 people)", "demo_small.mp4": "demo_small.mp4 (1 person)"},
)

REAL = Table(
    "quality.py real",
    {
        "frames": Row("frames", "{:.0f}"),
        "missed": Row("frames missed", "{:.0f}", "<= 0"),
        "flipped": Row("frames with left and right exchanged", "{:.0f}", "<= 0"),
        "mpjpe_mm": Row("MPJPE", "{:.1f} mm", "<= 105 mm"),
        "pa_mpjpe_mm": Row("PA-MPJPE", "{:.1f} mm", "<= 80 mm"),
        "ray_mpjpe_mm": Row("MPJPE along the ray", "{:.1f} mm"),
        "pck05": Row("PCK@.05 of joints", "{:.1%}", ">= 95 %"),
        "raw_pck05": Row("PCK@.05 of landmarks before fitting", "{:.1%}"),
        "knee_deg": Row("knee angle", "{:.1f} degrees", "<= 11 degrees"),
        "hip_deg": Row("hip angle", "{:.1f} degrees", "<= 9 degrees"),
        "elbow_deg": Row("elbow angle", "{:.1f} degrees", "<= 13 degrees"),
        "acceleration": Row("acceleration, mm/frame²", "{:.1f}", "<= 8 mm/frame²"),
        "acceleration_true": Row("its truth, mm/frame²", "{:.1f}"),
        **_TRUST,
    },
)

ON_EACH = ("missed", "flipped", "pck05")
"""Goals of real clips that hold for each; the others for the average."""

SEEN = Table(
    "quality.py seen",
    {
        "frames": Row("frames", "{:.0f}"),
        "frames_with_people": Row("frames with somebody", "{:.0f}"),
        "ids": Row("identities", "{:.0f}"),
    },
)
