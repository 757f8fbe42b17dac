"""The models shipped inside the package: where they lie, that they are whole, how to run them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from humantrack.cores import available_cores
from humantrack.errors import DependencyError, MissingWeightsError, WeightsError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

T = TypeVar("T")

NANODET = "nanodet_person.onnx"
BLAZEPOSE = "blazepose_full.onnx"
BLAZEPOSE_HEAVY = "blazepose_heavy.onnx"
BODY24 = "body24.npz"
BODY24_LEVELS = "body24_levels.npz"

SHA256 = {
    NANODET: "122ed85b85c5c04927742e393629c2faaa8ef625e598bfec33964786e88e5dc2",
    BLAZEPOSE: "4f63e6023951d73b244f6f1a9fae366c2837350ea6f57493155c1fadf087344a",
    BLAZEPOSE_HEAVY: "e1acdbb3b79d1f5ca2a32dfa8b73dfbe07cc8a2de05a76afb6e038270e8ba3be",
    BODY24: "73061a83a60f39db42aba58ad0570146c5996fed9ecac7c4ed73df0dcd950966",
    BODY24_LEVELS: "15ccec95fdfaf0c132f9c5151fa55938b991b0f8e479838703c04eb08bd1334a",
}
"""Checksums of the shipped files; a truncated or edited file is refused before it is parsed."""

FOLDER = Path(__file__).parent

_REINSTALL = "reinstall humantrack"


def read(name: str, folder: Path = FOLDER) -> bytes:
    """The bytes of a shipped model.

    Raises:
        MissingWeightsError: if the file is not there.
        WeightsError: if it cannot be read or its checksum is wrong.
    """
    path = folder / name
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingWeightsError(
            "A shipped model is missing", where=path, hint=_REINSTALL
        ) from error
    except OSError as error:
        raise WeightsError(
            f"A shipped model cannot be read ({error.strerror})", where=path
        ) from error
    if hashlib.sha256(data).hexdigest() != SHA256[name]:
        raise WeightsError("A shipped model is damaged", where=path, hint=_REINSTALL)
    return data


def session(name: str, threads: int | None = None) -> InferenceSession:
    """This process's session of a shipped ONNX network on the CPU: one per network and threads.

    Args:
        name: ``NANODET``, ``BLAZEPOSE`` or ``BLAZEPOSE_HEAVY``.
        threads: threads inside an operator; None = the cores given to this process. Sessions of
            one thread side by side in :func:`pool` use the cores better than one of many.

    Raises:
        MissingWeightsError, WeightsError: see :func:`read`.
        DependencyError: if onnxruntime cannot be imported.
    """
    key = name, threads or available_cores()
    with _lock:
        if key not in _sessions:
            _sessions[key] = _new_session(read(name), key[1])
        return _sessions[key]


class Begun(Generic[T]):
    """Jobs that run in :func:`pool` while whoever began them does something else.

    On one core they run when their results are asked for.
    """

    def __init__(self, jobs: Sequence[Callable[[], T]]) -> None:
        self._jobs = jobs
        self._futures = [pool().submit(job) for job in jobs] if available_cores() > 1 else None

    def results(self, rows: Sequence[int] | None = None) -> list[T]:
        """What came of the jobs, in order; of all of them, or of these.

        Raises:
            Exception: that of the first job that failed, once all have ended.
        """
        rows = range(len(self._jobs)) if rows is None else rows
        if self._futures is None:
            return [self._jobs[row]() for row in rows]
        futures = [self._futures[row] for row in rows]
        if len(futures) > 1:  # of one, its result is waited for at less cost
            wait(futures)
        return [future.result() for future in futures]


def pool() -> ThreadPoolExecutor:
    """This process's threads for runs of networks, one per core.

    Networks leave Python's lock alone while they run, so that these use all cores. A job must not
    wait for another one, or all of them might.
    """
    with _lock:
        process = os.getpid()
        if process not in _pools:
            _pools.clear()  # a fork has none of its parent's threads
            _pools[process] = ThreadPoolExecutor(available_cores(), "humantrack-network")
        return _pools[process]


_sessions: dict[tuple[str, int], InferenceSession] = {}
_pools: dict[int, ThreadPoolExecutor] = {}
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):  # so that no child begins with a lock that nobody frees
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )

_NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""From 1.29 on onnxruntime writes an id and a database into the user's cache and reports to its
makers, unless this environment variable is set. Its API comes too late: the files are there then.
"""


def _new_session(model: bytes, threads: int) -> InferenceSession:
    os.environ.setdefault(_NO_TELEMETRY, "1")  # now, as it is read when the library is loaded
    try:
        import onnxruntime  # takes 0.3 s, which only those who run a network should pay
    except ImportError as error:
        raise DependencyError(
            f"onnxruntime cannot be imported ({error})", hint="reinstall onnxruntime"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # warnings on odd CPUs do not help the user
    # Spinning threads of two sessions and the decoder steal the cores from each other.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
