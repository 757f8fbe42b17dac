"""The wheel holds all it needs: built here, unpacked elsewhere, run there."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import humantrack
from humantrack import load_results

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_conf_models_and_notices(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert f"humantrack-{humantrack.__version__}-py3-none-any.whl" == wheel.name
    for name in (
        "humantrack/conf/config.yaml",
        "humantrack/conf/video/stream.yaml",
        "humantrack/conf/video/extract.yaml",
        "humantrack/conf/hydra/sweeper/folder.yaml",
        "humantrack/conf/hydra/launcher/joblib.yaml",
        "humantrack/conf/hydra/launcher/ray.yaml",
        "humantrack/conf/hydra/launcher/submitit_slurm.yaml",
        "humantrack/conf/hydra/launcher/submitit_local.yaml",
        "hydra_plugins/humantrack_sweeper/folder_sweeper.py",
        "hydra_plugins/humantrack_ray_launcher/ray_launcher.py",
        "humantrack/py.typed",
        "humantrack/models/nanodet_person.onnx",
        "humantrack/models/blazepose_full.onnx",
        "humantrack/models/body24.npz",
        "humantrack/models/body24_levels.npz",
        "humantrack/models/LICENSES.md",
        "humantrack/service/static/index.html",
        "humantrack/service/static/vendor/three/three.module.min.js",
    ):
        assert name in names
    assert any(n.endswith("licenses/NOTICE") for n in names)
    assert any(n.endswith("licenses/LICENSES/Apache-2.0.txt") for n in names)
    assert any(n.endswith("licenses/LICENSES/MIT-three.txt") for n in names)
    assert not any(n.startswith(("tests/", "scripts/")) for n in names)


@pytest.mark.slow
def test_an_installed_wheel_runs_the_main_job(wheel, tmp_path, data):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    where = subprocess.run(
        [sys.executable, "-c", "import humantrack; print(humantrack.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=tmp_path,
    )
    assert Path(where.stdout.strip()).is_relative_to(site)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "humantrack", f"video.source={data / 'demo_small.mp4'}"),
            *("video.end_frame=8", "tracker=embedded", "render.type=SKELETON"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert len(load_results(tmp_path / "outputs" / "results" / "demo_demo_small.pkl")) == 8
    assert (tmp_path / "outputs" / "PHALP_demo_small.mp4").is_file()
