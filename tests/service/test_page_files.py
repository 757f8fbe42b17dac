"""The page's files: nothing from elsewhere, nothing inline, nothing that is not listed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

import humantrack.service

STATIC = Path(humantrack.service.__file__).parent / "static"
OURS = sorted(p for p in STATIC.rglob("*") if p.is_file() and "vendor" not in p.parts)
SCRIPTS = [p for p in OURS if p.suffix == ".js"]


def test_the_document_has_no_script_style_or_handler_in_it():
    text = (STATIC / "index.html").read_text("utf-8")
    assert re.findall(r"<style|\sstyle=|\son\w+=", text) == []
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("path", OURS, ids=lambda p: p.name)
def test_nothing_is_fetched_from_elsewhere(path):
    links = re.findall(r"https?://[^\s\"'`)]+", path.read_text("utf-8"))
    assert set(links) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_scripts_are_small_and_import_what_is_there(path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) < 260
    for name in re.findall(r"(?:from|import\()\s*\"([^\"]+)\"", text):
        assert (path.parent / name).is_file(), name
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function", text) == []


def test_what_the_document_names_is_there():
    text = (STATIC / "index.html").read_text("utf-8")
    names = re.findall(r"(?:href|src)=\"static/([^\"]+)\"", text)
    assert len(names) >= 7
    assert [n for n in names if not (STATIC / n).is_file()] == []


def test_the_vendored_files_are_those_that_are_listed():
    folder = STATIC / "vendor" / "three"
    listed = dict(
        re.findall(
            r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.M
        )
    )
    there = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.js")}
    assert listed == there
