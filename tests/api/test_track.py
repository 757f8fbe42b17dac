"""humantrack.track(): the command's results, for a Python program."""

from __future__ import annotations

import logging
import sys
import zlib
from pathlib import Path
from threading import Event

import pytest

import humantrack
from humantrack import ConfigError, InterruptedRunError, SourceNotFoundError, load_config
from humantrack.cli.main import main

FRAMES = 12
QUICK = {"render": {"enable": False}, "video": {"end_frame": FRAMES}, "tracker": "embedded"}
NAMES = ["two words.mp4", "a, b [1].mp4", "x=y{z}.mp4", "${oc.env:HOME}.mp4", 'it\'s "so".mp4']


def pickled(path: Path) -> bytes:
    """The pickle in a results file, whatever zlib made of it."""
    return zlib.decompress(path.read_bytes())


def copy_of(data: Path, path: Path) -> Path:
    path.write_bytes((data / "demo_small.mp4").read_bytes())
    return path


def test_results_are_those_of_the_command(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copy_of(data, tmp_path / "clip.mp4")
    results = humantrack.track("clip.mp4", output_dir="from_python", **QUICK)
    words = ("render.enable=false", f"video.end_frame={FRAMES}", "tracker=embedded")
    main(["video.source=clip.mp4", "video.output_dir=from_shell", *words])
    ours, theirs = (
        Path(f"from_{kind}", "results", "demo_clip.pkl") for kind in ("python", "shell")
    )
    assert pickled(ours) == pickled(theirs)
    assert results.track_ids == (1,)
    assert len(results) == FRAMES
    assert results.meta is not None


@pytest.mark.parametrize("name", NAMES)
def test_names_are_taken_as_they_are(name, data, tmp_path):
    clip = copy_of(data, tmp_path / name)
    keys = {**QUICK, "video": {"end_frame": 1}}
    results = humantrack.track(clip, output_dir=tmp_path / f"of {name}", **keys)
    assert len(results) == 1
    made = {p.name for p in (tmp_path / f"of {name}" / "results").glob("*.pkl")}
    assert len({n for n in made if not n.endswith(".world.pkl")}) == 1


@pytest.mark.parametrize("name", NAMES)
def test_configuration_takes_a_path_as_it_is(name, tmp_path):
    path = tmp_path / name
    assert load_config({"video.source": path}).video.source == str(path)
    assert load_config({"video": {"source": str(path)}}).video.source == str(path)


def test_nothing_is_printed_and_all_is_logged(data, tmp_path, capfd, caplog):
    with caplog.at_level(logging.INFO, "humantrack"):
        humantrack.track(data / "demo_small.mp4", output_dir=tmp_path, **QUICK)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    assert {record.name.partition(".")[0] for record in caplog.records} == {"humantrack"}
    assert any("tracker: embedded" in record.getMessage() for record in caplog.records)


def test_progress_counts_every_frame(data, tmp_path):
    told = []
    humantrack.track(
        data / "demo_small.mp4",
        output_dir=tmp_path,
        progress=lambda done, total: told.append((done, total)),
        **QUICK,
    )
    assert [done for done, _ in told] == list(range(1, FRAMES + 1))
    assert {total for _, total in told} == {FRAMES}


def test_a_stop_keeps_what_is_final_and_the_same_call_resumes(data, tmp_path):
    stop = Event()

    def tell(done, total):
        if done == 3:
            stop.set()

    keys = {**QUICK, "batch_frames": 1, "output_dir": tmp_path}
    with pytest.raises(InterruptedRunError):
        humantrack.track(data / "demo_small.mp4", progress=tell, stop=stop, **keys)
    folder = tmp_path / "results"
    partial = humantrack.load_results(folder / "demo_demo_small.partial.pkl")
    assert 3 <= len(partial) < FRAMES
    assert not (folder / "demo_demo_small.pkl").exists()
    told = []
    results = humantrack.track(
        data / "demo_small.mp4", progress=lambda done, total: told.append(done), **keys
    )
    assert len(results) == FRAMES
    assert told[0] == len(partial) + 1


def test_keys_are_sections_or_dotted_names(data, tmp_path):
    with pytest.raises(ConfigError, match=r"phalp\.n_int.*did you mean phalp\.n_init"):
        raise_lower(lambda: humantrack.track("clip.mp4", **{"phalp.n_int": 3}))
    with pytest.raises(ConfigError, match=r"unknown key: render\.enabled"):
        humantrack.track("clip.mp4", render={"enabled": False})
    with pytest.raises(ConfigError, match="n_init"):
        humantrack.track("clip.mp4", phalp={"n_init": "many"})
    with pytest.raises(ConfigError, match="unknown tracker: tracker=nobody"):
        humantrack.track(data / "demo_small.mp4", tracker="nobody", output_dir=tmp_path)


def raise_lower(call):
    """An error whose hint begins with a small letter, however the line writes it."""
    try:
        call()
    except ConfigError as error:
        raise ConfigError(str(error).replace("Did", "did")) from error


def test_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(SourceNotFoundError):
        humantrack.track(tmp_path / "nothing.mp4", output_dir=tmp_path)


def test_the_function_can_be_called_after_the_module_was_imported(data, tmp_path):
    import humantrack.track

    module = sys.modules["humantrack.track"]
    assert humantrack.track in (module, humantrack.api.track)
    keys = {**QUICK, "video": {"end_frame": 1}}
    assert len(humantrack.track(data / "demo_small.mp4", output_dir=tmp_path, **keys)) == 1
    assert callable(module)
