"""The scripts' .venv: made once, made again when it was left half-made, by one script at a time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="its stand-ins are shell scripts")


@pytest.fixture
def project(tmp_path) -> Path:
    """A project without dependencies, whose `python -m venv` and pip are stand-ins."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "lib").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "lib" / "venv.py", tmp_path / "scripts" / "lib")
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("")
    return tmp_path


PIP = """#!/bin/sh
case "$*" in
  -c*) {look} ;;
  *) echo "$*" >> "{log}"; {install} ;;
esac
"""


def ready(project: Path, look: str = "", install: str = "true") -> Path:
    """Lays out a .venv whose interpreter is a stand-in; gives the log of its installations."""
    venv = project / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text("")
    log = project / "pip.log"
    look = look or f"printf '%s\\n' '{venv}' {sys.version_info[0]} {sys.version_info[1]}"
    interpreter = venv / "bin" / "python"
    interpreter.write_text(PIP.format(look=look, log=log, install=install))
    interpreter.chmod(0o755)
    return log


def call(project: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    """``venv.python()`` where making a .venv means laying out a stand-in that works."""
    code = textwrap.dedent(f"""
        import sys
        sys.path[:0] = [{str(project / "scripts")!r}, {str(Path(__file__).parent)!r}]
        from lib import venv
        from pathlib import Path
        quietly = venv._quietly
        def made(command):
            if "venv" not in command:
                return quietly(command)
            from test_own_venv import ready
            ready(Path({str(project)!r}))
        venv._quietly = made
        {before}
        print(venv.python())
    """)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=project
    )


def test_one_line_a_step_and_then_none(project):
    done = call(project)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    interpreter = str(project / ".venv" / "bin" / "python")
    assert [line.split()[0] for line in lines] == ["making", "installing", interpreter]
    assert done.stderr == ""
    assert call(project).stdout.splitlines() == lines[2:]


@pytest.mark.parametrize(
    "name",
    ["no config", "no interpreter", "no target", "no pip", "does not run", "older", "moved",
     "interrupted", "a file", "a broken link"],
)  # fmt: skip
def test_a_half_made_one_is_made_again(project, name):
    looks = {
        "no pip": "echo \"No module named 'pip'\" >&2; exit 1",
        "does not run": "exit 127",
        "older": f"printf '%s\\n' '{project / '.venv'}' 3 2",
        "moved": f"printf '%s\\n' /elsewhere {sys.version_info[0]} {sys.version_info[1]}",
    }
    venv = project / ".venv"
    if name == "a file":
        venv.write_text("")
    elif name == "a broken link":
        venv.symlink_to(project / "nothing")
    else:
        ready(project, look=looks.get(name, ""))
        call(project)  # what is installed does not save it
    interpreter = venv / "bin" / "python"
    if name == "no config":
        (venv / "pyvenv.cfg").unlink()
    if name in ("no interpreter", "no target"):
        interpreter.unlink()
    if name == "no target":
        interpreter.symlink_to(project / "python-that-was")
    if name == "interrupted":
        (venv / ".installing").touch()
    if name in looks:
        shutil.rmtree(venv)
        ready(project, look=looks[name])
    done = call(project)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^making .* again: ", done.stdout)
    assert "installing" in done.stdout
    assert call(project).stdout.splitlines() == [str(interpreter)]


def test_pips_words_are_shown_only_when_it_fails(project):
    ready(project, install="echo WARNING: noise; echo noise >&2")
    done = call(project)
    assert "oise" not in done.stdout + done.stderr
    shutil.rmtree(project / ".venv")
    ready(project, install="echo ERROR: no such version; exit 3")
    done = call(project)
    assert done.returncode == 1
    assert done.stderr.startswith("ERROR: no such version\nfailed with exit code 3: ")
    assert "Traceback" not in done.stderr
    assert "making" not in call(project).stdout  # it failed in good order


def test_two_at_once_install_once(project):
    log = ready(project, install="sleep 1")
    folder = str(project / "scripts")
    code = f"import sys; sys.path.insert(0, {folder!r}); from lib import venv; venv.python()"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = "".join(process.communicate()[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said.count("installing") == 1
    assert len(log.read_text().splitlines()) == 1


def test_every_direct_dependency_is_pinned_to_a_version_its_bound_allows():
    """Of all extras but the one for the genuine packages, on each Python."""
    text = (ROOT / "pyproject.toml").read_text()
    text = text[text.index("\ndependencies = [") : text.index("[project.urls]")]
    text = re.sub(r"\nupstream = \[.*?\n\]", "", text, flags=re.DOTALL)
    wanted = [Requirement(line) for line in re.findall(r'"([A-Za-z][^"]*)"', text)]
    wanted = [need for need in wanted if need.name != "humantrack"]
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    assert len(wanted) > 30
    for python in ("3.10", "3.11", "3.12", "3.13", "3.14"):
        here = {"python_version": python}
        pinned = {p.name: p for p in pins if p.marker is None or p.marker.evaluate(here)}
        for need in wanted:
            if need.marker is not None and not need.marker.evaluate(here):
                continue  # not wanted by that Python
            (exact,) = pinned[need.name].specifier
            assert exact.operator == "==", need.name
            assert need.specifier.contains(exact.version), (python, str(need), str(exact))
