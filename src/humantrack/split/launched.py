"""Parts through one of Hydra's launchers: joblib, submitit, Ray, or another package's."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from threading import Event
from typing import TYPE_CHECKING, Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf, open_dict

from humantrack.config.quoting import literal
from humantrack.errors import HumantrackError
from humantrack.split.find import stop_mark
from humantrack.split.job import Job, Launch
from humantrack.split.processes import in_processes, shown
from humantrack.sweep.launchers import fit_launcher
from humantrack.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)


def launch_as_asked(task: Callable[[Any], None]) -> Launch:
    """What does parts as ``hydra/launcher`` says; without it processes of this machine.

    Args:
        task: what Hydra calls in each job; with ``split.part`` it does that part.
    """
    chosen = HydraConfig.get().runtime.choices.get("hydra/launcher", "basic")
    if chosen == "basic":
        return in_processes
    return lambda job, numbers, stop: _through_launcher(job, numbers, stop, task)


def _through_launcher(
    job: Job, numbers: Sequence[int], stop: Event, task: Callable[[Any], None]
) -> None:
    """Do parts as jobs of a launcher; one that is lost costs its part and nothing else."""
    config = job.cfg.copy()
    told: Any = HydraConfig.get()
    hydras = told.copy()
    folder = str(job.folder.absolute() / ".jobs")
    with open_dict(config):
        config.hydra = hydras
    with open_dict(config.hydra):
        OmegaConf.set_readonly(config.hydra, False)
        config.hydra.mode = RunMode.MULTIRUN
        config.hydra.sweep.dir = folder
    batch = fit_launcher(config, None, may_use_gpu=job.uses_gpu) or len(numbers)
    loader = GlobalHydra.instance().config_loader()
    context = HydraContext(config_loader=loader, callbacks=_callbacks(config))
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=task, config=config
    )
    given = [text for text in hydras.overrides.task if not text.startswith("split.part=")]
    given += [f"hydra.sweep.dir={literal(folder)}", "hydra.output_subdir=null"]
    jobs = [[*given, f"split.part={number}"] for number in numbers]
    with shown(job, say), _told_to_stop(job, stop):
        for first in range(0, len(jobs), batch):
            if stop.is_set():
                break
            try:
                launcher.launch(jobs[first : first + batch], initial_job_idx=first)
            except HumantrackError:
                raise
            except Exception as error:  # noqa: BLE001 - of workers that were killed or lost
                said = " ".join(str(error).split())[:200]
                _log.warning("the launcher says: %s: %s", type(error).__name__, said)


@contextmanager
def _told_to_stop(job: Job, stop: Event) -> Iterator[None]:
    """Leave a mark in the parts' folder when the run is to end, for workers elsewhere.

    It stays until the run is gone on with: jobs that begin late find it, too.
    """
    mark, ended = stop_mark(job.folder), Event()
    mark.unlink(missing_ok=True)

    def watch() -> None:
        while not ended.wait(0.2):
            if stop.is_set():
                with suppress(OSError):
                    mark.touch()
                return

    thread = threading.Thread(target=watch, name="stop", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _callbacks(config: Any) -> Any:
    from hydra._internal.callbacks import Callbacks

    return Callbacks(config)
