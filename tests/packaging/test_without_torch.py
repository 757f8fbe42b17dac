"""The default needs no torch, and what does says so in one line; help waits for no library."""

from __future__ import annotations

import ast
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from formats_here import FORMATS_HERE as FORMATS

import humantrack
from humantrack import DependencyError, extras, session
from humantrack.run.settings import choose_device, seed_everything
from humantrack.sweep.devices import gpus_of

TORCH = ("torch", "torchvision", "smplx")

FORBID = f"""
import sys

class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {TORCH}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Forbid())
"""

RUN = """
import contextlib, io, json, sys
from humantrack.cli.main import main
from humantrack.export.cli import main as export

def call(command, arguments):
    out = io.StringIO()
    with contextlib.redirect_stderr(out):
        try:
            code = command(arguments) or 0
        except SystemExit as end:
            code = end.code or 0
    return [code, out.getvalue()]

calls = json.loads(sys.stdin.read())
told = [call({"run": main, "export": export}[name], arguments) for name, arguments in calls]
print(json.dumps({"told": told, "modules": sorted({m.split(".")[0] for m in sys.modules})}))
"""


def run(calls, cwd, *, forbid=True):
    """Commands in one new process -> what each gave (exit code, stderr), and what was imported."""
    done = subprocess.run(
        [sys.executable, "-c", (FORBID if forbid else "") + RUN],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["told"], set(answer["modules"])


@pytest.mark.slow
def test_the_main_job_a_sweep_and_every_export_run_without_torch(tmp_path, data):
    clip = data / "demo_small.mp4"
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(clip.read_bytes())
    few = ["video.end_frame=8"]
    results = "outputs/results/demo_demo_small.pkl"
    told, modules = run(
        [
            ["run", [f"video.source={clip}", "detect_shots=true", *few]],
            ["run", ["-m", "video.source=clips", "video.output_dir=swept", *few]],
            *(["export", [results, "-f", name, "-o", "exported/"]] for name in FORMATS),
            ["export", [results, "--summary"]],
        ],
        tmp_path,
    )
    assert [code for code, _ in told] == [0] * len(told), told
    assert not modules & set(TORCH)
    assert "tracker: embedded" in told[0][1]
    assert (tmp_path / "outputs" / "PHALP_demo_small.mp4").stat().st_size > 10_000
    assert (tmp_path / "swept" / "a.mp4" / "PHALP_a.mp4").stat().st_size > 10_000
    about = json.loads((tmp_path / "outputs/results/demo_demo_small.meta.json").read_text())
    assert about["model"]["device"] == "cpu"
    assert len(list((tmp_path / "exported").iterdir())) >= len(FORMATS)


def test_torch_is_left_alone_where_it_is_installed(tmp_path, data):
    clip = [f"video.source={data / 'demo_small.mp4'}", "video.end_frame=2"]
    told, modules = run([["run", clip], ["run", ["-m", *clip]]], tmp_path, forbid=False)
    assert [code for code, _ in told] == [0, 0], told
    assert not modules & set(TORCH)


def test_what_needs_torch_says_in_one_line_how_to_get_it(tmp_path, data):
    clip = f"video.source={data / 'demo_small.mp4'}"
    (tmp_path / "boxes.txt").write_text("1,1,100,50,80,200,1,-1,-1,-1\n")
    wanted = {
        "tracker=hmr2": "tracker=hmr2 needs torch, torchvision and smplx",
        "tracker=upstream": "tracker=upstream needs torch",
        "device=cuda": "device=cuda needs torch",
        "device=cuda:1": "device=cuda:1 needs torch",
        "device=mps": "device=mps needs torch",
        "phalp.detector=maskrcnn": "Mask R-CNN needs",
        "phalp.detector=vitdet": "phalp.detector=vitdet needs torch and torchvision",
        "phalp.detector=vitdet-detectron2": "phalp.detector=vitdet-detectron2 needs torch",
        "video.mask_model=maskrcnn video.boxes=boxes.txt": "Mask R-CNN needs",
        "tracker=hmr2 hmr_type=hmr2018": "tracker=hmr2 needs torch",
    }
    told, modules = run([["run", [clip, *words.split()]] for words in wanted], tmp_path)
    for (code, text), (words, line) in zip(told, wanted.items(), strict=True):
        assert code == DependencyError.exit_code == 11, (words, text)
        *_, last = text.splitlines()
        assert last.startswith(f"humantrack: {line}"), words
        assert 'pip install "humantrack[hmr2]"' in last, words
        assert "Traceback" not in text
        assert len(text.splitlines()) <= 2  # the other one names the tracker
    assert not modules & set(TORCH)


def test_a_device_that_no_machine_has_is_still_a_wrong_value(tmp_path, data):
    calls = [["run", [f"video.source={data / 'demo_small.mp4'}", "device=banana"]]]
    ((code, text),), _ = run(calls, tmp_path)
    assert code == 2
    assert text.splitlines()[-1].startswith("humantrack: unknown device: device=banana")


@pytest.fixture
def no_torch(monkeypatch):
    monkeypatch.setattr(extras, "_is_there", lambda name: name not in TORCH)


def test_without_torch_there_is_only_the_cpu(no_torch):
    assert choose_device("auto") == choose_device("cpu") == "cpu"
    assert gpus_of("auto") == gpus_of("cuda") == []
    with pytest.raises(DependencyError):
        choose_device("cuda:0")


def test_the_best_tracker_of_a_machine_without_torch_is_embedded(no_torch, monkeypatch):
    monkeypatch.setattr(session, "missing_files", lambda cfg: [])
    name, why = session.which_tracker(humantrack.load_config("video.source=a.mp4"))
    assert name == "embedded"
    assert 'pip install "humantrack[hmr2]"' in why


def test_hmr2_of_python_says_so_too(no_torch):
    with pytest.raises(DependencyError, match=r"torch, torchvision and smplx, which are not"):
        humantrack.HMR2_4dhuman(humantrack.load_config("video.source=a.mp4"))


def test_torch_is_seeded_where_it_is_in_use():
    import torch

    seed_everything(7)
    first = torch.rand(3)
    seed_everything(7)
    assert torch.equal(torch.rand(3), first)


HEAVY = {
    *TORCH,
    *("numpy", "scipy", "hydra", "omegaconf", "onnxruntime", "cv2", "av", "rich", "joblib", "yaml"),
    *("orjson", "flask", "apiflask", "sqlalchemy", "pandas", "pyarrow", "scenedetect"),
}
COMMANDS = (
    ("humantrack", "cli.main"),
    ("humantrack-demo", "cli.demo"),
    ("humantrack-eval", "evaluation.cli"),
    ("humantrack-export", "export.cli"),
    ("humantrack-serve", "service.cli"),
    ("humantrack-weights", "weights.cli"),
)


@pytest.mark.parametrize("flag", ["--help", "--version"])
@pytest.mark.parametrize(("command", "module"), COMMANDS, ids=[c for c, _ in COMMANDS])
def test_help_and_version_import_no_library(command, module, flag):
    code = f"""
import sys
sys.argv = [{command!r}, {flag!r}]
from humantrack.{module} import main
try:
    main()
finally:
    sys.stdout.flush()
    sys.stderr.write(" ".join(sorted({{m.split(".")[0] for m in sys.modules}})))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    if flag == "--version":
        assert humantrack.__version__ in done.stdout
    else:
        assert command in done.stdout
    assert not HEAVY & set(done.stderr.split())


# -- the public face ----------------------------------------------------------------------------


def test_every_public_name_is_there_and_listed():
    for name in humantrack.__all__:
        assert getattr(humantrack, name) is not None
    assert set(humantrack.__all__) <= set(dir(humantrack))
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        _ = humantrack.no_such_name


@pytest.mark.parametrize("package", ["humantrack", "humantrack.export"])
def test_type_checkers_see_what_is_there(package):
    """The imports under TYPE_CHECKING, the lazy ones and ``__all__`` are one list."""
    code = (
        f"import {package} as p, json\n"
        f"print(json.dumps({{n: getattr(p, n).__module__ for n in p.__all__"
        f" if hasattr(getattr(p, n), '__module__')}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    homes = json.loads(done.stdout)
    module = sys.modules[package] if package in sys.modules else __import__(package)
    (branch,) = (
        n for n in ast.parse(Path(module.__file__).read_text()).body if isinstance(n, ast.If)
    )
    typed = {
        a.name: n.module for n in branch.body if isinstance(n, ast.ImportFrom) for a in n.names
    }
    assert set(typed) == set(module.__all__) - {"__version__"}
    for name, home in homes.items():
        assert home == typed[name] or home.startswith(f"{typed[name]}."), name


def test_public_classes_and_errors_cross_process_boundaries():
    for kind in (humantrack.PHALP, humantrack.Frame, humantrack.ConfigError):
        assert pickle.loads(pickle.dumps(kind)) is kind
    error = pickle.loads(pickle.dumps(humantrack.ConfigError("no", hint="yes")))
    assert str(error) == "no. Yes"
