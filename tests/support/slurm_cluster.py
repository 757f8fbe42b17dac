"""A Slurm cluster of one machine, in a folder of its own, without accounting (no sacct)."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")

CONFIGURATION = """\
ClusterName=humantrack
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CryptoType=crypto/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
MpiDefault=none
ReturnToService=2
KillWait=60
OverTimeLimit=5
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """Why no cluster can be started here."""
    where = os.environ.get("PATH", "") + ":/usr/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=where) is None]
    if missing:
        return f"no {missing[0]} here (Debian: slurm-wlm, munge)"
    return None if os.geteuid() == 0 else "Slurm's daemons need root"


@contextlib.contextmanager
def cluster(folder: Path, *, cpus: int = 2) -> Iterator[dict[str, str]]:
    """Start one; gives the environment for its commands."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    key, config = folder / "munge.key", folder / "slurm.conf"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    host, ports = socket.gethostname().partition(".")[0], _free_ports(2)
    config.write_text(CONFIGURATION.format(host=host, folder=folder, ports=ports, cpus=cpus))
    env = {**os.environ, "SLURM_CONF": str(config)}
    env["PATH"] = env.get("PATH", "") + ":/usr/sbin"
    munge = [
        f"--{name}={folder}/munge.{name.partition('-')[0]}" for name in ("key-file", "pid-file")
    ]
    munge += [f"--socket={folder}/munge.sock", f"--log-file={folder}/munge.log"]
    munge += [f"--seed-file={folder}/munge.seed"]
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        daemons.append(_start(folder, env, "munged", "--foreground", "--force", *munge))
        _until((folder / "munge.sock").exists, daemons, folder)
        daemons.append(_start(folder, env, "slurmctld", "-D", "-f", str(config)))
        daemons.append(_start(folder, env, "slurmd", "-D", "-f", str(config)))
        _until(lambda: "idle" in _states(env), daemons, folder)
        yield env
    finally:
        if len(daemons) == 3:
            subprocess.run(["scancel", "--full", "--user=root"], env=env, check=False, timeout=60)
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(30)
            daemon.kill()
            daemon.wait()


def _start(folder: Path, env: dict[str, str], *command: str) -> subprocess.Popen[bytes]:
    with (folder / f"{command[0]}.out").open("w") as file:
        return subprocess.Popen(command, env=env, stdout=file, stderr=subprocess.STDOUT)


def _states(env: dict[str, str]) -> str:
    command = ["sinfo", "--noheader", "--format=%T"]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False).stdout


def _until(true, daemons, folder: Path) -> None:
    deadline = time.monotonic() + 120
    while not true():
        ended = any(daemon.poll() is not None for daemon in daemons)
        if ended or time.monotonic() > deadline:
            said = "\n".join(path.read_text()[-500:] for path in sorted(folder.glob("*.out")))
            raise RuntimeError(f"no cluster came up:\n{said}")
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
