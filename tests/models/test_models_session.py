"""Shipped models are found, checked and run once per process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from humantrack import models
from humantrack.errors import DependencyError, MissingWeightsError, WeightsError


def test_there_is_one_session_per_model():
    assert models.session(models.NANODET) is models.session(models.NANODET)
    assert models.session(models.NANODET) is not models.session(models.BLAZEPOSE)


def test_threads_are_the_cores_given_to_the_process_and_do_not_spin():
    options = models.session(models.NANODET).get_session_options()
    assert options.intra_op_num_threads == models.available_cores()
    assert options.inter_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity masks here")
def test_the_affinity_mask_counts(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 5})
    models.available_cores.cache_clear()
    try:
        assert models.available_cores() == 3
    finally:
        monkeypatch.undo()
        models.available_cores.cache_clear()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingWeightsError, match=models.NANODET):
        models.read(models.NANODET, tmp_path)


@pytest.mark.parametrize("length", [0, 100, 1_000_000])
def test_a_truncated_file_is_refused_before_it_is_parsed(tmp_path, length):
    whole = (models.FOLDER / models.BLAZEPOSE).read_bytes()
    (tmp_path / models.BLAZEPOSE).write_bytes(whole[:length])
    with pytest.raises(WeightsError, match="damaged"):
        models.read(models.BLAZEPOSE, tmp_path)


def test_a_folder_in_place_of_the_file_is_an_error_of_ours(tmp_path):
    (tmp_path / models.NANODET).mkdir()
    with pytest.raises(WeightsError):
        models.read(models.NANODET, tmp_path)


def test_a_broken_onnxruntime_is_said_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(models, "_sessions", {})
    with pytest.raises(DependencyError, match="onnxruntime"):
        models.session(models.NANODET)


def test_a_session_of_one_thread_stands_beside_the_usual_one():
    one = models.session(models.NANODET, 1)
    assert one is models.session(models.NANODET, 1)
    assert one.get_session_options().intra_op_num_threads == 1
    assert models.session(models.NANODET, 3).get_session_options().intra_op_num_threads == 3


def test_the_pool_has_a_thread_for_each_core_and_is_one():
    assert models.pool() is models.pool()
    names = set(models.pool().map(lambda _: threading.current_thread().name, range(50)))
    assert len(names) <= models.available_cores()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_fork_gets_a_pool_of_its_own():
    script = (
        "import os; from humantrack import models; models.pool().submit(int).result()\n"
        "child = os.fork()\n"
        "if not child: os._exit(models.pool().submit(lambda: 7).result())\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    done = subprocess.run([sys.executable, "-c", script], timeout=60, check=False)
    assert done.returncode == 7
