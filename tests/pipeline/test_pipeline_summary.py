"""Progress during a run, and its summary after."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from humantrack.pipeline import progress
from humantrack.pipeline.progress import ProgressSink
from humantrack.pipeline.summary import RunSummary


def summary(name: str, **changes) -> RunSummary:
    results = Path("outputs") / "results" / f"demo_{name}.pkl"
    return RunSummary(name=name, results=results, overlay=None, meta=None, **changes)


def printed(done: RunSummary) -> str:
    out = io.StringIO()
    done.print(Console(file=out, width=60))
    return out.getvalue()


@pytest.mark.parametrize("name", ["clip", "[x]", "[/x]", "[bold]", "a" * 90])
@pytest.mark.parametrize("skipped", [False, True])
def test_every_name_is_shown_as_it_is(name, skipped):
    assert f"demo_{name}.pkl" in printed(summary(name, skipped=skipped))


def test_the_note_and_the_figures_are_shown():
    said = printed(summary("clip", frames=30, tracks=2, people=1, seconds=2.0, note="a word"))
    assert "15.0 frames/s" in said
    assert "note: a word" in said
    assert "note" not in printed(summary("clip"))


@pytest.mark.parametrize("bar", [False, True])
@pytest.mark.parametrize("name", ["[x]", "[/x]"])
def test_progress_shows_every_name(name, bar, monkeypatch):
    monkeypatch.setattr(progress, "PLAIN_EVERY_S", 0.0)
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=bar)
    with ProgressSink(name, 3, console, bar=bar) as sink:
        if not bar:
            sink.write(None, NobodyRecord)
    assert name in out.getvalue()


class NobodyRecord:
    people = ()
