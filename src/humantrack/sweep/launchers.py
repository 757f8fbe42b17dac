"""Fits Hydra's launchers to the machine: packages that are missing, processes there is room for."""

from __future__ import annotations

import importlib.util
from typing import Any

from humantrack.cores import allowed_cores, memory_bytes
from humantrack.errors import ConfigError, DependencyError, SweepError
from humantrack.sweep.devices import gpus_of, worker_count

_PACKAGES = {
    "JoblibLauncher": ("hydra_plugins.hydra_joblib_launcher", "joblib"),
    "LocalLauncher": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "SlurmLauncher": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "RayLauncher": ("ray", "ray"),
}
"""By a launcher's class: the package it needs and the extra that installs it."""

WORKERS_BYTES = 10**9
"""What a process of the default tracker takes."""

LARGEST_ARRAY = 1000
"""Slurm refuses arrays of more jobs than this unless its administrator has raised the limit."""


class LauncherError(SweepError):
    """The launcher takes no jobs; no clip is to blame."""

    took_none = False
    """Set if it has not taken a single one, so that the sweep is as if it had not been tried."""


def fit_launcher(config: Any, batch: int | None, *, may_use_gpu: bool = True) -> int | None:
    """Adapt ``hydra.launcher`` in place.

    Args:
        config: of the sweep, ``hydra`` included.
        batch: jobs given to the launcher at once as the user has it; None = as suits it.
        may_use_gpu: False if no job will, so that GPUs set no limit.

    Returns:
        The same as ``batch``, never None where the launcher starts all jobs at once.

    Raises:
        ConfigError: if it is to run no processes.
        DependencyError: if the launcher's package is not installed.
    """
    launcher = config.hydra.launcher
    name = str(launcher._target_).rsplit(".", 1)[-1]
    if name not in _PACKAGES:
        return batch
    package, extra = _PACKAGES[name]
    if not _is_there(package):
        raise DependencyError(
            f"this launcher needs {package.rsplit('.', 1)[-1]}",
            where=f"hydra/launcher={config.hydra.runtime.choices['hydra/launcher']}",
            hint=f"add it with pip install 'humantrack[{extra}]'",
        )
    gpus = len(gpus_of(config.device)) if may_use_gpu else 0
    room = room_for_workers()
    if name == "JoblibLauncher":
        if launcher.n_jobs == 0:
            raise ConfigError("must not be 0", where="hydra.launcher.n_jobs=0")
        launcher.n_jobs = worker_count(launcher.n_jobs, gpus, room)
    elif name == "LocalLauncher":  # starts a process for each job at once
        return worker_count(batch or -1, gpus, room)
    elif name == "SlurmLauncher":
        return batch or LARGEST_ARRAY
    return batch


def room_for_workers() -> int:
    """Processes that this machine has room for: by the cores allowed, and by memory."""
    memory = memory_bytes()
    room = allowed_cores() if memory is None else min(allowed_cores(), memory // WORKERS_BYTES)
    return max(1, room)


def processes_beside_each_other(config: Any, batch: int | None) -> int:
    """How many processes of this machine a launcher that was fitted runs at once."""
    launcher = config.hydra.launcher
    name = str(launcher._target_).rsplit(".", 1)[-1]
    if name == "JoblibLauncher":
        return max(1, int(launcher.n_jobs))
    return batch or 1 if name == "LocalLauncher" else 1


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False
