"""Hydra's own flags, and several runs in one call (-m)."""

from __future__ import annotations

import signal

import pytest

from humantrack import load_results, session
from humantrack.cli.main import main
from humantrack.trackers.embedded import BlazePose_4dhuman

FEW = ("video.end_frame=3", "render.enable=false")


@pytest.mark.parametrize("flag", ["--cfg", "-c"])
def test_the_configuration_is_shown(flag, capsys):
    main([flag, "job", "video.source=clip.mp4", "phalp.n_init=3"])
    said = capsys.readouterr().out
    assert "source: clip.mp4" in said
    assert "n_init: 3" in said


def test_a_wrong_key_is_found_among_flags(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--cfg", "job", "vdeo.source=clip.mp4"])
    assert stop.value.code == 2
    assert "video.source" in capsys.readouterr().err


def test_a_wrong_group_names_the_right_ones(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["video=strem", "video.source=clip.mp4"])
    assert stop.value.code == 2
    assert "extract, stream" in capsys.readouterr().err


def test_a_sweep_over_settings_loses_no_results(data, tmp_path):
    clip = data / "demo_small.mp4"
    main(["-m", f"video.source={clip}", f"video.output_dir={tmp_path}", "phalp.n_init=1,4", *FEW])
    first, second = (
        load_results(tmp_path / clip.name / f"phalp.n_init={n}" / "results" / "demo_demo_small.pkl")
        for n in (1, 4)
    )
    assert [len(frame["tid"]) for frame in first.values()] == [1, 1, 1]
    assert [len(frame["tid"]) for frame in second.values()] == [0, 0, 0]


def test_a_sweep_over_clips_goes_on_after_a_failure(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(data)
    with pytest.raises(SystemExit) as stop:
        main(["-m", "video.source=no.mp4,demo_small.mp4", f"video.output_dir={tmp_path}", *FEW])
    assert stop.value.code == 14
    assert "no.mp4" in capsys.readouterr().err
    results = tmp_path / "demo_small.mp4" / "results" / "demo_demo_small.pkl"
    assert len(load_results(results)) == 3


def test_ctrl_c_ends_the_whole_sweep(data, tmp_path, monkeypatch, capsys):
    begun = []

    class Interrupted(BlazePose_4dhuman):
        def get_detections(self, frames):
            begun.append(self.cfg.phalp.n_init)
            signal.raise_signal(signal.SIGINT)
            return super().get_detections(frames)

    monkeypatch.setattr(session, "choose_tracker", lambda cfg: (Interrupted, "a test's"))
    clip = data / "demo_small.mp4"
    arguments = [f"video.source={clip}", f"video.output_dir={tmp_path}", "render.enable=false"]
    with pytest.raises(SystemExit) as stop:
        main(["-m", *arguments, "phalp.n_init=1,2", "batch_frames=1", "read_ahead=0"])
    assert stop.value.code == 130
    assert begun == [1]
    assert "Traceback" not in capsys.readouterr().err
