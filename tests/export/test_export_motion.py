"""Tracks become motion: even, without gaps, on the skeleton that puts the joints where they are."""

from __future__ import annotations

import numpy as np
import pytest

from humantrack.export.motion import MotionCollector
from humantrack.export.options import ExportOptions
from humantrack.export.skeleton import SHOWN_JOINTS, SHOWN_ROWS
from humantrack.export.source import ResultsSource


def motions(path, **choices):
    options = ExportOptions(**choices)
    source = ResultsSource(path, options)
    collector = MotionCollector(options, source.facts.fps)
    for batch in source.batches():
        collector.add(batch)
    return list(collector.motions())


def error_m(motion):
    there = motion.skeleton.joints(motion.matrices, motion.pelvis)[:, SHOWN_JOINTS]
    return np.linalg.norm(there - motion.joints[:, SHOWN_ROWS], axis=-1).mean()


def test_each_track_runs_from_its_first_to_its_last_sight(make_results):
    one, two, seven = motions(make_results())
    assert [m.track_id for m in (one, two, seven)] == [1, 2, 7]
    assert [(m.frame[0], m.frame[-1]) for m in (one, two, seven)] == [(0, 39), (5, 34), (12, 29)]
    assert two.frame[~two.observed].tolist() == [15, 16, 17, 18, 19]
    assert all(m.skeleton.kind == "embedded" and m.is_even for m in (one, two, seven))
    assert max(map(error_m, (one, seven))) < 1e-5
    assert seven.betas[:3] == pytest.approx([1.5, -1, 0.5])
