"""Cameras, with a device layer that is none: these machines have no camera."""

from __future__ import annotations

import av
import pytest

from humantrack.errors import SourceNotFoundError, UnreadableSourceError
from humantrack.video import LiveOptions, open_source
from humantrack.video.live import cameras


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Two cameras as Linux lists them, the first with a second node for metadata."""
    for number, name, index in ((0, "HD Webcam", 0), (1, "HD Webcam", 1), (2, "Depth Eye", 0)):
        folder = tmp_path / "sys" / f"video{number}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "index").write_text(f"{index}\n")
    monkeypatch.setattr(cameras, "SYSTEM", tmp_path / "sys")
    monkeypatch.setattr(cameras.sys, "platform", "linux")
    return tmp_path / "sys"


@pytest.fixture
def device(monkeypatch, clip):
    """What opens a device opens a clip."""
    opened, original = [], av.open

    def fake(address, *args, **given):
        if given.get("format") == "v4l2":
            opened.append(address)
            if address == "/dev/video2":
                raise av.error.OSError(16, "Device or resource busy", address)
            return original(str(clip))
        return original(address, *args, **given)

    monkeypatch.setattr(av, "open", fake)
    return opened


def test_cameras_are_listed_and_found(system):
    found = cameras.list_cameras()
    assert [(c.number, c.name, c.device) for c in found] == [
        (0, "HD Webcam", "/dev/video0"),
        (2, "Depth Eye", "/dev/video2"),
    ]
    for text in ("camera:2", "camera:Depth Eye", "camera:depth", "Camera:2"):
        assert cameras.find_camera(text) == found[1]
    for text in ("camera:1", "camera:", "camera:e", "camera:Infrared"):
        with pytest.raises(SourceNotFoundError):
            cameras.find_camera(text)
    with pytest.raises(SourceNotFoundError, match=r"camera:0 \(HD Webcam\)"):
        cameras.find_camera("camera:9")


def test_a_camera_is_a_live_source(system, device, clip):
    live = LiveOptions(policy="all", reconnect_s=0.0)
    with open_source("camera:hd", live=live, end_frame=10) as source:
        frames = list(source)
    assert device == ["/dev/video0"]
    assert len(frames) == 10
    assert source.info.name.startswith("camera-0_20")
    assert source.info.duration_s is None


def test_a_camera_in_use_is_one_line(system, device):
    with pytest.raises(UnreadableSourceError, match="Another program uses it"):
        open_source("camera:2")


def test_other_systems_tell_their_devices(monkeypatch):
    class Device:
        def __init__(self, name, description, media_types):
            self.name, self.description = name, description
            self.media_types = media_types

    listed = [Device("0", "FaceTime", ["video"]), Device("1", "Microphone", ["audio"])]
    monkeypatch.setattr(cameras, "_devices", lambda layer: listed)
    monkeypatch.setattr(cameras.sys, "platform", "darwin")
    assert [(c.name, c.device, c.layer) for c in cameras.list_cameras()] == [
        ("FaceTime", "0", "avfoundation")
    ]
    monkeypatch.setattr(cameras.sys, "platform", "win32")
    assert cameras.list_cameras()[0].device == "video=0"


def test_a_file_may_be_called_like_a_camera(tmp_path, clip, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "camera:0").write_bytes(clip.read_bytes())
    with open_source("camera:0", end_frame=1) as source:
        assert next(source).source_index == 0
        assert source.live is None
