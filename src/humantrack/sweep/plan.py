"""The jobs of a sweep: every clip with every combination of swept settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from humantrack.config.paths import RESOLVER
from humantrack.config.quoting import quoted
from humantrack.sweep.clips import Clip
from humantrack.sweep.folders import in_shard, job_folders


@dataclass(frozen=True)
class Job:
    """One clip with one combination of settings."""

    number: int
    clip: str
    """The clip's relative path."""

    settings: tuple[str, ...]
    """Swept settings, as ``key=value``."""

    folder: Path
    overrides: tuple[str, ...]
    """The job's whole command line."""

    @property
    def title(self) -> str:
        """The clip, and the settings if any are swept."""
        return " ".join([self.clip, *self.settings])


def plan_jobs(
    clips: Sequence[Clip],
    combinations: Sequence[Sequence[str]],
    fixed: Sequence[str],
    *,
    home: Path,
    reports: Path,
    shard: tuple[int, int] | None = None,
) -> list[Job]:
    """All jobs of a sweep (or of a shard of it), those of a setting together.

    Models are kept from job to job as long as the settings stay the same.

    Args:
        clips: in the order they are run.
        combinations: of swept settings; one that is empty if none are swept.
        fixed: overrides that all jobs share.
        home: the sweep's folder.
        reports: the folder that jobs report to.
        shard: take only the clips of this shard.
    """
    pairs = [(clip, tuple(some)) for some in combinations for clip in clips]
    folders = job_folders((clip.relative, some) for clip, some in pairs)
    jobs: list[Job] = []
    for (clip, settings), relative in zip(pairs, folders, strict=True):
        if not in_shard(clip.relative, shard):
            continue
        folder, number = home / relative, len(jobs)
        own = (
            f"video.source={quoted(clip.path)}",
            f"video.output_dir={quoted(str(folder))}",
            f"sweep.report={quoted(str(reports / str(number)))}",
            f"hydra.sweep.dir='${{{RESOLVER}:${{video.output_dir}}}}'",
            "hydra.sweep.subdir=.",
        )
        jobs.append(Job(number, clip.relative, settings, folder, (*fixed, *settings, *own)))
    return jobs
