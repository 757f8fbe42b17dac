"""Registers the launcher of job arrays with Hydra; the work is in ``humantrack.sweep.on_slurm``.

Hydra imports this in every program of the environment, so nothing large is imported up here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from humantrack.sweep.outcome import Reports


class SlurmLauncher(Launcher):
    """Runs jobs as a Slurm array; the options are those of conf/hydra/launcher/submitit_slurm.yaml.

    submitit's own launcher waits for each job in turn, by ``sacct`` alone.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.config: Any = None
        self._runner: Any = None
        self._reports: Reports | None = None
        self._numbers: Sequence[int] = ()

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Called by Hydra before ``launch``."""
        from hydra_plugins.hydra_submitit_launcher.submitit_launcher import SlurmLauncher as Theirs

        self.config = config
        self._runner = Theirs(**self.options)
        self._runner.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def follow(self, reports: Reports, numbers: Sequence[int]) -> None:
        """Called before ``launch`` with where the jobs report, and their numbers there."""
        self._reports, self._numbers = reports, numbers

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run jobs; returns when none is in Slurm's queue any more."""
        from hydra.core.singleton import Singleton

        from humantrack.sweep.on_slurm import run_all

        jobs = [
            (list(overrides), "hydra.sweep.dir", n, f"job_id_for_{n}", Singleton.get_state())
            for n, overrides in enumerate(job_overrides, initial_job_idx)
        ]
        options = {k: _plain(v) for k, v in self.options.items()}
        run_all(self._runner, jobs, options, reports=self._reports, numbers=self._numbers)
        return []


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
