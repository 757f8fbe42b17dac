"""Motions of the tracks of a results file, for tests."""

from __future__ import annotations

import numpy as np

from humantrack.clips.options import ExportOptions
from humantrack.clips.source import ResultsSource
from humantrack.motion.motion import MotionCollector
from humantrack.motion.skeleton import SHOWN_JOINTS, SHOWN_ROWS


def motions(path, **choices):
    options = ExportOptions(**choices)
    source = ResultsSource(path, options)
    collector = MotionCollector(options, source.facts.fps)
    for batch in source.batches():
        collector.add(batch)
    return list(collector.motions())


def one(path, track_id=1, **choices):
    [motion] = motions(path, tracks=frozenset({track_id}), **choices)
    return motion


def errors_m(motion):
    there = motion.skeleton.joints(motion.matrices, motion.pelvis)[:, SHOWN_JOINTS]
    return np.linalg.norm(there - motion.joints[:, SHOWN_ROWS], axis=-1)
