"""Folders, globs and lists of images."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.errors import (
    ConfigError,
    EmptySourceError,
    SourceNotFoundError,
    UnreadableSourceError,
)
from humantrack.video import open_source
from humantrack.video.images import natural_key, read_image


def read(source, **bounds):
    with open_source(source, **bounds) as frames:
        return list(frames)


@given(st.lists(st.integers(0, 10**6), unique=True), st.text(max_size=5), st.text(max_size=5))
def test_numbers_in_names_sort_by_value(numbers, before, after):
    before, after = before.rstrip("0123456789"), after.lstrip("0123456789")
    names = [f"{before}{n}{after}" for n in numbers]
    assert sorted(names, key=natural_key) == [f"{before}{n}{after}" for n in sorted(numbers)]


@given(st.lists(st.text(), unique=True))
def test_natural_order_is_total(names):
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


def test_folders_sort_naturally_and_skip_other_files(tmp_path, picture, number):
    folder = tmp_path / "shots.of day"
    folder.mkdir()
    files = ["img10.JPG", "img2.Png", "img1.webp", "IMG3.bmp", "img11.tiff", "img12.TIF"]
    order = [4, 1, 0, 2, 5, 6]
    for file, n in zip(files, order, strict=True):
        cv2.imwrite(str(folder / file), picture(n))
    (folder / "notes.txt").write_text("x")
    (folder / "._img1.jpg").write_text("x")
    (folder / "sub").mkdir()
    frames = read(folder)
    assert [number(f.rgb) for f in frames] == [0, 1, 2, 4, 5, 6]
    assert frames[0].key == "shots.of day/img1.webp"
    assert frames[3].key == "shots.of day/img10.JPG"
    assert [f.time_s for f in read(folder, fps=10)] == pytest.approx(np.arange(6) / 10)


@pytest.mark.parametrize("spelling", ["{}", "{}/", "{}/.", "{}/sub/..", "{}//"])
def test_the_name_is_the_folder_however_it_is_spelt(make_folder, spelling):
    folder = make_folder("dance", frames=2)
    (folder / "sub").mkdir()
    with open_source(spelling.format(folder)) as frames:
        assert frames.info.name == "dance"
        assert frames.info.kind == "images"


def test_dot_is_the_working_folder(make_folder, monkeypatch):
    folder = make_folder("here", frames=2)
    monkeypatch.chdir(folder)
    assert [f.key for f in read(".")] == ["here/1.png", "here/2.png"]


def test_images_may_differ_in_size(tmp_path, picture):
    cv2.imwrite(str(tmp_path / "1.png"), picture(1, 96, 64))
    cv2.imwrite(str(tmp_path / "2.png"), picture(2, 60, 100))
    with open_source(tmp_path) as frames:
        assert (frames.info.width, frames.info.height) == (96, 64)
        assert [(f.width, f.height) for f in frames] == [(96, 64), (60, 100)]


def test_a_corrupt_image_is_skipped_and_counted(make_folder):
    folder = make_folder(frames=6)
    (folder / "1.png").write_bytes(b"junk")
    (folder / "4.png").write_bytes(b"")
    with open_source(folder) as source:
        frames = list(source)
        assert source.decode_errors == 2
        assert "4.png" in source.decode_messages[1]
    assert [f.index for f in frames] == [0, 1, 2, 3]
    assert [f.source_index for f in frames] == [1, 2, 4, 5]
    assert [f.key for f in frames][2] == "pictures/5.png"


def test_nothing_to_read_is_said(tmp_path, make_folder):
    with pytest.raises(EmptySourceError, match="no image"):
        open_source(tmp_path)
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(EmptySourceError, match=r"clip\.mp4"):
        open_source(tmp_path)
    (tmp_path / "a.png").write_bytes(b"junk")
    with pytest.raises(EmptySourceError, match="none of the images"):
        open_source(tmp_path)
    with pytest.raises(SourceNotFoundError, match="no image matches"):
        open_source(str(tmp_path / "*.jpg"))
    with pytest.raises(EmptySourceError, match="list"):
        open_source([])
    folder = make_folder(frames=2)
    with pytest.raises(SourceNotFoundError, match=r"1\.png\?"):
        open_source([folder / "2.png", folder / "1.pgn"])


def test_a_folder_that_cannot_be_listed_is_unreadable(make_folder, monkeypatch):
    folder = make_folder(frames=1)

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UnreadableSourceError, match="listed"):
        open_source(folder)


def test_a_list_keeps_its_order_and_equal_names_get_numbers(tmp_path, picture, number):
    paths = []
    for n, camera in enumerate(("b", "a")):
        (tmp_path / camera).mkdir()
        paths.append(tmp_path / camera / "1.png")
        cv2.imwrite(str(paths[-1]), picture(n))
    frames = read(paths)
    assert [number(f.rgb) for f in frames] == [0, 1]
    assert [f.key for f in frames] == ["b/000001_1.png", "b/000002_1.png"]
    assert [f.key for f in read([str(p) for p in paths], keys="phalp")] == [str(p) for p in paths]


def test_one_image_is_a_source(make_folder):
    folder = make_folder(frames=3)
    frames = read(folder / "2.png")
    assert [f.key for f in frames] == ["2/2.png"]


def test_a_name_with_glob_characters_that_exists_is_that_file(make_folder, tmp_path):
    folder = make_folder("take [1]", frames=2)
    assert len(read(folder)) == 2
    assert len(read(str(folder / "1.png"))) == 1


def test_every_kind_of_image_becomes_rgb(tmp_path):
    """Grey, alpha, 16-bit, palette, CMYK: three channels of 8 bits, red stays red."""
    pil = pytest.importorskip("PIL.Image")
    bgr = np.tile(np.array([30, 40, 220], np.uint8), (40, 50, 1))
    red = [220, 40, 30]
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((40, 50), 77, np.uint8))
    cv2.imwrite(str(tmp_path / "alpha.png"), np.dstack([bgr, np.full((40, 50), 128, np.uint8)]))
    cv2.imwrite(str(tmp_path / "deep.png"), bgr.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "deep.tif"), bgr.astype(np.uint16) * 257)
    image = pil.fromarray(bgr[..., ::-1].copy())
    image.quantize(4).save(tmp_path / "palette.png")
    image.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=98)
    image.convert("LA").save(tmp_path / "greyalpha.png")
    image.save(tmp_path / "plain.webp", lossless=True)
    for path in sorted(tmp_path.iterdir()):
        rgb = read_image(path)
        assert rgb.shape == (40, 50, 3), path.name
        assert rgb.dtype == np.uint8, path.name
        mean = rgb.mean((0, 1))
        if "grey" in path.name:
            assert mean.max() - mean.min() == 0, path.name
        else:
            assert mean == pytest.approx(red, abs=6), path.name
    assert read_image(tmp_path / "grey.png")[0, 0].tolist() == [77, 77, 77]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    pil = pytest.importorskip("PIL.Image")
    from PIL import ImageOps

    rgb = np.full((40, 60, 3), 90, np.uint8)
    rgb[:12, :16] = (250, 20, 20)
    image = pil.fromarray(rgb)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "turned.jpg", exif=exif, quality=98, subsampling=0)
    expected = np.asarray(ImageOps.exif_transpose(pil.open(tmp_path / "turned.jpg")), int)
    got = read_image(tmp_path / "turned.jpg").astype(int)
    assert got.shape == expected.shape
    assert np.abs(got - expected).mean() < 3


@pytest.mark.parametrize("fps", [24, 29.97, Fraction(30000, 1001), "12.5"])
def test_images_play_at_the_rate_given(make_folder, fps):
    with open_source(make_folder(frames=3), fps=fps) as frames:
        assert frames.info.fps == Fraction(str(fps))
        assert [f.time_s for f in frames][2] == pytest.approx(2 / float(Fraction(str(fps))))


@pytest.mark.parametrize("fps", [0, -5, "fast", float("nan"), float("inf"), 10**6])
def test_a_senseless_rate_is_refused(make_folder, fps):
    with pytest.raises(ConfigError, match="fps"):
        open_source(make_folder(frames=1), fps=fps)


def test_unknown_keys_are_refused(make_folder):
    with pytest.raises(ConfigError, match="keys"):
        open_source(make_folder(frames=1), keys="other")


def test_a_folder_reached_by_a_link_is_called_as_the_link(tmp_path, monkeypatch):
    folder = tmp_path / "images"
    folder.mkdir()
    cv2.imwrite(str(folder / "1.jpg"), np.zeros((16, 16, 3), np.uint8))
    (tmp_path / "walk").symlink_to(folder, target_is_directory=True)
    with open_source(tmp_path / "walk") as source:
        assert source.info.name == "walk"
        assert next(iter(source)).key == "walk/1.jpg"
    monkeypatch.chdir(folder)
    with open_source(".") as source:
        assert source.info.name == "images"
