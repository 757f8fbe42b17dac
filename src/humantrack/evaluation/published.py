"""What papers have published, with where, for the lines beside ours.

Papers mix protocols: rows are comparable with ours only where the note says nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """Figures of a method on a benchmark; units as in ``MEASURES``, shares 0..1."""

    benchmark: str
    """The benchmark's name, with its split after a dash where it has several."""

    method: str
    values: dict[str, float]
    source: str
    note: str = ""


_HMR2 = "Goel et al., Humans in 4D, ICCV 2023"
_TOKENHMR = "Dwivedi et al., TokenHMR, CVPR 2024"
_MULTI = "Baradel et al., Multi-HMR, ECCV 2024"
_CAMERA = "Patel and Black, CameraHMR, 3DV 2025"
_NLF = "Sarandi and Pons-Moll, Neural localizer fields, NeurIPS 2024"
_PROMPT = "Wang et al., PromptHMR, CVPR 2025"
_COMOTION = "Newell et al., CoMotion, ICLR 2025"
_WHAM = "Shin et al., WHAM, CVPR 2024"
_TRAM = "Wang et al., TRAM, ECCV 2024"
_GVHMR = "Shen et al., GVHMR, SIGGRAPH Asia 2024"
_HUMAN3R = "Chen et al., Human3R, 2025"
_GENMO = "Li et al., GENMO, ICCV 2025"
_JOSH = "Liu et al., JOSH, 2025"
_DUOMO = "DuoMo, 2026"


def _bodies(
    benchmark: str, *rows: tuple[str, float | None, float, float | None, str, str]
) -> list[PublishedRow]:
    return [
        PublishedRow(
            benchmark=benchmark,
            method=method,
            values={
                name: value
                for name, value in (("PA-MPJPE", pa), ("MPJPE", plain), ("PVE", pve))
                if value is not None
            },
            source=source,
            note=note,
        )
        for method, pa, plain, pve, source, note in rows
    ]


_3DPW = _bodies(
    "3dpw",
    ("HMR2.0a", 44.4, 69.8, 82.2, _HMR2, "other tables have 44.5 / 70.0"),
    ("HMR2.0b", 54.3, 81.3, None, _HMR2, "the checkpoint that is released"),
    ("TokenHMR", 44.3, 71.0, 84.6, _TOKENHMR, ""),
    ("Multi-HMR", 45.9, 73.1, 87.1, _MULTI, ""),
    ("CameraHMR", 38.5, 62.1, 72.9, _CAMERA, ""),
    ("NLF", 37.3, 60.3, 71.4, _NLF, ""),
    ("PromptHMR", 36.6, 58.7, 69.4, _PROMPT, ""),
    ("CoMotion", 36.1, 63.6, None, _COMOTION, "crops from the truth"),
    ("WHAM", 35.9, 57.8, None, _WHAM, "trained on 3DPW"),
    ("Human3R", 44.1, 71.2, 84.9, _HUMAN3R, ""),
)
_EMDB1 = _bodies(
    "emdb-1",
    ("HMR2.0", 60.7, 98.3, 120.8, _GVHMR, "as run by others"),
    ("TRAM", 45.7, 74.4, 86.6, _TRAM, ""),
    ("GVHMR", 44.5, 74.2, 85.9, _GVHMR, ""),
    ("NLF", 41.2, 69.6, 82.4, _NLF, ""),
    ("PromptHMR", 41.0, 71.7, 84.5, _PROMPT, ""),
    ("PromptHMR-Vid", 40.1, 68.1, 79.2, _PROMPT, ""),
    ("DuoMo", 41.7, 59.5, None, _DUOMO, "knows the person's height"),
)


def _world(  # noqa: PLR0917 - the columns of a table
    method: str, wa: float, w: float, rte: float, source: str, note: str = "", **more: float
) -> PublishedRow:
    values = {"WA-MPJPE": wa, "W-MPJPE": w, "RTE": rte}
    values |= {{"jitter": "Jitter", "fs": "FS"}[name]: value for name, value in more.items()}
    return PublishedRow(benchmark="emdb-2", method=method, values=values, source=source, note=note)


_EMDB2 = [
    _world("TRACE", 529, 1702, 17.7, _WHAM, "as run by WHAM"),
    _world("GLAMR", 280.8, 726.6, 11.4, _WHAM, "as run by WHAM"),
    _world("SLAHMR", 326.9, 776.1, 10.2, _WHAM, "as run by WHAM"),
    _world(
        "WHAM", 135.6, 354.8, 6.0, _WHAM, "with the gyroscope; without, TRAM has WA 166.1", fs=4.4
    ),
    _world("Human3R", 112.2, 267.9, 2.2, _HUMAN3R),
    _world("GVHMR", 111.0, 276.5, 2.0, _GVHMR, "RTE of joint 0", jitter=16.7, fs=3.5),
    _world("TRAM", 76.4, 222.4, 1.4, _TRAM),
    _world("GENMO", 74.3, 202.1, 1.2, _GENMO, fs=8.8),
    _world("PromptHMR-Vid", 71.0, 216.5, 1.3, _PROMPT, jitter=16.3, fs=3.5),
    _world("JOSH", 68.9, 174.7, 1.3, _JOSH),
    _world("DuoMo", 66.0, 167.1, 1.1, _DUOMO, jitter=8.7, fs=3.7),
    _world(
        "camera lifting",
        67.0,
        180.2,
        1.3,
        _DUOMO,
        "DuoMo's ablation: a body per frame, lifted by the camera",
        jitter=32.6,
        fs=9.2,
    ),
]


def _track(
    benchmark: str, method: str, source: str, note: str = "", **values: float
) -> PublishedRow:
    return PublishedRow(benchmark=benchmark, method=method, values=values, source=source, note=note)


_POSETRACK = [
    _track("posetrack18", "4DHumans", _HMR2, "protocol phalp", HOTA=0.578, MOTA=0.614, IDs=382),
    _track(
        "posetrack18",
        "4DHumans, run again",
        _COMOTION,
        "protocol phalp, as run by others",
        HOTA=0.580,
        MOTA=0.618,
        IDs=349,
    ),
    _track("posetrack18", "CoMotion", _COMOTION, "strict setting", HOTA=0.582, MOTA=0.599, IDs=232),
    _track(
        "posetrack18",
        "a user's own script",
        "github.com/brjathu/PHALP, issue 19",
        "protocol unknown",
        HOTA=0.519,
        MOTA=0.375,
        IDF1=0.719,
    ),
    _track(
        "posetrack21",
        "4DHumans",
        _COMOTION,
        "a frame without truth counts nothing there",
        MOTA=0.567,
        IDF1=0.709,
        IDP=0.871,
        IDR=0.597,
        FP=7817,
        FN=50652,
    ),
    _track(
        "posetrack21",
        "CoMotion",
        _COMOTION,
        "a frame without truth counts nothing there",
        MOTA=0.676,
        IDF1=0.779,
        IDP=0.834,
        IDR=0.730,
    ),
    _track(
        "posetrack21",
        "CoMotion, looser",
        _COMOTION,
        "its looser setting",
        MOTA=0.714,
        IDF1=0.795,
        IDP=0.871,
        IDR=0.730,
    ),
]

PUBLISHED: Sequence[PublishedRow] = (*_3DPW, *_EMDB1, *_EMDB2, *_POSETRACK)


def published(benchmark: str, split: str = "") -> list[PublishedRow]:
    """The rows of a benchmark, or of one of its splits."""
    return [row for row in PUBLISHED if row.benchmark in (benchmark, f"{benchmark}-{split}")]
