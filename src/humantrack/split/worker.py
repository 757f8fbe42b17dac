"""A process that does one part: ``python -m humantrack.split.worker``, then what main takes."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from humantrack.errors import HumantrackError
from humantrack.terminal import say


def main(argv: Sequence[str]) -> int:
    """Do the part.

    Args:
        argv: the folder of the parts, the number of one, a device or "", and the cores to run on
            with commas between, or "".
    """
    folder, number, device, cores = argv
    if cores and hasattr(os, "sched_setaffinity"):
        mine = [int(core) for core in cores.split(",")]
        os.sched_setaffinity(0, mine)
        os.environ["OMP_NUM_THREADS"] = str(len(mine))  # before torch is loaded
    from omegaconf import OmegaConf

    from humantrack.config.options import with_values
    from humantrack.pipeline.stopping import on_signals
    from humantrack.split.job import prepare

    said = json.loads((Path(folder) / "job.json").read_text("utf-8"))
    os.chdir(said["cwd"])
    cfg = OmegaConf.create(said["config"])
    cfg = with_values(cfg, split__part=int(number), **({"device": device} if device else {}))
    module, _, name = said["kind"].partition(":")
    try:
        with on_signals() as stop:
            kind = getattr(importlib.import_module(module), name)
            prepare(cfg, kind).work(int(number), stop)
    except HumantrackError as error:
        say(f"humantrack: part {number}: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
