"""What is wrong with a command line is one line, whichever command it is of."""

from __future__ import annotations

import importlib

import pytest


@pytest.mark.parametrize(
    ("module", "words", "said"),
    [
        ("cli.live", "", "humantrack-live: the following arguments are required: SOURCE"),
        ("cli.demo", "--nonsense", "humantrack-demo: unrecognized arguments: --nonsense"),
        ("evaluation.cli", "", "humantrack-eval: the following arguments are required: BENCH"),
        ("export.cli", "--nonsense", "humantrack-export: unrecognized arguments: --nonsense"),
        ("service.cli", "nonsense", "humantrack-serve: unrecognized arguments: nonsense"),
        ("service.cli", "submit", "humantrack-serve submit: the following arguments are req"),
        ("service.cli", "record --nonsense", "humantrack-serve record: unrecognized arguments"),
        ("service.cli", "token", "humantrack-serve token: the following arguments are required"),
        ("weights.cli", "nonsense", "humantrack-weights: argument COMMAND: invalid choice"),
        ("weights.cli", "import", "humantrack-weights import: the following arguments are req"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(module, words, said, capfd, monkeypatch):
    command = said.partition(":")[0].split()[0]
    monkeypatch.setattr("sys.argv", [command, *words.split()])
    main = importlib.import_module(f"humantrack.{module}").main
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(main(words.split()))
    assert ended.value.code == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith(said)
    assert err.count("\n") == 1 and err.endswith(" --help\n")
