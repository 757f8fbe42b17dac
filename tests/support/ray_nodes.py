"""A Ray cluster of two nodes on this machine: two raylets, each with a CPU."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CLUSTER = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster()
cluster.add_node(num_cpus=1, include_dashboard=False)
second = cluster.add_node(num_cpus=1)
print("at", cluster.address, flush=True)
sys.stdin.readline()
cluster.remove_node(second, allow_graceful=False)
sys.stdin.readline()
cluster.shutdown()
"""
"""Of two nodes with a CPU each. The first line that it reads loses one, the second ends all."""


@contextmanager
def cluster() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process that keeps the cluster, and the cluster's address."""
    keeper = subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with keeper:
        address = next(line for line in keeper.stdout if line.startswith("at "))[3:].strip()
        yield keeper, address
        keeper.stdin.write("\n")
        keeper.stdin.flush()
