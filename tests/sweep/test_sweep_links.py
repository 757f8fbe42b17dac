"""``humantrack -m`` with addresses: each is a clip, in a folder that every system takes."""

from __future__ import annotations

import json
import shutil

import pytest
from links import serving

from humantrack.cli.main import main
from humantrack.sweep.clips import find_clips
from humantrack.url import Url, concealed, never_ends

QUICK = ("video.end_frame=6", "render.enable=false", "world.enable=false", "tracker=embedded")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("https://h.org/a/clip.mp4", "h.org/clip.mp4"),
        ("https://h.org:8080/watch?v=xE[1]&list=*", "h.org/watch"),
        ("http://[::1]:80/a:b.mp4", "_1/a_b.mp4"),
        ("rtsp://me:geheim@cam.local/stream", "cam.local/stream"),
        ("https://h.org/", "h.org/h.org"),
    ],
)
def test_an_address_is_one_clip_whatever_it_holds(address, place):
    shown = concealed(address)
    for named in (shown, [shown]):
        (clip,) = find_clips(named)
        assert clip.path == shown
        start, _, mark = clip.relative.rpartition("~")
        assert start.removeprefix("_") == place.removeprefix("_")
        assert mark == Url.of(address).digest
        assert not set('<>:"|?*\\') & set(clip.relative)
        assert "geheim" not in clip.relative


def test_addresses_that_differ_anywhere_have_places_of_their_own():
    named = [f"https://h.org/watch?v={i}" for i in range(20)] + ["https://h.org/watch"]
    assert len({clip.relative for clip in find_clips(named)}) == 21


def test_a_camera_is_a_clip():
    (clip,) = find_clips("camera:Big Eye")
    assert (clip.path, clip.relative) == ("camera:Big Eye", "camera-Big-Eye")


def test_what_never_ends():
    assert all(map(never_ends, ["camera:0", "rtsp://h/a", "udp://h:1", "srt://h:1"]))
    assert not any(map(never_ends, ["a.mp4", "http://h/a.mp4", "https://h/a.m3u8"]))


@pytest.fixture
def web(tmp_path, data):
    folder = tmp_path / "web"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(data / "demo_small.mp4", folder / name)
    with serving(folder) as server:
        yield server


def rows(folder):
    return json.loads((folder / "outputs" / "sweep.json").read_text())["clips"]


def test_links_are_tracked_and_left_alone_when_they_are_done(web, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    secret = web.address.replace("http://", "http://me:geheim@")
    with (tmp_path / "list.txt").open("w") as file:
        file.write(f"{secret}/a.mp4\n{web.address}/b.mp4\n")
    main(["-m", "video.source=@list.txt", *QUICK])
    assert [row["status"] for row in rows(tmp_path)] == ["ok", "ok"]
    found = sorted((tmp_path / "outputs").rglob("demo_*.pkl"))
    assert [path.name for path in found] == ["demo_a.pkl", "demo_b.pkl"]
    written = [p for p in (tmp_path / "outputs").rglob("*") if p.is_file()]
    assert not any(b"geheim" in path.read_bytes() for path in written)
    main(["-m", "video.source=@list.txt", *QUICK])
    assert [row["status"] for row in rows(tmp_path)] == ["skipped", "skipped"]


def test_a_camera_without_a_duration_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["-m", "video.source=camera:0,rtsp://me:geheim@h/a", *QUICK])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "would never end" in told.splitlines()[-1]
    assert "live.duration=10m" in told
    assert "geheim" not in told
