"""Registers ``hydra/launcher=ray`` with Hydra; the work is done in ``humantrack.sweep.on_ray``.

Hydra imports this in every program of the environment, so nothing large is imported up here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

if TYPE_CHECKING:
    from humantrack.sweep.outcome import Reports


class RayLauncher(Launcher):
    """Runs jobs in actors of a Ray cluster; the options are those of conf/hydra/launcher/ray.yaml.

    Actors and not tasks: Ray ends the process of every task that used a GPU, and with it the
    models it had loaded.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.config: Any = None
        self.hydra_context: HydraContext | None = None
        self.task_function: TaskFunction | None = None
        self._reports: Reports | None = None
        self._numbers: Sequence[int] = ()

    def follow(self, reports: Reports, numbers: Sequence[int]) -> None:
        """Called before ``launch`` with where the jobs report, and their numbers there."""
        self._reports, self._numbers = reports, numbers

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Called by Hydra before ``launch``."""
        self.config, self.hydra_context = config, hydra_context
        self.task_function = task_function

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run jobs; returns when each has ended or its actor is lost."""
        from hydra.core.singleton import Singleton

        from humantrack.sweep.on_ray import run_all
        from humantrack.sweep.outcome import BEGUN

        state = (self.config, self.hydra_context, self.task_function, Singleton.get_state())
        jobs = [(n, list(o)) for n, o in enumerate(job_overrides, initial_job_idx)]
        options = {k: _plain(v) for k, v in self.options.items()}
        reports, names = self._reports, dict(zip((n for n, _ in jobs), self._numbers, strict=False))

        def is_over(job: tuple[int, list[str]]) -> bool:
            """True if the sweep is over and the job has not begun, or has ended."""
            if reports is None or not reports.is_over:
                return False
            number = names[job[0]]
            return not reports.has_said(str(number), BEGUN) or reports.has_ended(number)

        device = str(self.config.device)
        return run_all(_run_one, state, jobs, device=device, is_over=is_over, **options)


def _run_one(state: tuple[Any, ...], job: tuple[int, list[str]]) -> JobReturn:
    """Compose and run one job, in the actor's process."""
    from hydra.core.singleton import Singleton

    config, context, task_function, singletons = state
    number, overrides = job
    setup_globals()
    Singleton.set_state(singletons)
    composed = context.config_loader.load_sweep_config(config, overrides)
    with open_dict(composed):
        composed.hydra.job.id = composed.hydra.job.num = number
    return run_job(
        hydra_context=context,
        task_function=task_function,
        config=composed,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
