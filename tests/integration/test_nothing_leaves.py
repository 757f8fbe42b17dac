"""Nothing leaves the machine unasked, and nothing is written but the results.

The kernel forbids Internet sockets to the whole process, so that native code is caught too: one
call of ``socket`` for IPv4 or IPv6, a look-up of a name included, and the process is killed.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FORBID = r"""
import ctypes, os, struct, sys
nr = {"x86_64": 41, "aarch64": 198}[os.uname().machine]  # socket()
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
KILL, ALLOW = 0x80000000, 0x7FFF0000
program = b"".join(struct.pack("<HBBI", *line) for line in [
    (LOAD, 0, 0, 0),        # the number of the system call
    (EQUAL, 0, 4, nr),
    (LOAD, 0, 0, 16),       # its first argument: the family
    (EQUAL, 1, 0, 2),       # AF_INET
    (EQUAL, 0, 1, 10),      # AF_INET6
    (RETURN, 0, 0, KILL),
    (RETURN, 0, 0, ALLOW),
])
buffer = ctypes.create_string_buffer(program)
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_void_p)]
given = Filter(len(program) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2
if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(SECCOMP, FILTER, ctypes.byref(given)):
    sys.exit("no filter")
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Sets a seccomp filter (linux/seccomp.h, linux/filter.h) and becomes another program."""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="forbids sockets by Linux's seccomp",
)


def run(command: list[str], home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A program in an environment that holds nothing but a home, without the Internet."""
    home.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "USER": "somebody", **variables}
    done = subprocess.run(
        [sys.executable, "-c", FORBID, sys.executable, *command],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=home.parent,
    )
    if "no filter" in done.stderr:
        pytest.skip("this kernel takes no seccomp filter")
    return done


def files_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
def test_the_filter_kills_whoever_opens_a_socket(tmp_path, family):
    code = f"import socket; socket.socket(socket.AF_UNIX); socket.socket(socket.{family})"
    assert run(["-c", code], tmp_path / "home").returncode == -signal.SIGSYS


def test_the_filter_kills_whoever_looks_up_a_host(tmp_path):
    code = "import socket; socket.getaddrinfo('example.org', 443)"
    assert run(["-c", code], tmp_path / "home").returncode == -signal.SIGSYS


@pytest.mark.slow
def test_the_main_job_opens_no_socket_and_leaves_home_alone(tmp_path, data):
    home = tmp_path / "home"
    done = run(
        [
            *("-m", "humantrack", f"video.source={data / 'demo_small.mp4'}"),
            *("video.end_frame=6", f"video.output_dir={tmp_path / 'out'}"),
        ],
        home,
    )
    assert done.returncode == 0, done.stderr
    assert files_in(home) == []
    assert (tmp_path / "out" / "PHALP_demo_small.mp4").is_file()
    export = "import sys; from humantrack.export.cli import main; sys.exit(main())"
    done = run(["-c", export, str(tmp_path / "out/results/demo_demo_small.pkl")], home)
    assert done.returncode == 0, done.stderr
    assert files_in(home) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "out"]


@pytest.mark.slow
def test_a_sweep_in_processes_opens_no_socket_and_leaves_home_alone(tmp_path, data):
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (clips / name).symlink_to(data / "demo_small.mp4")
    home = tmp_path / "home"
    done = run(
        [
            *("-m", "humantrack", "-m", f"video.source={clips}", "hydra/launcher=joblib"),
            *("video.end_frame=2", "render.enable=false", f"video.output_dir={tmp_path / 'out'}"),
        ],
        home,
    )
    assert done.returncode == 0, done.stderr
    made = (tmp_path / "out").glob("*/results/*.pkl")
    assert len([p for p in made if ".world." not in p.name]) == 2
    assert files_in(home) == []


def test_who_asks_for_onnxruntimes_reports_gets_them(tmp_path):
    """So the tests above would see them; versions before 1.29 have none."""
    import onnxruntime

    if tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 29):
        pytest.skip("this onnxruntime reports nothing")
    home = tmp_path / "home"
    load = "from humantrack import models; models.session(models.NANODET)"
    run(["-c", load], home, ORT_DISABLE_TELEMETRY="0")
    assert any("onnxruntime" in name for name in files_in(home))


@pytest.mark.slow
def test_a_ray_that_humantrack_starts_reports_nothing(monkeypatch):
    pytest.importorskip("ray")
    from humantrack.sweep import on_ray

    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    found = on_ray.run_all(
        _reporting, None, [0], device="cpu", address=None, workers=1, num_cpus=1, num_gpus=0,
        init={"num_cpus": 1}, remote={},
    )  # fmt: skip
    assert found == [False]


def _reporting(state: None, job: int) -> bool:
    from ray._common.usage import usage_lib

    return bool(usage_lib.usage_stats_enabled())
