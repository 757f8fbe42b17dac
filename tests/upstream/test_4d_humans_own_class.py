"""4D-Humans' own class, unchanged: the traps that its track.py and its loaders lay."""

from __future__ import annotations

import importlib
import sys

import cv2
import numpy as np
import pytest
import torch
from hydra.core.config_store import ConfigStore

from humantrack import load_config, load_results
from humantrack.cli.main import main
from humantrack.geometry.zbuffer import rasterize
from humantrack.upstream.at_hand import Renderer
from humantrack.weights.catalog import CATALOG

CLASS = "upstream.class_=track_4dhumans.HMR2_4dhuman"


@pytest.fixture
def own_class(adapter, monkeypatch):
    """Before and after it is not imported; OpenCV is one without windows."""

    def refuse(*_):
        raise cv2.error("The function is not implemented. Rebuild the library with GTK+")

    monkeypatch.setattr(cv2, "destroyAllWindows", refuse)
    before = dict(ConfigStore.instance().repo)
    sys.modules.pop("track_4dhumans", None)
    yield CLASS
    sys.modules.pop("track_4dhumans", None)
    ConfigStore.instance().repo = before


def test_it_runs_with_the_files_that_are_there(own_class, adapter, config):
    cfg = config(own_class)
    done = adapter.tracker_class(cfg.upstream.class_)(cfg).track()
    assert done.tracks == 2
    assert len(load_results(done.results)) == 12
    assert "neural_renderer" not in sys.modules


def test_importing_it_breaks_no_later_configuration(own_class, adapter, config):
    adapter.tracker_class("track_4dhumans.HMR2_4dhuman")
    assert "config.yaml" not in ConfigStore.instance().repo
    assert load_config(own_class).sweep.retries == 0


def test_a_program_that_imports_it_first_gets_our_configuration(own_class, adapter):
    importlib.import_module("track_4dhumans")
    stored = ConfigStore.instance().repo["config.yaml"]
    assert load_config("phalp.n_init=3").phalp.n_init == 3
    assert load_config().world.enable  # a key of ours alone
    assert ConfigStore.instance().repo["config.yaml"] is stored  # that program may need it


def test_two_clips_of_a_sweep(own_class, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / "clips" / name).mkdir(parents=True)
        for picture in sorted(clip.iterdir())[:3]:
            (tmp_path / "clips" / name / picture.name).write_bytes(picture.read_bytes())
    keys = ["device=cpu", "render.enable=false", "world.enable=false"]
    main(["-m", "video.source=clips/a,clips/b", "tracker=upstream", own_class, *keys])
    assert len(list(tmp_path.rglob("demo_*.pkl"))) == 2


def test_weights_that_were_fetched_are_handed_to_detectron2(
    own_class, adapter, config, monkeypatch, tmp_path
):
    found = tmp_path / "fetched.pkl"
    vitdet = CATALOG["cascade_mask_rcnn_vitdet_h.pkl"]
    at_hand = importlib.import_module("humantrack.upstream.at_hand")
    original = at_hand.find
    monkeypatch.setattr(at_hand, "find", lambda f: found if f is vitdet else original(f))
    address = "https://example.org/f328730692/model_final_f05665.pkl"
    monkeypatch.setenv("FAKE_DETECTOR_ADDRESS", address)
    cfg = config(own_class)
    made = adapter.tracker_class(cfg.upstream.class_)(cfg)
    assert made.detector_lazy.checkpoint == str(found)


def test_the_stand_in_draws_depths_as_our_z_buffer_does():
    rng = np.random.default_rng(3)
    vertices = torch.tensor(rng.uniform(-1, 1, (2, 30, 3)), dtype=torch.float32)
    vertices = vertices + torch.tensor([0.0, 0, 40])
    faces = torch.tensor(rng.integers(0, 30, (20, 3)))
    camera = torch.tensor([[[5000.0, 0, 128], [0, 5000, 128], [0, 0, 1]]])
    draw = Renderer(dist_coeffs=None, orig_size=256, image_size=256, anti_aliasing=False)
    depth = draw(vertices, faces[None].expand(2, -1, -1).int(), mode="depth", K=camera)
    size: dict = {"focal_px": 5000.0, "centre_px": (128, 128), "size": (256, 256)}
    assert torch.equal(depth, rasterize(vertices, faces, **size).depth)
    assert depth.shape == (2, 256, 256)
    moved = draw(
        vertices - torch.tensor([0.0, 0, 3]),
        faces[None].int(),
        mode="depth",
        K=camera,
        R=torch.eye(3)[None],
        t=torch.tensor([[0.0, 0, 3]]),
    )
    torch.testing.assert_close(moved, depth, rtol=0, atol=1e-4)
    with pytest.raises(NotImplementedError):
        draw(vertices, faces[None], mode="rgb", K=camera)
