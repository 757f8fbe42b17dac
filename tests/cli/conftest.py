"""The command with a tracker that only writes down the configuration it gets."""

from __future__ import annotations

import pytest

from humantrack import session
from humantrack.cli.main import main
from humantrack.pipeline.summary import RunSummary


@pytest.fixture
def run(monkeypatch):
    """Runs a command line; returns the configurations its trackers were made with."""
    seen = []

    class Stub:
        def __init__(self, cfg):
            self.cfg = cfg

        def track(self, stop=None, progress=None):
            seen.append(self.cfg)
            return RunSummary(name="clip", results="r", overlay=None, meta=None, skipped=True)

    monkeypatch.setattr(session, "choose_tracker", lambda cfg: (Stub, "a test's"))

    def command(*arguments):
        seen.clear()
        main([str(a) for a in arguments])
        return list(seen)

    return command


@pytest.fixture
def refused(run, capsys):
    """Runs a command line that must fail; returns its one line, whose exit code is 2."""

    def command(*arguments, code=2):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            run(*arguments)
        said = capsys.readouterr().err.splitlines()
        assert stop.value.code == code, said
        assert len(said) == 1, said
        assert said[0].startswith("humantrack: ")
        return said[0]

    return command
