"""Packages that are missing, wrong, or do not fit: one line, which, why, what to install."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

import pytest

from humantrack.cli.main import main
from humantrack.errors import DependencyError

FAKES = Path(__file__).parents[1] / "fakes"


@pytest.fixture
def packages(on_path, tmp_path):
    """A copy of the stand-ins that a test may break; its folder."""
    folder = tmp_path / "site"
    shutil.copytree(FAKES, folder)
    on_path(folder)
    return folder


def why_not() -> str:
    with pytest.raises(DependencyError) as caught:
        importlib.import_module("humantrack.upstream.adapter")
    line = str(caught.value)
    assert "\n" not in line
    assert "docs/upstream.md" in line
    return line


@pytest.mark.parametrize("name", ["phalp", "hmr2", "detectron2"])
def test_a_missing_package_is_named(packages, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    assert f"misses a package: {name} (" in why_not()


def test_pypis_phalp_is_told_from_the_genuine_one(packages):
    shutil.rmtree(packages / "phalp" / "configs")
    # It has phalp.trackers.PHALP.PHALP too, with other arguments, and imports what is not there.
    (packages / "phalp" / "__init__.py").write_text("raise AssertionError('imported')\n")
    line = why_not()
    assert "PyPI's phalp 0.1.3 has another API" in line
    assert str(packages / "phalp") in line
    assert "pip uninstall phalp" in line.lower()


def test_another_hmr2_is_told_from_4d_humans(packages):
    shutil.rmtree(packages / "hmr2" / "datasets")
    assert "this hmr2 is not 4D-Humans" in why_not()


def test_a_package_that_those_import_is_named(packages):
    (packages / "phalp" / "trackers" / "PHALP.py").write_text("import no_such_renderer\n")
    assert "miss another one: no_such_renderer" in why_not()


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("import numpy; numpy.no_such_alias", "AttributeError"),
        ("from numpy import no_such_alias", "ImportError"),
        ("raise OSError('libEGL.so: cannot open')", "libEGL.so"),
    ],
)
def test_packages_that_do_not_fit_are_said_to(packages, line, word):
    (packages / "phalp" / "trackers" / "PHALP.py").write_text(line + "\n")
    said = why_not()
    assert "cannot be imported" in said
    assert word in said


def test_a_phalp_without_its_class_is_said_to(packages):
    (packages / "phalp" / "trackers" / "PHALP.py").write_text("")
    assert "PHALP" in why_not()


def test_importing_leaves_warnings_and_printing_alone(packages):
    import warnings

    import numpy as np

    module = packages / "phalp" / "trackers" / "PHALP.py"
    module.write_text(
        "import warnings, numpy\nwarnings.filterwarnings('ignore')\n"
        "numpy.set_printoptions(precision=1)\n" + module.read_text()
    )
    filters, options = list(warnings.filters), np.get_printoptions()
    importlib.import_module("humantrack.upstream.adapter")
    assert (warnings.filters, np.get_printoptions()) == (filters, options)


def test_the_command_line_exits_with_its_code(packages, monkeypatch, clip, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "phalp", None)
    with pytest.raises(SystemExit) as stop:
        main([f"video.source={clip}", f"video.output_dir={tmp_path / 'out'}", "tracker=upstream"])
    assert stop.value.code == DependencyError.exit_code
    said = capsys.readouterr().err
    assert "phalp (the genuine PHALP)" in said
    assert "Traceback" not in said


def test_nothing_genuine_is_imported_unless_asked_for():
    import subprocess

    code = (
        "import sys, humantrack, humantrack.track\n"
        "assert not {'phalp', 'hmr2', 'humantrack.upstream'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
