"""Names that meet: results of another video are neither taken for this one's nor replaced."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import pytest

from humantrack.claims import Claim
from humantrack.cli.logging import log_to_stderr
from humantrack.errors import InterruptedRunError, OutputTakenError
from humantrack.fingerprint import clip_name, shortened
from humantrack.pipeline.checkpoint import write_checkpoint
from humantrack.results import partial_path
from humantrack.run import naming
from humantrack.run.naming import Identity, Names, place_of
from humantrack.run.paths import OutputPaths
from humantrack.run.resume import is_finished

ME = Identity("1a2b3c4d5e6f7081", "here")
OTHER = Identity("ffffffffffffffff", "there")
CHANGED = Identity("eeeeeeeeeeeeeeee", "here")
COPIED = Identity(ME.content, "elsewhere")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("clip.mp4", "clip"),
        ("cam.left.mp4", "cam.left"),
        ("2024.10.05 10.30.mov", "2024.10.05 10.30"),
        ("run.1/cam.left.mp4", "cam.left"),
        ("clip.tar.gz", "clip.tar"),
        ("clip", "clip"),
        (".mp4", "mp4"),
        (".hidden.mp4", "hidden"),
        (".hidden.left.mp4", "hidden.left"),
        ("clip.", "clip"),
        ("...", "video"),
    ],
)
def test_a_clip_is_called_by_its_name_without_the_last_suffix(path, name):
    assert clip_name(path) == name


def test_a_clip_that_is_called_as_unfinished_results_are_has_a_name_of_its_own():
    assert shortened("x") == "x"
    assert shortened("x.partial").startswith("x.partial~")
    assert partial_path(Path("x.pkl")) != Path(f"{shortened('x.partial')}.pkl")


def test_a_place_is_the_absolute_path(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    assert place_of("clip.mp4") == place_of(tmp_path / "a" / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    assert place_of("clip.mp4") != place_of("a/clip.mp4")


@dataclass
class Keys:
    """As much of a configuration as names depend on."""

    out: Path

    def paths(self, name: str) -> OutputPaths:
        results = self.out / "results" / f"demo_{shortened(name)}.pkl"
        return OutputPaths(
            results=results,
            overlay=self.out / "o.mp4",
            meta=results.with_name(f"{results.stem}.meta.json"),
            frames=self.out / "f",
            checkpoint=results.with_suffix(".checkpoint"),
            pieces=self.out / "o.partial",
            draws=False,
        )


@pytest.fixture(autouse=True)
def shown():
    """What is logged is said on standard error, as by the command."""
    with log_to_stderr():
        yield


@pytest.fixture
def keys(tmp_path):
    (tmp_path / "results").mkdir()
    return Keys(tmp_path)


def names(keys, me=ME):
    return Names(keys.paths, "clip", me, lost_after_s=60)


def finish(paths, who: Identity | None):
    paths.results.write_bytes(b"results")
    if who is not None:
        meta = {"fingerprint": {"source": who.content}, "place": who.place, "status": "complete"}
        paths.meta.write_text(json.dumps({**meta, "source": {"path": "b/clip.mp4"}}))


def leave_unfinished(paths, who: Identity):
    partial_path(paths.results).write_bytes(b"half")
    state = {"fingerprint": {"source": who.content}, "place": who.place}
    write_checkpoint(paths.checkpoint, state)


def test_a_free_name_is_the_clips_own(keys):
    assert names(keys).choose() == keys.paths("clip")
    assert names(keys).finished(is_finished) is None


@pytest.mark.parametrize("leave", [finish, leave_unfinished])
@pytest.mark.parametrize("who", [ME, COPIED, CHANGED])
def test_results_of_the_same_video_or_the_same_file_keep_the_name(keys, leave, who):
    leave(keys.paths("clip"), who)
    assert names(keys).choose() == keys.paths("clip")


@pytest.mark.parametrize("leave", [finish, leave_unfinished])
def test_another_videos_results_are_left_alone_and_both_are_found_again(keys, leave, capsys):
    plain, own = keys.paths("clip"), keys.paths("clip~1a2b3c4d")
    leave(plain, OTHER)
    before = {p: p.read_bytes() for p in keys.out.rglob("*") if p.is_file()}
    assert names(keys).finished(is_finished) is None
    with names(keys).held(Event()) as paths:
        assert paths == own
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(plain.results) in said
    assert str(own.results) in said
    assert {p: p.read_bytes() for p in keys.out.rglob("*") if p.is_file()} == before
    finish(own, ME)
    assert names(keys).finished(is_finished) == own
    assert names(keys, OTHER).choose() == plain
    for path in before:
        path.unlink()
    assert names(keys).choose() == own  # rather than a second time under the free name


def test_a_run_that_was_killed_before_its_first_checkpoint_is_known_by_its_claim(keys):
    plain = keys.paths("clip")
    partial_path(plain.results).write_bytes(b"a few frames")
    claim = plain.results.with_name(".demo_clip.claim")
    held = {"token": "theirs", "host": socket.gethostname(), "pid": 2**22 + 1}
    claim.write_text(json.dumps({**held, "note": f"{OTHER.content} {OTHER.place}"}))
    assert names(keys).choose() == keys.paths("clip~1a2b3c4d")
    with names(keys, OTHER).held(Event()) as paths:  # its own: taken over at once
        assert paths == plain
    assert not claim.exists()


def test_a_video_that_changed_is_not_taken_for_done(keys, capsys):
    plain = keys.paths("clip")
    finish(plain, CHANGED)
    with pytest.raises(OutputTakenError, match="changed since") as caught:
        names(keys).finished(is_finished)
    assert caught.value.exit_code == 16
    with names(keys).held(Event()) as paths:
        assert paths == plain
    assert "has changed since" in capsys.readouterr().err


def test_results_that_name_no_video_are_replaced_or_left_with_a_word(keys, capsys):
    plain = keys.paths("clip")
    finish(plain, None)
    assert names(keys).finished(is_finished) == plain
    assert "nothing says which video" in capsys.readouterr().err
    with names(keys).held(Event()) as paths:
        assert paths == plain
    assert "nothing says which video" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", '{"fingerprint": 3}', '{"fingerprint": {}}', "{"])
def test_a_description_that_makes_no_sense_says_nothing(keys, text):
    plain = keys.paths("clip")
    finish(plain, None)
    plain.meta.write_text(text)
    plain.checkpoint.write_bytes(b"no checkpoint")
    assert names(keys).choose() == plain


def test_the_second_of_two_runs_of_a_clip_waits_and_says_so(keys, monkeypatch, capsys):
    monkeypatch.setattr(naming, "POLL_S", 0.01)
    inside, done = Event(), Event()

    def second():
        with names(keys).held(Event()) as paths:
            assert paths == keys.paths("clip")
            inside.set()
        done.set()

    waiting = Event()
    pause = naming._pause

    def paused(stop):
        waiting.set()
        pause(stop)

    monkeypatch.setattr(naming, "_pause", paused)
    with names(keys).held(Event()):
        thread = Thread(target=second)
        thread.start()
        assert waiting.wait(60)
        assert not inside.is_set()
    assert done.wait(60)
    thread.join()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"process {os.getpid()} of {socket.gethostname()}" in said
    assert not list((keys.out / "results").iterdir())


def test_who_waits_can_be_stopped_and_touches_nothing(keys, monkeypatch):
    stop = Event()
    monkeypatch.setattr(naming, "_pause", lambda stop: stop.set())
    with names(keys).held(Event()):
        with pytest.raises(InterruptedRunError, match="stopped"), names(keys).held(stop):
            pass
        assert len(list((keys.out / "results").iterdir())) == 1


def test_another_clip_of_the_name_does_not_wait(keys):
    with names(keys, OTHER).held(Event()) as first, names(keys).held(Event()) as second:
        assert first == keys.paths("clip")
        assert second == keys.paths("clip~1a2b3c4d")


def test_a_claim_says_whose_it_is(tmp_path):
    from humantrack.claims import holder_of, note_of

    with Claim(tmp_path / "c", lost_after_s=60, note="a note"):
        assert note_of(tmp_path / "c") == "a note"
        assert holder_of(tmp_path / "c")["pid"] == os.getpid()
    assert note_of(tmp_path / "c") == ""
