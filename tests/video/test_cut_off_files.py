"""A file that is shorter than its own header says is reported as cut off; a whole one is not."""

from __future__ import annotations

import pytest

from humantrack.video import open_source

NOTE = "the file is shorter than its header says; it may be cut off"


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".wmv", ".flv", ".mp4"])
def test_a_cut_file_says_so_and_a_whole_one_does_not(make_clip, suffix, tmp_path):
    codec = {".wmv": {"codec": "wmv2"}, ".flv": {"codec": "flv1"}}.get(suffix, {})
    muxer = {"movflags": "frag_keyframe+empty_moov"} if suffix == ".mp4" else {}
    path = make_clip(f"a{suffix}", frames=40, muxer=muxer, **codec)
    with open_source(path) as source:
        assert len(list(source)) == 40
        assert source.warnings == ()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with open_source(cut) as source:
        assert 0 < len(list(source)) < 40
        assert source.warnings[0] == NOTE


def test_a_file_that_does_not_know_its_size_is_not_called_cut(make_clip, tmp_path):
    data = bytearray(make_clip("a.mkv", frames=10).read_bytes())
    size = data.find(b"\x18\x53\x80\x67") + 4
    data[size : size + 8] = b"\x01" + b"\xff" * 7  # as a live recording has it
    path = tmp_path / "live.mkv"
    path.write_bytes(data)
    with open_source(path) as source:
        assert len(list(source)) == 10
        assert source.warnings == ()
