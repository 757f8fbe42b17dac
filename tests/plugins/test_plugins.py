"""An installed package's tracker, detector and exporter, through the commands."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from plugin_package import install_plugins

from humantrack import load_config, load_results
from humantrack.cli.main import main
from humantrack.export import cli as export_cli
from humantrack.session import may_use_gpu

QUICK = ("render.enable=false", "video.end_frame=8", "device=cpu")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return install_plugins(tmp_path_factory.mktemp("site"))


@pytest.fixture
def installed(site, monkeypatch):
    """The package, importable here as well as in processes begun here."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(site))
    yield site
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "jersey_plugins":
            del sys.modules[name]


@pytest.fixture(scope="module")
def command(site):
    """Runs a module of ours, in a process of its own that has the package."""
    path = os.pathsep.join(p for p in (str(site), os.environ.get("PYTHONPATH")) if p)

    def run(module, *words):
        words = [sys.executable, "-m", module, *map(str, words)]
        env = {**os.environ, "PYTHONPATH": path}
        return subprocess.run(words, env=env, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def tracked(command, data, tmp_path_factory):
    """Results of the package's tracker with the package's detector."""
    folder = tmp_path_factory.mktemp("tracked")
    clip = f"video.source={data / 'demo_small.mp4'}"
    done = command(
        "humantrack.track",
        *(clip, "tracker=jersey", "phalp.detector=boxer", f"video.output_dir={folder}", *QUICK),
    )
    assert done.returncode == 0, done.stderr
    return folder / "results" / "demo_demo_small.pkl"


@pytest.fixture
def failing(installed, capfd):
    """Runs a command that must fail with one line; returns its exit code and the line."""

    def run(program, *words):
        try:
            code = program(list(map(str, words)))
        except SystemExit as end:
            code = end.code
        said = capfd.readouterr().err.splitlines()
        lines = [ln for ln in said if ln not in ("loading models",) and ln[:9] != "tracker: "]
        assert len(lines) == 1, said
        return code, lines[0]

    return run


@pytest.fixture
def words(tracked, data, tmp_path):
    """The arguments of a command that is asked for something."""

    def build(program, asked):
        if program is export_cli.main:
            return tracked, *asked.split()
        return f"video.source={data / 'demo_small.mp4'}", f"video.output_dir={tmp_path}", asked

    return build


def test_tracker_and_detector_of_another_package_track(tracked):
    results = load_results(tracked)
    assert results.track_ids == (1,)  # at a score of 0.3, which the detector says is enough
    people = [person for record in results.records for person in record.people]
    height = people[0].observation.image_size[0]
    extras = {person.observation.extra for person in people}
    assert extras == {round(0.6 * height)}
    assert len(results) == 8


def test_the_default_tracker_takes_another_packages_detector(installed, data, tmp_path):
    import humantrack

    results = humantrack.track(
        data / "demo_small.mp4",
        tracker="embedded",
        output_dir=tmp_path,
        device="auto",
        render={"enable": False},
        video={"end_frame": 8},
        phalp={"detector": "boxer"},
    )
    assert results.track_ids == (1,)


def test_other_packages_may_use_the_gpu(installed):
    assert may_use_gpu(load_config("tracker=jersey"))
    assert may_use_gpu(load_config("tracker=embedded", "phalp.detector=boxer"))
    assert not may_use_gpu(load_config("tracker=embedded"))


def test_a_sweep_takes_them_too(command, data, tmp_path):
    (tmp_path / "clips").mkdir()
    for name in ("a", "b"):
        (tmp_path / "clips" / f"{name}.mp4").write_bytes((data / "demo_small.mp4").read_bytes())
    done = command(
        "humantrack.track",
        *("-m", f"video.source={tmp_path / 'clips'}", "tracker=jersey", "phalp.detector=boxer"),
        *(f"video.output_dir={tmp_path / 'out'}", *QUICK),
    )
    assert done.returncode == 0, done.stderr
    found = sorted(p for p in (tmp_path / "out").rglob("*.pkl") if ".world." not in p.name)
    assert [load_results(path).track_ids for path in found] == [(1,), (1,)]


def test_exporter_of_another_package_exports(command, tracked, tmp_path):
    out = tmp_path / "who.lines"
    done = command("humantrack.export.cli", tracked, "-f", "lines", "-o", out)
    assert done.returncode == 0, done.stderr
    lines = out.read_text().splitlines()
    results = load_results(tracked)
    wanted = [
        f"{number}: {sorted(person.track_id for person in record.people)}"
        for number, record in enumerate(results.records)
    ]
    assert lines == [*wanted, "end"]


def test_a_format_may_be_announced_instead_of_a_class(installed, tracked, tmp_path):
    words = [str(tracked), "-f", "listed", "-f", "lines", "-o", f"{tmp_path}/who.lines"]
    assert export_cli.main(words) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"who.listed", "who.lines"}
    assert (tmp_path / "who.listed").read_bytes() == (tmp_path / "who.lines").read_bytes()


def test_our_own_names_come_first(installed, tracked, tmp_path):
    assert export_cli.main([str(tracked), "-f", "csv", "-o", f"{tmp_path}/rows.csv"]) == 0
    assert (tmp_path / "rows.csv").read_text().startswith("frame,")


def test_help_names_them_and_imports_none(site, command):
    code = (
        "import sys; from humantrack.export.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('numpy', 'jersey_plugins') if m in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "100"}
    said = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout
    assert said.endswith("[]\n")
    assert "\n  lines          of jersey-plugins 1.2\n" in said
    assert "of jersey-plugins" not in next(ln for ln in said.splitlines() if ln[:6] == "  csv ")


def test_unknown_names_list_what_is_there(failing, tracked, data):
    clip = f"video.source={data / 'demo_small.mp4'}"
    code, line = failing(main, clip, "tracker=jersy")
    assert code == 2
    assert "tracker=jersy. Did you mean jersey?" in line
    assert "embedded, hmr2, upstream, " in line and "jersey (jersey-plugins 1.2)" in line
    code, line = failing(main, clip, "phalp.detector=box", "tracker=embedded")
    assert code == 2
    assert (
        "nanodet, maskrcnn, vitdet, vitdet-detectron2, rfdetr, given, boxer (jersey-plugins 1.2)"
        in line
    )
    code, line = failing(export_cli.main, tracked, "-f", "lynes")
    assert code == 2
    assert "--format lynes. Did you mean lines?" in line
    assert "json, jsonl" in line and "lines (jersey-plugins 1.2)" in line


BROKEN = (
    (main, "tracker=broken_tracker"),
    (main, "phalp.detector=broken_detector"),
    (export_cli.main, "--format broken_exporter"),
)


@pytest.mark.parametrize(("program", "asked"), BROKEN, ids=[asked for _, asked in BROKEN])
def test_a_broken_package_is_one_line(program, asked, failing, words):
    code, line = failing(program, *words(program, asked))
    assert code == 11
    assert f"of jersey-plugins 1.2 cannot be imported (ModuleNotFoundError: {NOBODY}" in line
    assert f"): {asked}. Repair or remove that package" in line


NOBODY = "No module named 'a_module_that_nobody_has'"

ODD = (
    (main, "tracker=no_tracker", "not a tracker"),
    (main, "phalp.detector=no_detector", "not a detector"),
    (export_cli.main, "--format no_exporter", "not a format"),
    (export_cli.main, "--format no_suffix", "not a format"),
)


@pytest.mark.parametrize("case", ODD, ids=[asked for _, asked, _ in ODD])
def test_something_else_under_a_name_is_one_line(case, failing, words):
    program, asked, what = case
    code, line = failing(program, *words(program, asked))
    assert code == 2
    assert what in line and asked in line
