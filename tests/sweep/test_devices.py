"""GPUs among processes, and models kept in one."""

from __future__ import annotations

import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from humantrack.config.load import load_config
from humantrack.errors import DependencyError
from humantrack.session import Kept, jobs_may_use_gpu, models_key
from humantrack.sweep import devices, launchers
from humantrack.sweep.devices import gpus_of, own_gpu, worker_count


@pytest.mark.parametrize(
    ("asked", "gpus", "cores", "count"),
    [
        *((-1, 0, 8, 8), (-2, 0, 8, 7), (3, 0, 8, 3), (-9, 0, 4, 1)),
        *((-1, 2, 8, 2), (8, 2, 8, 2), (1, 2, 8, 1), (-2, 2, 8, 1)),
    ],
)
def test_never_more_workers_than_gpus(asked, gpus, cores, count):
    assert worker_count(asked, gpus, cores) == count


@pytest.mark.parametrize(
    ("device", "gpus"),
    [
        *(("auto", ["cuda:0", "cuda:1"]), ("cuda", ["cuda:0", "cuda:1"])),
        *(("cuda:1", ["cuda:1"]), ("cpu", []), ("mps", ["mps"])),
    ],
)
def test_which_gpus_a_sweep_may_share_out(monkeypatch, device, gpus):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert gpus_of(device) == gpus


ASK = """
import sys
from pathlib import Path
from humantrack.sweep.devices import own_gpu
gpus = ["cuda:0", "cuda:1", "cuda:2"]
folder = Path(sys.argv[1])
print(own_gpu(folder, "auto", gpus), own_gpu(folder, "auto", gpus), flush=True)
sys.stdin.read()
"""


def start(folder):
    command = [sys.executable, "-c", ASK, str(folder)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def test_each_process_has_a_gpu_of_its_own_which_is_free_again_when_it_dies(tmp_path):
    first, second = start(tmp_path), start(tmp_path)
    got = [process.stdout.readline().split() for process in (first, second)]
    assert sorted(got) == [["cuda:0"] * 2, ["cuda:1"] * 2]
    first.kill()
    first.communicate()
    third = start(tmp_path)
    assert third.stdout.readline().split() == got[0]
    for process in (second, third):
        process.communicate("")


def test_one_gpu_or_none_needs_no_sharing(tmp_path):
    assert own_gpu(tmp_path, "auto", ["cuda:0"]) == "auto"
    assert own_gpu(tmp_path, "cpu", []) == "cpu"
    assert list(tmp_path.iterdir()) == []


def test_gpus_are_known_by_what_all_processes_call_them(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5")
    assert devices._lasting_names(["cuda:0", "cuda:1"]) == ["gpu-3", "gpu-5"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert devices._lasting_names(["cuda:0", "cuda:1"]) == ["cuda-0", "cuda-1"]


def launcher(target, **keys):
    hydra = {
        "launcher": {"_target_": f"hydra_plugins.{target}", **keys},
        "runtime": {"choices": {"hydra/launcher": "mine"}},
    }
    return OmegaConf.create({"device": "auto", "hydra": hydra})


def test_launchers_are_fitted_to_the_machine(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr(launchers, "_is_there", lambda package: True)
    joblib = launcher("x.JoblibLauncher", n_jobs=-1)
    assert launchers.fit_launcher(joblib, None) is None
    assert joblib.hydra.launcher.n_jobs == 2
    assert launchers.fit_launcher(launcher("x.LocalLauncher"), None) == 2
    assert launchers.fit_launcher(launcher("x.LocalLauncher"), 9) == 2
    assert launchers.fit_launcher(launcher("x.SlurmLauncher"), None) == 1000
    assert launchers.fit_launcher(launcher("x.SlurmLauncher"), 50) == 50
    assert launchers.fit_launcher(launcher("x.BasicLauncher"), 7) == 7


def test_gpus_that_no_job_uses_set_no_limit(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr(launchers, "allowed_cores", lambda: 8)
    monkeypatch.setattr(launchers, "memory_bytes", lambda: 9 * 10**9)
    monkeypatch.setattr(launchers, "_is_there", lambda package: True)
    joblib = launcher("x.JoblibLauncher", n_jobs=-1)
    launchers.fit_launcher(joblib, None, may_use_gpu=False)
    assert joblib.hydra.launcher.n_jobs == 8
    assert launchers.fit_launcher(launcher("x.LocalLauncher"), None, may_use_gpu=False) == 8


@pytest.mark.parametrize(
    ("cores", "memory", "room"), [(8, 5 * 10**9, 5), (2, 10**12, 2), (4, 10**8, 1), (3, None, 3)]
)
def test_room_is_for_cores_allowed_and_memory(monkeypatch, cores, memory, room):
    monkeypatch.setattr(launchers, "allowed_cores", lambda: cores)
    monkeypatch.setattr(launchers, "memory_bytes", lambda: memory)
    assert launchers.room_for_workers() == room


def test_what_jobs_may_use_a_gpu():
    def config(*overrides):
        cfg = load_config("video.source=clips", *(o for o in overrides if "," not in o))
        OmegaConf.set_struct(cfg, False)
        cfg.hydra = {"overrides": {"task": list(overrides)}}
        return jobs_may_use_gpu(cfg)

    assert not config("tracker=embedded")
    assert not config("tracker=embedded", "phalp.n_init=1,2")
    assert config("tracker=embedded,hmr2")
    assert config("tracker=hmr2")
    assert config("device=cuda")


def test_a_launcher_whose_package_is_missing_names_the_extra(monkeypatch):
    monkeypatch.setattr(launchers, "_is_there", lambda package: False)
    with pytest.raises(DependencyError, match=r"pip install 'humantrack\[slurm\]'"):
        launchers.fit_launcher(launcher("x.SlurmLauncher"), None)


def test_models_are_made_once_for_the_same_key():
    kept, made = Kept(), []
    for key in ("a", "a", "b", "a"):
        kept.get(key, lambda key=key: made.append(key) or key)
    assert made == ["a", "b", "a"]


def test_what_models_depend_on():
    def key(*overrides):
        return models_key(OmegaConf.to_container(load_config("video.source=x.mp4", *overrides)))

    plain = key()
    of_the_clip = ("video.output_dir=other", "video.end_frame=3", "sweep.report=r", "read_ahead=2")
    assert key(*of_the_clip) == plain
    others = ("phalp.n_init=3", "render.type=SKELETON", "tracker=embedded", "device=cuda:1")
    assert all(key(other) != plain for other in others)
    assert key("video.boxes=b.json") is None
    assert key("use_gt=true") is None
    assert key("tracker=upstream") is None
    assert key("upstream.class_=a.B") is None
