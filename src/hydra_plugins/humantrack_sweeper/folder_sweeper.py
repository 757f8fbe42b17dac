"""Registers ``hydra/sweeper=folder`` with Hydra; all it does is in ``humantrack.sweep``.

Hydra imports this in every program of the environment, so nothing large is imported up here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from humantrack.sweep.outcome import Reports
    from humantrack.sweep.plan import Job


class FolderSweeper(BasicSweeper):
    """Hydra's basic sweeper, for which ``video.source`` may name many clips.

    Args:
        max_batch_size: jobs given to the launcher at once; null = as suits the launcher.
        params: further overrides, as for the basic sweeper.
    """

    def __init__(
        self, max_batch_size: int | None = None, params: dict[str, str] | None = None
    ) -> None:
        super().__init__(max_batch_size, params)
        self._launched = 0
        self._processes = 1

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Fit the launcher to this machine, and make it."""
        from humantrack.session import jobs_may_use_gpu
        from humantrack.sweep.launchers import fit_launcher, processes_beside_each_other

        shared = jobs_may_use_gpu(config)
        self.max_batch_size = fit_launcher(config, self.max_batch_size, may_use_gpu=shared)
        self._processes = processes_beside_each_other(config, self.max_batch_size)
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> Any:
        """Run every clip with every combination of swept settings."""
        from humantrack.sweep.command import sweep_over

        return sweep_over(
            self.config,
            [*self._parse_config(), *arguments],
            batch=self.max_batch_size,
            combine=lambda overrides: self.split_arguments(overrides, None)[0],
            check=self.validate_batch_is_legal,
            launch=self._launch,
        )

    def _launch(self, jobs: Sequence[Job], reports: Reports) -> None:
        from humantrack.cores import shared_among

        assert self.launcher is not None  # noqa: S101 - as Hydra's own plugins have it
        first, self._launched = self._launched, self._launched + len(jobs)
        follow = getattr(self.launcher, "follow", None)
        if follow is not None:  # one of ours
            follow(reports, [job.number for job in jobs])
        with shared_among(min(self._processes, len(jobs))):
            self.launcher.launch([list(job.overrides) for job in jobs], initial_job_idx=first)
