"""The figures of drawn clips, whose truth is exact: those of ``humantrack-eval truth``.

What each is stands in ``humantrack/evaluation/benchmarks/truth.py``.
"""

from __future__ import annotations

from pathlib import Path

from lib.score_table import Row, Table

from humantrack.evaluation.benchmark import BenchmarkOptions
from humantrack.evaluation.benchmarks.drawn import name_of
from humantrack.evaluation.benchmarks.truth import TruthBenchmark

_NAMES = {
    "frames": "Frames",
    "recall": "Recall",
    "precision": "Precision",
    "idf1": "IDF1",
    "mota": "MOTA",
    "hota": "HOTA",
    "num_switches": "IDs",
    "num_false_positives": "FP",
    "num_misses": "FN",
    "num_objects": "Boxes",
    "mpjpe_mm": "MPJPE",
    "pa_mpjpe_mm": "PA-MPJPE",
    "reprojection": "Reprojection",
    "root_median_deg": "Root",
    "ray_mpjpe_mm": "MPJPE-ray",
    "ray_root_median_deg": "Root-ray",
    "acceleration": "Motion",
    "acceleration_true": "Motion-true",
    "inside_50": "Inside-50",
    "inside_90": "Inside-90",
    "wa_mpjpe_mm": "WA-MPJPE",
    "w_mpjpe_mm": "W-MPJPE",
    "rte_percent": "RTE",
    "jitter": "Jitter",
    "jitter_true": "Jitter-true",
    "sliding_mm": "FS-ankles",
    "local_mm": "Local",
    "scene_mm": "Scene",
    "up_deg": "Up",
    "floor_sd_mm": "Floor-sd",
}
"""The page's names of figures, and the command's."""

WORLD = Table(
    "quality.py world",
    {
        "wa_mpjpe_mm": Row("WA-MPJPE", "{:.1f} mm"),
        "w_mpjpe_mm": Row("W-MPJPE", "{:.1f} mm"),
        "rte_percent": Row("RTE, % of the path", "{:.2f}"),
        "jitter": Row("jitter, 10 m/s³", "{:.1f}"),
        "jitter_true": Row("its truth, 10 m/s³", "{:.1f}"),
        "sliding_mm": Row("foot sliding (ankles)", "{:.1f} mm"),
        "local_mm": Row("joints in the world's axes, hips at the origin", "{:.1f} mm"),
        "scene_mm": Row("everybody in one world", "{:.1f} mm"),
        "up_deg": Row("tilt of the vertical", "{:.1f} degrees"),
        "floor_sd_mm": Row("ankles' height over the floor, spread", "{:.0f} mm"),
    },
)


def drawn_quality(results: str | Path, truth: str | Path) -> dict[str, float]:
    """All figures: shares 0..1, counts, millimetres, degrees, millimetres per frame^2.

    Motion in the world is lifted by the true camera, so that the figures are those of bodies and
    their places; ``humantrack-eval truth`` takes the world file where there is one.
    """
    options = BenchmarkOptions(truth=(Path(truth),), given_camera=True)
    benchmark = TruthBenchmark(options)
    values = benchmark.score({name_of(Path(truth)): Path(results)}).values
    return {ours: values[theirs] for ours, theirs in _NAMES.items() if theirs in values}
