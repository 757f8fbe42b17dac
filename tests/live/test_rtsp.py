"""RTSP from a real server, where the machine has gst-rtsp-server."""

from __future__ import annotations

import contextlib
import functools
import shutil
import subprocess
from pathlib import Path

import pytest

from humantrack.errors import UnreadableSourceError
from humantrack.video import LiveOptions, open_source

SERVER = Path(__file__).parents[1] / "support" / "rtsp_server.py"
PROBE = (
    "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0')\n"
    "from gi.repository import Gst, GstRtspServer; Gst.init(None)\n"
    "assert all(Gst.ElementFactory.find(n) for n in ('qtdemux', 'h264parse', 'rtph264pay'))"
)


@functools.cache
def python_with_server() -> str | None:
    """A Python that has the bindings; None if there is none."""
    for name in ("/usr/bin/python3", shutil.which("python3")):
        if name and Path(name).exists():
            done = subprocess.run(
                [name, "-W", "ignore", "-c", PROBE], check=False, capture_output=True
            )
            if done.returncode == 0:
                return name
    return None


@pytest.fixture(scope="module", autouse=True)
def needs_a_server():
    if python_with_server() is None:
        pytest.skip("no gst-rtsp-server: apt install python3-gi gir1.2-gst-rtsp-server-1.0")


@contextlib.contextmanager
def serving(clip, port=0):
    """The server in a process; gives its port."""
    command = [python_with_server(), "-W", "ignore", str(SERVER), str(clip), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def test_frames_over_rtsp_are_those_of_the_file(clip):
    live = LiveOptions(policy="all", reconnect_s=0.0)
    with (
        serving(clip) as port,
        open_source(f"rtsp://me:geheim@127.0.0.1:{port}/clip", live=live) as source,
    ):
        frames = list(source)
        facts = source.live.facts
    with open_source(clip) as source:
        same = list(source)
    assert len(frames) == len(same)
    assert all((a.rgb == b.rgb).all() for a, b in zip(frames, same, strict=True))
    # RTP counts in 1/90000 s, and the server rounds once more.
    assert [f.time_s for f in frames] == pytest.approx([f.time_s for f in same], abs=1e-3)
    assert facts["skipped"] == facts["gap_count"] == 0
    assert "geheim" not in str(facts)


def test_a_wrong_password_is_one_line(clip):
    with serving(clip) as port, pytest.raises(UnreadableSourceError) as refused:
        open_source(f"rtsp://me:verkehrt@127.0.0.1:{port}/clip")
    assert "verkehrt" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_server_that_dies_three_times_is_found_again(clip):
    live = LiveOptions(policy="all", reconnect_s=120.0)
    address, numbers = "", []
    with serving(clip) as port:
        address = f"rtsp://me:geheim@127.0.0.1:{port}/clip"
        source = open_source(address, live=live)
        numbers.append(next(source).source_index)
    for deaths in (1, 2, 3):
        with serving(clip, port):
            while source.live.facts["gap_count"] < deaths:
                numbers.append(next(source).source_index)
            numbers.append(next(source).source_index)
    facts = source.live.facts
    source.close()
    assert facts["gap_count"] == 3
    assert all(gap["to_s"] > gap["from_s"] for gap in facts["gaps"])
    assert numbers == sorted(set(numbers))
    assert numbers[-1] - numbers[0] >= len(numbers) - 1  # gaps have their place
