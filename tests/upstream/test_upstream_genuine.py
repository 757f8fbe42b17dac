"""The genuine packages themselves, where they are installed: small networks with known weights."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from official_files import TINY_DECODER, TINY_VIT

from humantrack import DependencyError, Frame, HMR2_4dhuman, load_config, load_results
from humantrack.cli import compare
from humantrack.config.options import source_options
from humantrack.detect import NanoDet
from humantrack.hmr2.decoder import DecoderSizes
from humantrack.hmr2.vit import VitSizes
from humantrack.run.source import open_source
from humantrack.upstream.genuine import check_packages

FRAMES = 12


class Tiny(HMR2_4dhuman):
    """Ours, with a network of the small goldens' sizes."""

    vit = VitSizes(**TINY_VIT)
    decoder = DecoderSizes(**TINY_DECODER)


class Found(SimpleNamespace):
    """detectron2's ``Instances``, as far as PHALP looks at them."""

    def __getitem__(self, keep):
        boxes = SimpleNamespace(tensor=self.pred_boxes.tensor[keep])
        rest = {
            name: getattr(self, name)[keep] for name in ("scores", "pred_classes", "pred_masks")
        }
        return Found(pred_boxes=boxes, **rest)


class NanoDetector:
    """Our detector in detectron2's form, so that nothing is fetched. Masks fill the boxes."""

    def __call__(self, image):
        rgb = np.ascontiguousarray(image[..., ::-1])
        frame = Frame(index=0, source_index=0, time_s=0.0, key="one", rgb=rgb)
        found = NanoDet().detect([frame])[0]
        masks = torch.zeros(len(found), *image.shape[:2], dtype=torch.bool)
        for mask, (x0, y0, x1, y1) in zip(masks, found.xyxy_px.astype(int), strict=True):
            mask[max(y0, 0) : y1, max(x0, 0) : x1] = True
        boxes = SimpleNamespace(tensor=torch.tensor(found.xyxy_px))
        scores = torch.full((len(found),), 0.9)
        kinds = torch.zeros(len(found), dtype=torch.long)
        people = Found(pred_boxes=boxes, scores=scores, pred_classes=kinds, pred_masks=masks)
        return {"instances": people}


@pytest.fixture(scope="module")
def small():
    """The genuine HMR2_4dhuman with our detector and a small backbone."""
    try:
        check_packages()
        importlib.import_module("torchvision")
    except (DependencyError, RuntimeError) as error:
        pytest.skip(f"needs the genuine packages: {error}")
    adapter = importlib.import_module("humantrack.upstream.adapter")
    hmr2 = importlib.import_module("hmr2.models.hmr2")
    vit = importlib.import_module("hmr2.models.backbones.vit")

    def backbone(cfg):
        return vit.ViT(
            img_size=(256, 192),
            patch_size=16,
            embed_dim=TINY_VIT["embed_dim"],
            depth=TINY_VIT["depth"],
            num_heads=TINY_VIT["heads"],
            ratio=1,
            qkv_bias=True,
        )

    class Small(adapter.HMR2_4dhuman):
        def setup_detectron2(self):
            self.detector = NanoDetector()

    patch = pytest.MonkeyPatch()
    patch.setattr(hmr2, "create_backbone", backbone)
    yield Small
    patch.undo()


@pytest.fixture
def keys(files, monkeypatch, data, tmp_path):
    monkeypatch.setenv("HUMANTRACK_CACHE", str(files))
    clip, out = data / "demo.mp4", tmp_path / "out"
    return [
        f"video.source='{clip}'",
        f"video.output_dir='{out}'",
        f"video.end_frame={FRAMES}",
        "device=cpu",
        "render.enable=false",
        "hmr.precision=fp32",
    ]


@pytest.mark.slow
def test_a_clip_is_tracked_by_the_genuine_classes(small, keys):
    done = small(load_config(*keys, "tracker=upstream")).track()
    frames = list(load_results(done.results).values())
    assert [f["time"] for f in frames] == list(range(FRAMES))
    assert done.tracks >= 2
    assert frames[0]["tid"] == frames[8]["tid"]  # filled in from the first frame on
    for smpl in frames[8]["smpl"]:
        turned = smpl["body_pose"] @ smpl["body_pose"].transpose(0, 2, 1)
        np.testing.assert_allclose(turned, np.tile(np.eye(3), (23, 1, 1)), atol=1e-5)


@pytest.mark.slow
def test_genuine_and_native_agree(small, keys):
    genuine = small(load_config(*keys, "tracker=upstream"))
    native = Tiny(load_config(*keys, "phalp.detector=nanodet", "phalp.reference_quirks=true"))
    comparison = compare.Comparison(genuine, native, "cpu")
    with open_source(source_options(native.cfg), None) as source:
        comparison.run(source)
    found = {name: stage.largest for name, stage in comparison.stages.items()}
    assert found["crops"] <= 1.001
    assert found["SMPL parameters"] < 1e-3
    assert found["cameras"] < 1e-3
    assert found["costs"] < 0.02
    assert found["ids"] == 0
    assert comparison.frames == FRAMES
