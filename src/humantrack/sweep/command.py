"""From the command line of ``humantrack -m`` to the jobs of a sweep."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from omegaconf import OmegaConf
from rich.console import Console

from humantrack.config.paths import hydras_folder
from humantrack.config.quoting import from_literal
from humantrack.config.ranges import check_number
from humantrack.config.values import expanded
from humantrack.errors import ConfigError
from humantrack.sweep.clips import Clip, Pattern, find_clips
from humantrack.sweep.folders import parse_shard
from humantrack.sweep.launchers import LauncherError
from humantrack.sweep.outcome import Reports
from humantrack.sweep.plan import Job, plan_jobs
from humantrack.sweep.run import Sweep, new_reports_folder, run_sweep
from humantrack.sweep.table import Row
from humantrack.terminal import StandardError, as_file
from humantrack.url import never_ends

SOURCE, OUTPUT, OVERWRITE = "video.source", "video.output_dir", "overwrite"
DURATION = "live.duration"


def sweep_over(
    config: Any,
    arguments: Sequence[str],
    *,
    batch: int | None,
    combine: Callable[[list[Override]], list[list[str]]],
    check: Callable[[list[list[str]]], None],
    launch: Callable[[Sequence[Job], Reports], None],
) -> list[Row]:
    """Plan and run a sweep.

    Args:
        config: as composed without the swept settings, ``hydra`` included.
        arguments: overrides, swept and not.
        batch: jobs given to the launcher at once; None = all.
        combine: all combinations of swept overrides, as Hydra's basic sweeper makes them.
        check: raises if a job's configuration cannot be composed.
        launch: runs jobs, which report to the folder that it is given with them.

    Raises:
        ConfigError: if no clip is named, or a value is wrong.
        SourceError: if what is named holds no clip.
        SweepError, InterruptedRunError, OutputError: see ``run_sweep``.
    """
    overrides = {
        o.get_key_element(): o for o in OverridesParser.create().parse_overrides([*arguments])
    }
    _check(overrides, batch)
    home = _home(config)
    keys = config.sweep
    shard = parse_shard(keys.shard)
    clips = clips_named(overrides.pop(SOURCE, None), recursive=keys.recursive, home=home)
    _refuse_endless([] if config.live.duration or DURATION in overrides else clips)
    swept = [o for o in overrides.values() if o.is_sweep_override()]
    fixed = [as_text(o) for o in overrides.values() if not o.is_sweep_override()]
    if OVERWRITE in overrides and overrides[OVERWRITE].value() is True:
        fixed.append("sweep.resume=false")
    _check_numbers(overrides.values())
    combinations = combine(swept) if swept else [[]]
    check([[*fixed, *some] for some in combinations])
    reports = new_reports_folder(home)
    jobs = plan_jobs(clips, combinations, fixed, home=home, reports=reports, shard=shard)
    _refuse_files_in_the_way(jobs)
    console = Console(file=as_file(StandardError(sys.stderr)))
    if not jobs:
        console.print(f"none of the {len(clips)} clips is in shard {keys.shard}")
        return []
    sweep = Sweep(
        jobs=jobs,
        home=home,
        reports=Reports(reports),
        stem=f"sweep-{shard[0]}of{shard[1]}" if shard else "sweep",
        batch=batch,
        lost_after_s=keys.lost_after_s,
        about={"arguments": list(arguments), "shard": keys.shard},
    )
    with _as_before(home, f"{sweep.stem}.json", f"{sweep.stem}.csv", "multirun.yaml"):
        home.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(config, home / "multirun.yaml")
        return run_sweep(sweep, lambda jobs: launch(jobs, sweep.reports), console)


@contextlib.contextmanager
def _as_before(home: Path, *names: str) -> Iterator[None]:
    """Leave the sweep's folder as it was if the launcher takes no jobs."""
    missing = [folder for folder in (home, *home.parents) if not folder.exists()]
    files = [home / name for name in names]
    contents = [path.read_bytes() if path.is_file() else None for path in files]
    try:
        yield
    except LauncherError as error:
        if error.took_none:
            for path, content in zip(files, contents, strict=True):
                path.unlink(missing_ok=True)
                if content is not None:
                    path.write_bytes(content)
            for folder in missing:
                with contextlib.suppress(OSError):
                    folder.rmdir()
        raise


def _home(config: Any) -> Path:
    """The sweep's folder: ``video.output_dir`` unless Hydra is told of another."""
    named, hydras = str(config.video.output_dir), str(config.hydra.sweep.dir)
    return Path(expanded(named) if hydras == hydras_folder(named) else hydras)


def _check(overrides: Mapping[str, Override], batch: int | None) -> None:
    """Refuse values that no job could be run with."""
    if OUTPUT in overrides and overrides[OUTPUT].is_sweep_override():
        raise ConfigError(
            "each clip of a sweep has a folder of its own already",
            where=f"{OUTPUT}={overrides[OUTPUT].get_value_string()}",
            hint="give one folder for all",
        )
    if batch is not None and (type(batch) is not int or batch < 1):
        raise ConfigError("must be at least 1", where=f"hydra.sweeper.max_batch_size={batch}")


def _refuse_endless(clips: Iterable[Clip]) -> None:
    """Refuse cameras and streams, after which no other clip would have its turn."""
    for clip in clips:
        if never_ends(clip.path):
            raise ConfigError(
                "a camera or stream in a sweep would never end",
                where=f"{SOURCE}={clip.path}",
                hint="say how long to look at each, with live.duration=10m",
            )


def _check_numbers(overrides: Iterable[Override]) -> None:
    for override in overrides:
        key, is_swept = override.get_key_element(), override.is_discrete_sweep()
        for value in override.sweep_iterator() if is_swept else [override.value()]:
            check_number(key, value)


def clips_named(source: Override | None, *, recursive: bool, home: Path) -> list[Clip]:
    """The clips that an override of ``video.source`` names.

    Raises:
        ConfigError: if there is none, or it is a sweep that cannot be counted.
        SourceError: if it names no clip.
    """
    if source is None:
        raise ConfigError("no video is named", hint="add video.source=FOLDER")
    value = source.value()
    named: str | Pattern | list[str]
    if isinstance(value, Glob):
        named = Pattern(value.include, value.exclude)
    elif source.is_discrete_sweep():
        named = [str(Override._convert_value(v)) for v in source.sweep_iterator()]
    elif isinstance(value, list):
        named = [str(v) for v in value]
    elif value is None or value == "":
        raise ConfigError("no video is named", hint="add video.source=FOLDER")
    elif source.is_sweep_override():
        raise ConfigError("not a list of clips", where=source.input_line)
    else:
        named = from_literal(str(value))
    return find_clips(named, recursive=recursive, leave_out=home)


def _refuse_files_in_the_way(jobs: Sequence[Job]) -> None:
    """A job's folder has its clip's name, so the two must not lie in the same place."""
    for job in jobs:
        if job.folder.is_file():
            raise ConfigError(
                "a clip's results would lie where there is a file",
                where=job.folder,
                hint="choose another folder with video.output_dir=FOLDER",
            )


def as_text(override: Override) -> str:
    """An override as it is written on a command line, in normal form."""
    key = override.get_key_element()
    return key if override.is_delete() else f"{key}={override.get_value_element_as_str()}"
