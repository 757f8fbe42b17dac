"""Ranges of a clip are checked before there is a job; a job says what it lacks of them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import clocked_clips as clips
import pytest
from service_process import Server, problem

from humantrack.errors import ConfigError
from humantrack.service.workers.probe import believed, missing, probe
from humantrack.video import open_source


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 frames, 2 s."""
    return clips.write(tmp_path_factory.mktemp("ranges") / "clip.mp4", sound=None)


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"start_frame": 10, "end_frame": 5}, "end_frame=5"),
        ({"start_frame": 10, "end_frame": 10}, "end_frame=10"),
        ({"end_frame": 0}, "end_frame=0"),
        ({"end_time": 0.0}, "end_time=0.0"),
        ({"start_time": "1s", "end_time": "0.5s"}, "end_time=0.5s"),
        ({"start_time": "00:01", "end_time": 1.0}, "end_time=1.0"),
        ({"start_frame": 60}, "start_frame=60"),
        ({"start_frame": 10**9}, "start_frame=1000000000"),
        ({"start_time": 2.5}, "start_time=2.5"),
        ({"start_time": "1h"}, "start_time=1h"),
        ({"start_frame": 40, "end_time": 1.0}, "start_frame=40, end_time=1.0"),
    ],
)
def test_an_empty_range_is_refused_by_the_name_of_its_option(
    clip: Path, overrides: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        probe(str(clip), overrides)
    assert raised.value.where == named


@pytest.mark.parametrize(
    ("overrides", "frames"),
    [
        ({}, 60),
        ({"start_frame": 59}, 1),
        ({"end_frame": 1}, 1),
        ({"end_frame": 1000}, 60),
        ({"start_time": 1.0, "end_time": "2s"}, 30),
        ({"start_time": "", "end_time": ""}, 60),
        ({"start_frame": 0, "start_time": 0.0}, 60),
    ],
)
def test_a_range_that_holds_something_is_counted(
    clip: Path, overrides: dict[str, Any], frames: int
) -> None:
    assert probe(str(clip), overrides) == frames


@pytest.mark.parametrize("tag", [b"stts", b"mdhd", b"mvhd"])
def test_a_container_that_claims_a_thousand_million_frames_is_not_believed(
    clip: Path, tmp_path: Path, tag: bytes
) -> None:
    data = bytearray(clip.read_bytes())
    place = data.find(tag) + len(tag) + {b"stts": 8, b"mdhd": 16, b"mvhd": 16}[tag]
    data[place : place + 4] = struct.pack(">I", 10**9)
    false = tmp_path / "false.mp4"
    false.write_bytes(data)
    assert probe(str(false), {}) == 60


def test_a_length_of_years_is_no_total() -> None:
    assert believed(10**9) is None and believed(10**7) == 10**7 and believed(None) is None


def test_what_a_job_lacks_of_its_range_is_told(clip: Path) -> None:
    with open_source(clip, read_ahead=0) as source:
        whole = source.info
    assert missing({"end_frame": 60, "end_time": 2.0}, whole, 60) == ()
    assert missing({"start_frame": 50, "end_frame": 55}, whole, 5) == ()
    [line] = missing({"end_frame": 100}, whole, 60)
    assert line == "end_frame=100 lies beyond the end of the clip, which has 60 frames"
    [line] = missing({"end_time": "5s"}, whole, 60)
    assert line == "end_time=5s lies beyond the end of the clip, which has 2.0 s"


def test_ranges_over_http(server: Server, clip: Path) -> None:
    said = problem(server.submit(clip, {"start_frame": 100}), 422, "ConfigError")
    assert "start_frame=100" in said["detail"] and "60 frames" in said["detail"]
    assert server.get("/api/jobs").json()["total"] == 0
    answer = server.submit(clip, {"start_frame": 50, "end_frame": 90, "render.enable": False})
    done = server.ended(answer.json()["id"])
    assert (done["state"], done["frames"]) == ("succeeded", 10)
    assert done["warnings"] == ["end_frame=90 lies beyond the end of the clip, which has 60 frames"]
