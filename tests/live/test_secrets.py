"""What is secret in an address is told nowhere."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack import load_config
from humantrack.cli.main import main
from humantrack.config.options import plain, run_options
from humantrack.errors import UnreadableSourceError
from humantrack.url import Url, concealed, redacted

SECRET = "geheim1"
ADDRESSES = [
    f"rtsp://me:{SECRET}@cam.example:554/live?channel=1",
    f"rtsp://{SECRET}@cam.example/",
    f"http://me:p@{SECRET}@h.example/v.mp4",
    f"http://h.example/v.mp4?token={SECRET}&x=1",
    f"http://h.example/v.mp4?x=1&accessToken={SECRET}",
    f"https://b.example/a.mp4?X-Amz-Signature={SECRET}&X-Amz-Date=2",
    f"https://b.example/a.mp4?sig={SECRET}",
    f"https://b.example/a.m3u8#access_token={SECRET}",
    f"srt://h.example:9000?passphrase={SECRET}&mode=caller",
    f"rtsp://h.example/user=admin_password={SECRET}_channel=1.sdp",
    f"HTTP://ME:{SECRET}@H.example/V.mp4",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_prints_without_and_opens_with_them(address):
    url = Url.of(address)
    assert SECRET not in f"{url} {url!r} {url.name} {url.digest} {url.host}"
    assert url.whole == address
    assert Url.of(str(url)).whole == address
    assert concealed(str(url)) == redacted(str(url)) == str(url)


def test_what_is_not_secret_stays():
    for address in (
        "https://www.youtube.com/watch?v=xEH_5T9jMVU",
        "http://h/monkey=1?keyframe=3&design=2",
        "rtsp://cam:554/a@b",
        "C:/videos/a@b.mp4",
        "clip.mp4",
    ):
        assert concealed(address) == redacted(address) == address


def test_two_passwords_of_one_camera_are_told_apart():
    one, other = Url.of("rtsp://me:first1@h/x"), Url.of("rtsp://me:second2@h/x")
    assert one != other
    assert (one.whole, other.whole) == ("rtsp://me:first1@h/x", "rtsp://me:second2@h/x")


SAFE = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=6, max_size=12)


@given(SAFE, SAFE, st.sampled_from(["rtsp", "http", "https", "rtmp", "srt", "udp"]))
def test_any_password_is_put_aside(user, password, scheme):
    address = f"{scheme}://{user}~:~{password}@h.example/a"
    assert f"~{password}" not in concealed(f"cannot open '{address}'.")
    assert Url.of(address).whole == address


def test_the_configuration_and_errors_have_none(tmp_path, monkeypatch):
    monkeypatch.setenv("CAMERA", ADDRESSES[0])
    ways = [
        load_config(f"video.source={ADDRESSES[0]}"),
        load_config(f"video.source='{ADDRESSES[0]}'"),
        load_config({"video.source": ADDRESSES[0]}),
        load_config("video.source=${oc.env:CAMERA}"),
    ]
    for cfg in ways:
        options = run_options(cfg)
        assert SECRET not in f"{plain(cfg)} {options}"
        assert Url.of(options.source.path).whole == ADDRESSES[0]
    assert SECRET not in str(UnreadableSourceError("no", where=ADDRESSES[0], hint=ADDRESSES[3]))


@pytest.mark.parametrize("way", ["argument", "file"])
def test_the_command_writes_none(web, tmp_path, capfd, monkeypatch, way):
    """The link leads to no video, so that the run ends early; what Hydra notes lies there then."""
    monkeypatch.chdir(tmp_path)
    (web.folder / "no.mp4").write_bytes(b"not a video" * 100)
    address = f"http://me:{SECRET}@127.0.0.1:{web.port}/no.mp4?token={SECRET}"
    arguments = [f"video.source={address}"]
    if way == "file":
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "mine.yaml").write_text(f"video:\n  source: {address}\n")
        arguments = ["--config-dir", "own", "--config-name", "mine"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "tracker=embedded", "debug=true", "verbose=true"])
    assert ended.value.code == UnreadableSourceError.exit_code
    told = capfd.readouterr()
    assert SECRET not in told.out + told.err
    assert "***@127.0.0.1" in "".join(
        p.read_text() for p in tmp_path.rglob("*.yaml") if ".hydra" in p.parts
    )
    for path in (tmp_path / "outputs").rglob("*"):
        assert SECRET not in str(path)
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()
    assert web.logins[-1] is not None


def test_names_of_files_have_none(web, tmp_path):
    from humantrack.video import LinkOptions, open_source

    address = f"http://me:{SECRET}@127.0.0.1:{web.port}/clip.mp4?key={SECRET}"
    with open_source(address, links=LinkOptions(folder=tmp_path / "l"), end_frame=1) as source:
        frame = next(source)
        told = json.dumps([str(source.info), frame.key, [str(p) for p in source.paths]])
    assert SECRET not in told
