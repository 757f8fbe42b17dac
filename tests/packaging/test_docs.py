"""The documentation names only what exists: commands, options, keys, files, exit codes, errors."""

from __future__ import annotations

import argparse
import itertools
import re
import shlex
from pathlib import Path

import pytest

from humantrack import errors
from humantrack.cli.demo import parser_of as demo_parser
from humantrack.cli.live import parser_of as live_parser
from humantrack.config.schema import all_keys
from humantrack.evaluation.arguments import parser_of as eval_parser
from humantrack.evaluation.limits import parse_limits
from humantrack.export.arguments import parser_of
from humantrack.export.formats.base import FORMATS
from humantrack.service import cli as service
from humantrack.service import client, client_live
from humantrack.weights import cli as weights

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
KEYS = {key.name for key in all_keys()}
GROUPS = {path.name for path in (ROOT / "conf").iterdir() if path.is_dir()}
GROUPS |= {"video", "tracker"}
HYDRA = {"-m", "--multirun", "--cfg", "--help", "--version", "--hydra-help", "--info", "-sc"}
HYDRA |= {"--list-cameras", "--config-dir", "--config-name", "--config-path", "--shell-completion"}
OTHERS = {"--signal", "--no-build-isolation", "--no-deps", "--network", "--force-reinstall"}
OTHERS.add("--output_type")
"""Options of other programs that the text names."""


def options_of(parser):
    """All options of a parser and of its commands."""
    found = set()
    for action in parser._actions:
        found |= set(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                found |= options_of(command)
    return found


EXPORT = options_of(parser_of())
WEIGHTS = options_of(weights._parser())
SERVE = options_of(service._parser()) | options_of(client._parser()) | {"--token-file"}
SERVE |= options_of(client_live._parser())
OPTIONS = {
    "humantrack": HYDRA,
    "humantrack-demo": options_of(demo_parser()),
    "humantrack-eval": options_of(eval_parser()),
    "humantrack-export": EXPORT,
    "humantrack-live": options_of(live_parser()),
    "humantrack-weights": WEIGHTS,
    "humantrack-serve": SERVE,
}


def commands(page):
    """Words of every command of ours in a page's shell blocks and in its text."""
    text = page.read_text("utf-8")
    lines = []
    for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
        lines += block.replace("\\\n", " ").splitlines()
    lines += re.findall(r"`(humantrack[^`\n]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in lines:
        words = shlex.split(line, comments=True)
        for i, word in enumerate(words):
            if word in OPTIONS:
                end = next((k for k in range(i, len(words)) if words[k] in ("|", "&&")), len(words))
                yield word, words[i + 1 : end]
                break


EVERY = [
    pytest.param(*command, id=f"{page.stem}: {command[0]} {' '.join(command[1])}"[:80])
    for page in PAGES
    for command in commands(page)
]


def is_key(word):
    """Whether the left side of ``key=value`` is a key, or a group, of ours or of Hydra's."""
    key = word.partition("=")[0].lstrip("+~").partition("@")[0]
    return key in KEYS or key in GROUPS or key.startswith(("hydra.", "hydra/"))


@pytest.mark.parametrize(("program", "words"), EVERY)
def test_commands_of_the_pages_exist(program, words):
    assert f'\n{program} = "' in PROJECT
    for word in words:
        if word.startswith("-") and word != "-":
            assert word.partition("=")[0] in OPTIONS[program]
        elif program == "humantrack" and "=" in word:
            assert is_key(word)
    for flag, value in itertools.pairwise(words):
        if program == "humantrack-export" and flag in ("-f", "--format"):
            assert value in FORMATS
        if program == "humantrack-eval" and flag in ("--run", "--fail-under"):
            parts = shlex.split(value) if flag == "--run" else []
            assert all("=" not in part or is_key(part) for part in parts)
            assert flag == "--run" or parse_limits([value])
        if program == "humantrack-serve" and flag == "--set":
            key = value.partition("=")[0]
            assert key in KEYS or f"video.{key}" in KEYS


def test_there_are_commands():
    assert len(EVERY) > 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_options_in_the_text_exist(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    known = set().union(*OPTIONS.values()) | OTHERS
    for code in re.findall(r"`([^`\n]+)`", text):
        if code.startswith(("pip ", "python ", "docker ", "sbatch ")):
            continue
        for option in re.findall(r"(?<![\w-])--[a-z][a-z_-]+", code):
            assert option in known, code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_are_named_exist(page):
    text = page.read_text("utf-8")
    names = set(
        re.findall(r"(?<![\w./])((?:scripts|src|tests|deploy|conf|docs)/[\w./-]*\w)(?![\w*])", text)
    )
    links = {t for t in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in t}
    missing = [name for name in names if not (ROOT / name).exists()]
    missing += [link for link in links if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_into_pages_lead_to_a_heading(page):
    for target, place in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in target:
            continue
        there = page if not target else page.parent / target
        heads = re.findall(r"^#+ (.*)$", there.read_text("utf-8"), re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
        assert place in slugs


def test_every_exit_code_is_listed():
    table = (ROOT / "README.md").read_text("utf-8").partition("| exit code |")[2]
    table = table.partition("\n\n")[0]
    listed = {
        int(n) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.M) for n in row.split(",")
    }
    kinds = [k for k in vars(errors).values() if isinstance(k, type)]
    codes = {k.exit_code for k in kinds if issubclass(k, errors.HumantrackError)}
    assert listed == codes - {1} | {0, errors.INTERNAL_ERROR}
    tree = (errors.__doc__ or "").partition("::")[2]
    for kind in kinds:
        if issubclass(kind, errors.HumantrackError):
            assert re.search(rf"\b{kind.__name__} +{kind.exit_code}\b", tree)


def test_every_format_and_option_of_export_is_told():
    page = (ROOT / "docs" / "export.md").read_text("utf-8")
    for kind in FORMATS.values():
        assert f"| `{kind.name}` |" in page
    untold = {o for o in EXPORT if o.startswith("--") and o not in page}
    assert untold <= {"--help", "--version", "--format", "--output"}


def test_extras_that_are_named_exist():
    for page in PAGES:
        for names in re.findall(r"humantrack\[([\w,-]+)\]", page.read_text("utf-8")):
            for name in names.split(","):
                assert f"\n{name} = [" in PROJECT
