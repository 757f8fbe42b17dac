"""``humantrack-demo``: single pictures in; crops, views, whole pictures and surfaces out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

from humantrack import load_results
from humantrack.cli.demo import is_asked_for, main
from humantrack.cli.main import main as humantrack
from humantrack.cli.pictures import _pictures, _stems
from humantrack.config.load import load_config
from humantrack.config.options import n_init
from humantrack.errors import EmptySourceError, SourceNotFoundError
from humantrack.video import is_single_picture, open_source

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def picture(data):
    """A frame of the small clip with people in it, (H,W,3) BGR."""
    with open_source(data / "demo_small.mp4") as source:
        frames = [next(source) for _ in range(20)]
    return np.ascontiguousarray(frames[-1].rgb[..., ::-1])


@pytest.fixture(scope="module")
def folder(picture, tmp_path_factory):
    """Two pictures of one name, a broken one, and one without people."""
    path = tmp_path_factory.mktemp("images")
    cv2.imwrite(str(path / "hall.png"), picture)
    cv2.imwrite(str(path / "hall.jpg"), picture)
    cv2.imwrite(str(path / "empty.png"), np.full((90, 120, 3), 127, np.uint8))
    (path / "broken.jpg").write_bytes(b"no picture")
    (path / "notes.txt").write_text("not looked at")
    return path


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory):
    """Exit code and files of a run with every flag."""
    out = tmp_path_factory.mktemp("out") / "made"
    flags = ["--side_view", "--top_view", "--full_frame", "--save_mesh", "--batch_size", "2"]
    code = main(["--img_folder", str(folder), "--out_folder", str(out), *flags])
    return code, out


def test_a_broken_picture_costs_no_other(made):
    code, out = made
    names = sorted(path.name for path in out.iterdir())
    assert code == 4
    assert {"hall.png_0.png", "hall.jpg_0.png", "hall.png_all.png"} <= set(names)
    assert not [name for name in names if name.startswith(("empty", "broken", "."))]


def test_panels_stand_side_by_side(made, picture):
    _, out = made
    drawn = cv2.imread(str(out / "hall.png_0.png"))
    assert drawn.shape == (512, 4 * 512, 3)
    crop, over, side, top = np.split(drawn, 4, axis=1)
    changed = (np.abs(crop.astype(int) - over) > 12).any(axis=2)
    assert 0.02 < changed.mean() < 0.6
    for view in (side, top):
        bare = (view == 255).all(axis=2)
        assert bare[[0, -1]].all()
        assert 0.01 < (~bare).mean() < 0.6
    tall, flat = (np.ptp(np.nonzero((v != 255).any(axis=2))[0]) for v in (side, top))
    assert flat < 0.7 * tall  # from above somebody who stands is not high
    whole = cv2.imread(str(out / "hall.png_all.png"))
    assert whole.shape == picture.shape
    assert (np.abs(whole.astype(int) - picture) > 12).any(axis=2).mean() > 0.005


def test_surfaces_are_closed_bodies_before_the_camera(made):
    _, out = made
    for path in out.glob("hall.png_*.obj"):
        surface = trimesh.load(path, process=False)
        assert 0.03 < surface.volume < 0.15  # positive: faces look outward
        assert surface.bounds[1, 2] < 0  # z towards the viewer
        assert 0.5 < np.ptp(surface.bounds[:, 1]) < 2.2


def test_without_flags_there_are_crop_and_body_alone(folder, tmp_path):
    one = folder / "hall.png"
    assert main(["--img_folder", str(one), "--out_folder", str(tmp_path)]) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert "hall_0.png" in names
    assert not [name for name in names if name.endswith(("_all.png", ".obj"))]
    assert cv2.imread(str(tmp_path / "hall_0.png")).shape == (512, 1024, 3)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--img_folder", "none"], 3, "no such folder"),
        (["--img_folder", ".", "--file_type", "*.nothing"], 5, "no file matches"),
        (["--img_folder", ".", "--detector", "regnety"], 2, "maskrcnn"),
        (["--img_folder", ".", "render.typ=1"], 2, "unknown key"),
        (["--img_folder", ".", "stray"], 2, "stray"),
        (["--img_folder", ".", "--batch_size", "0"], 2, "hmr.batch_size=0"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(*, arguments, code, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert told in said[0]


def test_pictures_come_in_natural_order_and_by_pattern(tmp_path):
    for name in ("10.jpg", "9.JPG", "b.png", ".hidden.jpg", "x.txt"):
        (tmp_path / name).touch()
    assert [p.name for p in _pictures(tmp_path, None)] == ["9.JPG", "10.jpg", "b.png"]
    assert [p.name for p in _pictures(tmp_path, ["*.png", "b*"])] == ["b.png"]
    with pytest.raises(EmptySourceError):
        _pictures(tmp_path, ["*.gif"])
    with pytest.raises(SourceNotFoundError):
        _pictures(tmp_path / "none", None)
    assert list(_stems([Path("A.png"), Path("a.jpg"), Path("b.png")])) == ["A.png", "a.jpg", "b"]


def test_the_script_is_phalps_and_4d_humans(tmp_path):
    assert is_asked_for(["--img_folder", "x"])
    assert is_asked_for(["--img_folder=x"])
    assert not is_asked_for(["video.source=x.mp4", "-m"])
    for script in ("demo.py", "scripts/demo.py"):
        command = [sys.executable, str(ROOT / script), "--img_folder", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert (done.returncode, done.stdout) == (5, "")
        assert "no picture in the folder" in done.stderr


@pytest.mark.parametrize(("script", "instead"), [("eval", "humantrack-eval"), ("train", "hmr.c")])
def test_stubs_say_what_to_use_instead(script, instead):
    command = [sys.executable, str(ROOT / f"{script}.py"), "--anything"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert instead in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_single_picture_is_tracked_at_once_and_its_overlay_is_a_picture(
    folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    humantrack([f"video.source={folder / 'hall.png'}", "video.output_dir=out", "tracker=embedded"])
    assert load_results("out/results/demo_hall.pkl")["hall/hall.png"]["tid"]
    overlay = cv2.imread("out/PHALP_hall.png")
    source = cv2.imread(str(folder / "hall.png"))
    assert overlay.shape == source.shape
    assert (overlay != source).any()
    assert not list(Path("out").glob("*.mp4"))


def test_what_is_a_single_picture(folder, data, tmp_path):
    alone, clip = tmp_path / "alone", tmp_path / "clip.jpg"
    alone.mkdir()
    (alone / "one.png").write_bytes((folder / "hall.png").read_bytes())
    clip.write_bytes((data / "demo_small.mp4").read_bytes())
    assert is_single_picture(folder / "hall.jpg")
    assert is_single_picture(alone)
    assert is_single_picture(str(alone / "*.png"))
    floats = tmp_path / "floats.tif"  # which Pillow does not know
    assert cv2.imwrite(str(floats), np.full((40, 60, 3), 0.5, np.float32))
    assert is_single_picture(floats)
    picture, moving = tmp_path / "picture.mp4", tmp_path / "several.bin"  # content decides
    picture.write_bytes((folder / "hall.jpg").read_bytes())
    moving.write_bytes((folder / "hall.jpg").read_bytes() * 3)
    assert is_single_picture(picture) and not is_single_picture(moving)
    with open_source(picture) as source, open_source(moving) as movie:
        assert (source.info.kind, movie.info.kind) == ("images", "video")
    several = (folder, data / "demo_small.mp4", clip, folder / "none.png", folder / "*.png")
    # The last matches hall.png and empty.png.
    assert not any(is_single_picture(str(path)) for path in several)
    picture, movie = f"video.source={picture}", f"video.source={clip}"
    assert n_init(load_config(picture)) == 1
    assert n_init(load_config(picture, "phalp.n_init=3")) == 3
    assert n_init(load_config(movie)) == 5
    assert n_init(load_config()) == 5
