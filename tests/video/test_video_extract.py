"""Extraction: frames stored as JPEG, and yielded as stored."""

from __future__ import annotations

import numpy as np
import pytest

from humantrack.errors import OutputError
from humantrack.video import extracting, open_source
from humantrack.video.images import read_image


def test_what_is_yielded_is_what_is_stored(make_clip, tmp_path):
    folder = tmp_path / "out" / "img"
    with open_source(make_clip("vid.mp4", frames=9), start_frame=4) as source:
        frames = list(extracting(source, folder))
    assert sorted(p.name for p in folder.iterdir()) == [f"{n:06d}.jpg" for n in range(5, 10)]
    assert [f.key for f in frames] == [f"vid/{n:06d}.jpg" for n in range(5, 10)]
    assert [f.index for f in frames] == list(range(5))
    for frame in frames:
        stored = folder / f"{frame.source_index + 1:06d}.jpg"
        assert np.array_equal(frame.rgb, read_image(stored))


def test_frames_are_close_to_the_source(make_clip, tmp_path):
    clip = make_clip("vid.mp4", frames=3)
    with open_source(clip) as plain, open_source(clip) as source:
        for a, b in zip(plain, extracting(source, tmp_path / "img"), strict=True):
            assert np.abs(a.rgb.astype(int) - b.rgb).mean() < 6
            assert (a.time_s, a.index) == (b.time_s, b.index)


def test_phalp_keys_are_paths_of_the_stored_pictures(make_clip, tmp_path):
    clip = make_clip("vid.mp4", frames=2)
    with open_source(clip) as source:
        keys = [f.key for f in extracting(source, tmp_path / "img", keys="phalp")]
    assert keys == [(tmp_path / "img" / f"00000{n}.jpg").as_posix() for n in (1, 2)]
    with open_source(clip) as source:
        spelt = extracting(
            source, tmp_path / "img", keys="phalp", key_folder="outputs//_DEMO/vid/img"
        )
        assert next(spelt).key == "outputs//_DEMO/vid/img/000001.jpg"


def test_only_pictures_of_an_earlier_run_are_removed(make_clip, tmp_path):
    folder = tmp_path / "img"
    (folder / "sub").mkdir(parents=True)
    outside = tmp_path / "000009.jpg"
    kept = [folder / "12.jpg", folder / "a000001.jpg", folder / "sub" / "000001.jpg", outside]
    for path in [*kept, folder / "000099.jpg"]:
        path.write_bytes(b"x")
    with open_source(make_clip("vid.mp4", frames=1)) as source:
        list(extracting(source, folder))
    assert all(path.read_bytes() == b"x" for path in kept)
    assert not (folder / "000099.jpg").exists()
    assert (folder / "000001.jpg").exists()


def test_a_folder_is_never_extracted_into_itself(make_folder):
    folder = make_folder(frames=2)
    (folder / "000001.jpg").write_bytes((folder / "1.png").read_bytes())
    with open_source(folder) as source, pytest.raises(OutputError, match="read from"):
        extracting(source, folder)
    assert (folder / "000001.jpg").exists()


def test_quality_counts(make_clip, tmp_path):
    def noise(i):
        return np.random.default_rng(i).integers(0, 255, (64, 96, 3), np.uint8)

    clip = make_clip("vid.mp4", frames=1, picture=noise)
    sizes = []
    for quality in (30, 95):
        with open_source(clip) as source:
            list(extracting(source, tmp_path / "img", quality=quality))
        sizes.append((tmp_path / "img" / "000001.jpg").stat().st_size)
    assert sizes[1] > 2 * sizes[0]


def test_an_unwritable_folder_is_an_output_error(make_clip, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with open_source(make_clip("vid.mp4", frames=1)) as source:
        with pytest.raises(OutputError, match="cannot write"):
            extracting(source, tmp_path / "file" / "img")
        frames = extracting(source, tmp_path / "img")
        (tmp_path / "img").rmdir()
        with pytest.raises(OutputError, match=r"000001\.jpg"):
            next(frames)
