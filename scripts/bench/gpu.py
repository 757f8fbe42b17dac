"""Measure every stage of tracker=hmr2 on a GPU, in at most five minutes, without official files.

    python scripts/bench/gpu.py [--device cuda] [--toy] [--budget-s 280] [--json FILE]

Weights follow a rule, which costs what trained ones cost. In turn: one large matrix product, which
all else is compared with; ViTDet, frame batches of 1 to 8, and its parts; HMR2, batches of crops;
crops and textures; then the whole job on a made 1080p clip with four people, with an overlay and
without, and how long its stages take. Arithmetic is what PyTorch counts in matrix products,
convolutions and attention. What there is no time left for is left out, and said.

--toy takes the smallest networks and pictures, for a CPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib import gpu_job
from lib.device_rate import describe, matmul_rate, seconds

from humantrack import load_config
from humantrack.detect.vitdet.network import VitDetNetwork

PEERS = (0.51, 5.68)
"""Frames per second of the whole job of two other programs on a V100, as published."""


class Bench:
    """Measures one thing after another as long as there is time.

    Args:
        device: to measure on.
        scale: of networks and clip.
        budget_s: wall time after which nothing more is begun.
    """

    def __init__(self, device: torch.device, scale: gpu_job.Scale, budget_s: float) -> None:
        self.device, self.scale, self.is_toy = device, scale, scale is gpu_job.TOY
        self.end = time.perf_counter() + budget_s
        self.rows: list[dict[str, Any]] = []
        self.peak: dict[torch.dtype, float] = {}

    def run(self, parts: dict[str, Callable[[], None]]) -> None:
        """Run the parts; one that does not fit into the memory is told and left out."""
        for name, part in parts.items():
            if time.perf_counter() > self.end:
                print(f"\n{name}: left out, as the time is used up")
                continue
            print(f"\n{name}")
            try:
                part()
            except torch.cuda.OutOfMemoryError:
                print("  left out from here on: not enough memory")
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def products(self) -> None:
        """One large matrix product in each number type."""
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            if dtype == torch.float16 and self.device.type == "cpu":
                continue
            self.peak[dtype] = matmul_rate(self.device, dtype, 256 if self.is_toy else None)
            name = str(dtype).removeprefix("torch.")
            self.row(f"matrix product {name}", tflops=self.peak[dtype] / 1e12)

    def measure(
        self,
        name: str,
        run: Callable[[], object],
        *,
        count: int,
        dtype: torch.dtype = torch.float32,
        rounds: int = 3,
    ) -> float:
        """Print how many a second, the share of the matrix product's rate, and the memory."""
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            run()  # also warms up
        arithmetic = counter.get_total_flops()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        with torch.inference_mode():
            best = min(seconds(run, self.device) for _ in range(1 if self.is_toy else rounds))
        self.row(
            name,
            ms=best * 1000,
            per_s=count / best,
            tflops=arithmetic / best / 1e12,
            share=arithmetic / best / self.peak[dtype] if dtype in self.peak else None,
            gib=torch.cuda.max_memory_allocated(self.device) / 2**30
            if self.device.type == "cuda"
            else None,
        )
        return best

    def row(self, name: str, **figures: float | None) -> None:
        """Keep and print a row."""
        known = {key: value for key, value in figures.items() if value is not None}
        self.rows.append({"name": name, **known})
        words = {
            "ms": "{:9.2f} ms",
            "per_s": "{:9.2f} a second",
            "tflops": "{:8.3f} TFLOP/s",
            "share": "{:6.1%} of a matrix product's",
            "gib": "{:6.2f} GiB",
            "ratio": "{:6.2f} times",
        }
        told = "  ".join(words[key].format(value) for key, value in known.items())
        print(f"  {name:36} {told}", flush=True)

    # -- the parts --------------------------------------------------------------------------------

    def detector(self) -> None:
        """ViTDet in batches, and its parts."""
        network = gpu_job.made_vitdet(self.scale, self.device)
        side = self.scale.vitdet.side_px
        size = (side * 9 // 16, side)
        single = None
        for batch in (1, 2) if self.is_toy else (1, 2, 4, 8):
            pictures = torch.randint(256, (batch, side, side, 3), device=self.device).byte()
            taken = self.measure(
                f"ViTDet, batch {batch}",
                lambda p=pictures, n=batch: network(p, [size] * n, label=0),
                count=batch,
                dtype=network.dtype,
            )
            single = single or taken
            self.row(f"  against one by one, batch {batch}", ratio=single * batch / taken)
        with torch.inference_mode():
            self._parts_of(network, size)

    def _parts_of(self, network: VitDetNetwork, size: tuple[int, int]) -> None:
        side = self.scale.vitdet.side_px
        pictures = torch.randint(256, (1, side, side, 3), device=self.device).byte()
        image = network.normalised(pictures, [size])
        features = network.backbone.net(image)
        levels = network.backbone.levels(features)
        proposals = network.proposal_generator(levels, [size])
        finest = [maps.float().contiguous() for maps in levels[:4]]
        heads, dtype = network.roi_heads, network.dtype
        parts: dict[str, Callable[[], object]] = {
            "transformer": lambda: network.backbone.net(image),
            "pyramid": lambda: network.backbone.levels(features),
            "proposals": lambda: network.proposal_generator(levels, [size]),
            "cascade": lambda: heads(finest, proposals, [size], 0.5),
        }
        for name, run in parts.items():
            self.measure(f"  {name}", run, count=1, dtype=dtype)

    def bodies(self) -> None:
        """HMR2 in batches of crops."""
        network = gpu_job.made_hmr2(self.scale, official_body(), self.device)
        for batch in (1, 4) if self.is_toy else (1, 8, 32, 128):
            crops = torch.randn(batch, 3, 256, 256, device=self.device)
            self.measure(
                f"HMR2, batch {batch}",
                lambda c=crops: network(c),
                count=batch,
                dtype=network.backbone.pos_embed.dtype,
            )

    def whole_job(self) -> None:
        """The made clip, without and with an overlay."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            clip = gpu_job.write_clip(self.scale, folder / "clip.mp4")
            with gpu_job.small_official_files(folder / "cache"):
                for overlay in (False, True):
                    if time.perf_counter() > self.end:
                        print("  left out, as the time is used up")
                        break
                    self._job(clip, folder, overlay)

    def _job(self, clip: Path, folder: Path, overlay: bool) -> None:
        spent: dict[str, float] = {}
        cfg = load_config(
            f"video.source='{clip}'",
            f"video.output_dir='{folder / 'out'}'",
            *("tracker=hmr2", f"device={self.device}", "world.enable=false"),
            *(f"render.enable={str(overlay).lower()}", "phalp.small_w=0", "phalp.small_h=0"),
        )
        tracker = gpu_job.made_tracker(self.scale, spent)(cfg)
        taken = seconds(tracker.track, self.device)
        rate = self.scale.frames / taken
        name = "with overlay" if overlay else "without overlay"
        self.row(f"whole job {name}", ms=taken * 1000 / self.scale.frames, per_s=rate)
        for stage, each in spent.items():
            self.row(f"  of which {stage}", ms=each * 1000 / self.scale.frames)
        self.row("  networks over the whole job", ratio=sum(spent.values()) / taken)
        for theirs in PEERS:
            self.row("  ours over a peer's on a V100", per_s=theirs, ratio=rate / theirs)

    def textures(self) -> None:
        """Crops of 1080p frames, UV textures and their codes."""
        with tempfile.TemporaryDirectory() as name, gpu_job.small_official_files(Path(name)):
            cfg = load_config("video.source=none.mp4", "tracker=hmr2", f"device={self.device}")
            tracker = gpu_job.made_tracker(gpu_job.TOY, {})(cfg)
            boxes = gpu_job.people_at(self.scale, 0).astype("float32")
            shape = (self.scale.height, self.scale.width, 3)
            frame = gpu_job.Frame(
                index=0,
                source_index=0,
                time_s=0.0,
                rgb=torch.randint(256, shape).byte().numpy(),
                key="frame",
            )
            found = gpu_job.Detections(
                xyxy_px=boxes,
                score=boxes[:, 0] * 0 + 1,
                class_id=boxes[:, 0].astype("int64") * 0,
                mask=gpu_job.masks_at(self.scale, boxes),
            )
            estimator = tracker.estimator
            self.measure(
                "crops, a frame of 4 people", lambda: estimator._cut(frame, found), count=4
            )
            self.measure(
                "crops, tiny HMR2, textures, codes",
                lambda: estimator.estimate([frame] * 4, [found] * 4),
                count=16,
            )


def official_body() -> Any:
    """SMPL's topology with a made-up body."""
    import golden_rule

    return golden_rule.synthetic_smpl()


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--toy", action="store_true", help="smallest networks and pictures")
    parser.add_argument("--budget-s", type=float, default=280, help="begin nothing after this")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    scale = gpu_job.TOY if options.toy else gpu_job.Scale()
    bench = Bench(device, scale, options.budget_s)
    print(f"{describe(device)}, torch {torch.__version__}")
    bench.run(
        {
            "Matrix products": bench.products,
            "Detector": bench.detector,
            "Bodies": bench.bodies,
            "Whole job": bench.whole_job,
            "Crops and textures": bench.textures,
        }
    )
    if options.json is not None:
        about = {"device": describe(device), "torch": torch.__version__, "rows": bench.rows}
        options.json.write_text(json.dumps(about, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
