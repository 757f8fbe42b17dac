"""Every measure by name: its unit, how it is written, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """What a number is."""

    name: str
    unit: str
    """'%' for shares, which are 0..1 everywhere but in tables."""

    sense: int
    """1: more is better; -1: less is better; 0: neither."""

    about: str
    digits: int = 1
    statistic: str = "mean"
    """What makes one number of all frames': mean, median or sum."""

    def written(self, value: float, *, unit: bool = False) -> str:
        """The number as papers write it: shares as percent."""
        shown = 100 * value if self.unit == "%" else value
        return f"{shown:.{self.digits}f}" + (f" {self.unit}" if unit and self.unit else "")

    def is_worse(self, value: float, limit: float) -> bool:
        """Whether a value misses a limit; NaN always does."""
        return not (value >= limit if self.sense > 0 else value <= limit)


def _all() -> dict[str, Measure]:
    share, count, error = ("%", 1), ("", -1, 0), ("mm", -1)
    rows = [
        Measure("HOTA", *share, "mean over alpha of the root of DetA times AssA"),
        Measure("DetA", *share, "how well people are found, over alpha"),
        Measure("AssA", *share, "how well identities are kept, over alpha"),
        Measure("DetRe", *share, "recall of DetA"),
        Measure("DetPr", *share, "precision of DetA"),
        Measure("AssRe", *share, "recall of AssA"),
        Measure("AssPr", *share, "precision of AssA"),
        Measure("LocA", *share, "mean IoU of hits, over alpha"),
        Measure("MOTA", *share, "1 - (misses + false boxes + switches) / true boxes"),
        Measure("MOTP", "", 0, "how near boxes that are hit lie, as the library defines it", 3),
        Measure("IDF1", *share, "F1 of boxes that bear their person's one best id"),
        Measure("IDP", *share, "precision of IDF1"),
        Measure("IDR", *share, "recall of IDF1"),
        Measure("Recall", *share, "true boxes that are hit"),
        Measure("Precision", *share, "boxes that hit a true one"),
        _count("FP", count, "false boxes"),
        _count("FN", count, "true boxes missed"),
        _count("IDs", count, "id switches"),
        _count("Frag", count, "fragmentations: a true track is lost and found again"),
        Measure("Boxes", "", 0, "true boxes", 0, "sum"),
        Measure("Frames", "", 0, "frames", 0, "sum"),
        Measure("Found", *share, "frames with truth in which the person has the track scored"),
        Measure("MPJPE", *error, "mean joint error, pelvises laid on one another"),
        Measure("PA-MPJPE", *error, "mean joint error after the best similarity of each frame"),
        Measure("PVE", *error, "mean error of SMPL's vertices, pelvises laid on one another"),
        Measure("Accel", "m/s^2", -1, "difference of joints' accelerations"),
        Measure("MPJPE-ray", *error, "MPJPE, the truth turned by each person's viewing ray"),
        Measure("Reprojection", *share[:1], -1, "joints' distance in the picture over height"),
        Measure("Root", "deg", -1, "root rotation error, median", 0, "median"),
        Measure("Root-ray", "deg", -1, "the same, the truth turned by the ray", 0, "median"),
        Measure("Motion", "mm/frame^2", 0, "length of joints' second differences"),
        Measure("Motion-true", "mm/frame^2", 0, "the truth's"),
        Measure("Inside-50", *share[:1], 0, "errors inside the stated 50 % radius"),
        Measure("Inside-90", *share[:1], 0, "errors inside the stated 90 % radius"),
        Measure("WA-MPJPE", *error, "world joint error, aligned over each 100 frames"),
        Measure("W-MPJPE", *error, "world joint error, aligned over the first two of each 100"),
        Measure("RTE", "% of path", -1, "root's error after a rigid alignment", 2),
        Measure("Jitter", "10 m/s^3", -1, "length of joints' third differences"),
        Measure("Jitter-true", "10 m/s^3", 0, "the truth's"),
        Measure("FS", *error, "how far feet move per frame while the true ones stand"),
        Measure("FS-ankles", *error, "the same, of the ankles"),
        Measure("Local", *error, "joint error in world axes, after one rotation per person"),
        Measure("Scene", *error, "joint error of all people after one similarity for the clip"),
        Measure("Up", "deg", -1, "tilt of the world's vertical in that similarity"),
        Measure("Floor", "mm", 0, "how far ankles are above the true ones, in the world given", 0),
        Measure("Floor-sd", *error, "how much that varies", 0),
    ]
    return {row.name: row for row in rows}


def _count(name: str, count: tuple[str, int, int], about: str) -> Measure:
    return Measure(name, *count[:2], about, count[2], "sum")


MEASURES = _all()


THEMES = {
    "tracking": ("HOTA", "Boxes"),
    "bodies": ("Frames", "Inside-90"),
    "world": ("WA-MPJPE", "Floor-sd"),
}
"""Parts of a table: the first and the last measure of each."""


def theme_of(name: str) -> str:
    """The part of a table that a measure belongs to."""
    order = list(MEASURES)
    at = order.index(name)
    return next(t for t, (a, b) in THEMES.items() if order.index(a) <= at <= order.index(b))


def measure_named(name: str) -> Measure | None:
    """The measure, whatever the case and hyphens it is written with."""
    plain = _plain(name)
    return next((measure for key, measure in MEASURES.items() if _plain(key) == plain), None)


def _plain(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "").replace(" ", "")
