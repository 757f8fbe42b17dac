"""Cores and memory that a process may use, and their sharing among workers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from humantrack import cores
from humantrack.cores import memory_limit_of, quota_of, shared_among

OURS = "HUMANTRACK_CORES"


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.delenv(OURS, raising=False)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)


def write(folder, **files) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_a_quota_of_version_2_above_the_processs_own_counts(tmp_path):
    membership = tmp_path / "membership"
    membership.write_text("0::/user.slice/job.scope\n")
    write(tmp_path / "user.slice" / "job.scope", cpu__max="max 100000\n", memory__max="max\n")
    assert quota_of(tmp_path, membership) is None
    assert memory_limit_of(tmp_path, membership) is None
    write(tmp_path / "user.slice", cpu__max="250000 100000\n", memory__max="3000000000\n")
    assert quota_of(tmp_path, membership) == 2.5
    assert memory_limit_of(tmp_path, membership) == 3 * 10**9


def test_version_1_and_a_container_that_does_not_see_its_own_path(tmp_path):
    membership = tmp_path / "membership"
    membership.write_text("4:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n1:name=systemd:/x\n")
    write(tmp_path / "cpu,cpuacct", cpu__cfs_quota_us="150000", cpu__cfs_period_us="100000")
    write(tmp_path / "memory", memory__limit_in_bytes="2000000000\n")
    assert quota_of(tmp_path, membership) == 1.5
    assert memory_limit_of(tmp_path, membership) == 2 * 10**9
    write(tmp_path / "cpu,cpuacct", cpu__cfs_quota_us="-1")
    write(tmp_path / "memory", memory__limit_in_bytes="9223372036854771712")
    assert quota_of(tmp_path, membership) is None
    assert memory_limit_of(tmp_path, membership) is None


@pytest.mark.parametrize("text", ["", "nonsense", "0::/../x", "3:cpu:", ":::"])
def test_a_system_without_cgroups_sets_no_limit(tmp_path, text):
    membership = tmp_path / "membership"
    membership.write_text(text)
    assert quota_of(tmp_path, membership) is None
    assert memory_limit_of(tmp_path / "none", membership) is None


@pytest.mark.parametrize(
    ("quota", "slurm", "allowed"),
    [(None, None, 6), (2.5, None, 3), (0.5, None, 1), (None, "4", 4), (2.0, "4", 2), (64, "99", 6)],
)
def test_cores_allowed(monkeypatch, quota, slurm, allowed):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    monkeypatch.setattr(cores, "quota_of", lambda *_: quota)
    if slurm is not None:
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", slurm)
    assert cores.allowed_cores() == allowed


def test_workers_have_a_fair_share_each(monkeypatch):
    monkeypatch.setattr(cores, "allowed_cores", lambda: 8)
    with shared_among(3):
        assert os.environ[OURS] == "2"
        with shared_among(2):
            assert os.environ[OURS] == "1"
        assert os.environ[OURS] == "2"
    with shared_among(100):
        assert os.environ[OURS] == "1"
    with shared_among(1):
        assert OURS not in os.environ
    assert OURS not in os.environ


WORKER = """
import os
from humantrack.cores import fit_libraries
fit_libraries()
import cv2
from humantrack import models
options = models.session(models.NANODET).get_session_options()
network = models.pool()._max_workers
print(models.available_cores(), cv2.getNumThreads(), options.intra_op_num_threads, network)
print(os.environ["OMP_NUM_THREADS"], os.environ["NUMBA_NUM_THREADS"])
"""


def test_a_worker_and_its_libraries_use_their_share():
    env = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    env |= {OURS: "1", "OMP_NUM_THREADS": "5"}
    done = subprocess.run(
        [sys.executable, "-c", WORKER], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "1", "1", "1", "5", "1"]
