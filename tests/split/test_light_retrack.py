"""Tracking again loads nothing of what finds people."""

from __future__ import annotations

from threading import Event

import pytest
from split_tools import Tiny, alone, configuration, in_parts, stored

from humantrack import models
from humantrack.hmr2 import network
from humantrack.split.again import track_again
from humantrack.trackers.embedded import BlazePose_4dhuman

KEPT = ("results.observations=true",)


def refuse(*_, **__):
    raise AssertionError("a network is loaded")


def test_the_body_network_is_not_loaded(official, clip, boxes, tmp_path, monkeypatch):
    hmr = ("phalp.predict=TPL", "video.end_frame=8")
    one = alone(clip, tmp_path / "one", boxes, *hmr, kind=Tiny)
    done = in_parts(clip, tmp_path / "two", boxes, *hmr, *KEPT, kind=Tiny)
    monkeypatch.setattr(network, "load_hmr2", refuse)
    folder = done.results.with_suffix(".observations")
    again = track_again([folder], [f"video.output_dir={tmp_path / 'three'}"], Event(), kind=Tiny)
    assert stored(again) == stored(one)


def test_a_subclass_with_stages_of_its_own_gets_them(official, clip, boxes, tmp_path):
    class Own(Tiny):
        def setup_hmr(self):
            super().setup_hmr()
            self.mark = type(self.estimator).__name__

    made = Own.for_found(configuration(clip, tmp_path, boxes))
    assert made.mark == "Hmr2Estimator"


def test_the_embedded_default_runs_no_network(clip, boxes, tmp_path, monkeypatch):
    given = ("video.end_frame=8", "embedded.landmarks=full")
    kind = BlazePose_4dhuman
    done = in_parts(clip, tmp_path / "two", boxes, *given, *KEPT, kind=kind)
    monkeypatch.setattr(models, "session", refuse)
    folder = done.results.with_suffix(".observations")
    again = track_again([folder], [f"video.output_dir={tmp_path / 'three'}"], Event(), kind=kind)
    assert stored(again) == stored(done)
    with pytest.raises(AssertionError, match="loaded"):
        models.session(models.NANODET)
