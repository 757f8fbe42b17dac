"""Videos behind addresses: they behave as files, and lead nowhere that they may not."""

from __future__ import annotations

import av
import pytest
from links import hls

from humantrack.errors import (
    ConfigError,
    DependencyError,
    EmptySourceError,
    SourceNotFoundError,
    UnreadableSourceError,
)
from humantrack.url import Url
from humantrack.video import LinkOptions, open_source
from humantrack.video.links import Patience, Policy, pages, resolve

HURRY = Patience(silence_s=2.0, answer_s=2.0, pace_s=0.3, least_bytes=4096)


@pytest.fixture
def options(tmp_path):
    return LinkOptions(folder=tmp_path / "links", policy=Policy(patience=HURRY))


def test_a_link_is_read_as_its_file(web, clip, options):
    with open_source(f"{web.address}/clip.mp4?x=1", links=options, end_frame=12) as source:
        frames = list(source)
        info = source.info
    with open_source(clip, end_frame=12) as source:
        same = list(source)
        of_file = source.info
    assert [f.time_s for f in frames] == [f.time_s for f in same]
    assert all((a.rgb == b.rgb).all() for a, b in zip(frames, same, strict=True))
    assert (info.frame_count, info.fps, info.duration_s) == (
        of_file.frame_count,
        of_file.fps,
        of_file.duration_s,
    )
    assert frames[3].key == "clip/000004.jpg"


def test_it_is_fetched_once_and_again_when_it_changes(web, options):
    url = Url.of(f"{web.address}/clip.mp4")
    first = resolve(url, options)
    content = first.read_bytes()
    web.requests.clear()
    assert resolve(url, options) == first
    assert len(web.requests) == 1  # answered by "not modified"
    (web.folder / "clip.mp4").write_bytes(content[:5000])
    assert resolve(url, options).read_bytes() == content[:5000]


def test_a_broken_connection_is_gone_on_with(web, clip, options):
    web.break_after = [10_000, 70_000]
    path = resolve(Url.of(f"{web.address}/clip.mp4"), options)
    assert path.read_bytes() == clip.read_bytes()
    size = clip.stat().st_size
    starts = [wanted for _, wanted in web.requests if wanted]
    # The first connection was only looked at.
    assert starts[-1] in ("bytes=70000-", f"bytes={min(size, 80_000)}-", "bytes=10000-")
    assert not list(options.folder.rglob("*.part"))


def test_without_ranges_it_begins_anew(web, clip, options):
    web.has_ranges = False
    web.break_after = [0, 20_000]
    path = resolve(Url.of(f"{web.address}/clip.mp4"), options)
    assert path.read_bytes() == clip.read_bytes()


def test_what_changed_meanwhile_is_not_mixed(web, clip, options):
    url = Url.of(f"{web.address}/clip.mp4")
    path = resolve(url, options)
    part = path.with_name("fetching.part")
    part.write_bytes(b"of another one" * 100)
    path.unlink()
    (path.parent / "link.json").write_text('{"part_etag": "\\"an older one\\""}')
    assert resolve(url, options).read_bytes() == clip.read_bytes()


def test_without_a_server_what_is_there_serves(web, clip, options, caplog):
    url = Url.of(f"{web.address}/clip.mp4")
    path = resolve(url, options)
    web.password = "no:more"
    with pytest.raises(UnreadableSourceError, match="401"):
        resolve(url, options)
    gone = Url.of("http://127.0.0.1:9/clip.mp4")
    with pytest.raises(UnreadableSourceError, match="cannot be reached"):
        resolve(gone, options)
    path.parent.rename(options.folder / gone.digest)
    assert resolve(gone, options).read_bytes() == clip.read_bytes()
    assert "using what was fetched before" in caplog.text


def test_a_picture_behind_a_link_is_a_picture(web, tmp_path, options):
    from PIL import Image

    from humantrack.video import is_single_picture

    Image.new("RGB", (32, 24), (9, 8, 7)).save(web.folder / "a.png")
    address = f"{web.address}/a.png"
    assert is_single_picture(address)
    assert not is_single_picture(f"{web.address}/clip.mp4")
    with open_source(address, links=options) as source:
        assert source.info.kind == "images"
        assert next(source).rgb[0, 0].tolist() == [9, 8, 7]


def test_missing_and_empty_files_are_named(web, options):
    with pytest.raises(SourceNotFoundError, match="404"):
        resolve(Url.of(f"{web.address}/none.mp4"), options)
    (web.folder / "empty.mp4").write_bytes(b"")
    with pytest.raises(EmptySourceError):
        resolve(Url.of(f"{web.address}/empty.mp4"), options)


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "data:text/plain,x"]
)
def test_a_redirect_off_the_web_is_not_followed(web, options, to):
    web.redirects["/go"] = to
    with pytest.raises(UnreadableSourceError) as refused:
        resolve(Url.of(f"{web.address}/go"), options)
    assert "not followed" in str(refused.value)
    anyway = LinkOptions(folder=options.folder, policy=Policy(any_host=True))
    with pytest.raises(UnreadableSourceError, match="not on the web"):
        resolve(Url.of(f"{web.address}/go"), anyway)


def test_a_redirect_to_another_host_has_to_be_allowed(web, clip, options):
    web.redirects["/go"] = f"http://localhost:{web.port}/clip.mp4"
    web.redirects["/near"] = "/clip.mp4"
    assert resolve(Url.of(f"{web.address}/near"), options).read_bytes() == clip.read_bytes()
    url = Url.of(f"http://me:geheim@127.0.0.1:{web.port}/go")
    with pytest.raises(UnreadableSourceError, match="another server, localhost"):
        resolve(url, options)
    web.logins.clear()
    allowed = LinkOptions(folder=options.folder, policy=Policy(any_host=True))
    assert resolve(url, allowed).read_bytes() == clip.read_bytes()
    assert web.logins[0].startswith("Basic")
    assert web.logins[1] is None  # the other host is not told


def test_names_and_passwords_are_sent_and_not_kept(web, clip, options):
    web.password = "me:ge heim"
    with pytest.raises(UnreadableSourceError, match="401"):
        resolve(Url.of(f"{web.address}/clip.mp4"), options)
    path = resolve(Url.of(f"http://me:ge%20heim@127.0.0.1:{web.port}/clip.mp4"), options)
    assert path.read_bytes() == clip.read_bytes()
    told = [str(p) for p in options.folder.rglob("*")]
    told += [p.read_text() for p in options.folder.rglob("*.json")]
    assert not any("heim" in text for text in told)


def test_a_server_that_drips_is_left(web, options):
    web.drip.add("/clip.mp4")
    with pytest.raises(UnreadableSourceError, match="too slow") as slow:
        resolve(Url.of(f"{web.address}/clip.mp4"), options)
    assert "\n" not in str(slow.value)


def test_pieces_are_joined_to_the_same_frames(web, clip, options):
    hls(clip, web.folder / "live")
    with open_source(f"{web.address}/live/list.m3u8", links=options) as source:
        frames = list(source)
        assert source.info.frame_count == len(frames)
    with open_source(clip) as source:
        same = list(source)
    assert len(frames) == len(same)
    assert all((a.rgb == b.rgb).all() for a, b in zip(frames, same, strict=True))


def test_a_list_of_lists_is_followed(web, clip, options):
    hls(clip, web.folder / "live")
    (web.folder / "all.m3u8").write_text(
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\nlive/list.m3u8\n"
    )
    path = resolve(Url.of(f"{web.address}/all.m3u8"), options)
    assert path.suffix == ".mp4"


@pytest.mark.parametrize(
    "named", ["file:///etc/passwd", "/etc/passwd", "ftp://127.0.0.1/a.ts", "concat:/etc/passwd"]
)
@pytest.mark.parametrize("is_inner", [False, True])
def test_a_list_never_names_a_file(web, options, named, is_inner, monkeypatch):
    opened = []
    original = av.open
    monkeypatch.setattr(av, "open", lambda *a, **k: opened.append(a[0]) or original(*a, **k))
    body = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{named}\n#EXT-X-ENDLIST\n"
    (web.folder / "evil.m3u8").write_text(body)
    if is_inner:
        (web.folder / "outer.m3u8").write_text(
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nevil.m3u8\n"
        )
    name = "outer" if is_inner else "evil"
    with pytest.raises((UnreadableSourceError, SourceNotFoundError)) as refused:
        resolve(Url.of(f"{web.address}/{name}.m3u8"), options)
    assert "root:" not in str(refused.value)
    assert not list(options.folder.rglob("*.mp4"))
    assert all(str(address).startswith("http") for address in opened if address)


def test_a_list_leads_to_other_hosts_only_if_allowed(web, clip, options):
    path = hls(clip, web.folder / "live")
    text = path.read_text().replace("list", f"http://localhost:{web.port}/live/list")
    path.write_text(text)
    with pytest.raises(UnreadableSourceError, match="another server"):
        resolve(Url.of(f"{web.address}/live/list.m3u8"), options)
    allowed = LinkOptions(folder=options.folder, policy=Policy(any_host=True))
    assert resolve(Url.of(f"{web.address}/live/list.m3u8"), allowed).exists()


def test_pieces_that_are_missing_are_no_whole_video(web, clip, options):
    path = hls(clip, web.folder / "live")
    path.write_text(
        path.read_text().replace("#EXT-X-ENDLIST", "#EXTINF:1,\ngone.ts\n#EXT-X-ENDLIST")
    )
    with pytest.raises(SourceNotFoundError, match="404"):
        resolve(Url.of(f"{web.address}/live/list.m3u8"), options)
    assert not list(options.folder.rglob("*.mp4"))


def test_a_page_needs_yt_dlp(web, options, monkeypatch):
    (web.folder / "page").write_text("<!DOCTYPE html><html></html>")
    monkeypatch.setattr(pages, "missing", lambda *names: list(names))
    for address in (f"{web.address}/page", "https://www.youtube.com/watch?v=xEH_5T9jMVU"):
        with pytest.raises(DependencyError) as needed:
            resolve(Url.of(address), options)
        assert 'pip install "humantrack[url]"' in str(needed.value)


def test_what_is_no_known_kind_of_address(options):
    with pytest.raises(UnreadableSourceError, match="not read"):
        resolve(Url.of("gopher://h/x"), options)
    with pytest.raises(UnreadableSourceError):
        resolve(Url.of("file:///etc/passwd"), options)
    with pytest.raises(ConfigError, match="lacks its password"):
        resolve(Url.of("http://***@127.0.0.1/clip.mp4"), options)


@pytest.mark.parametrize("address", ["http:///x.mp4", "http://[::1", "http://h:port/x", "http://?"])
def test_odd_addresses_are_one_line(options, address):
    with pytest.raises(UnreadableSourceError) as odd:
        resolve(Url.of(address), options)
    assert "\n" not in str(odd.value)
