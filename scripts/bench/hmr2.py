"""Measure HMR2: crops per second, and its share of the device's rate of multiplying matrices.

    python scripts/bench/hmr2.py [--batches 1 2 4 8] [--precisions fp32 bf16] [--compile]
                                 [--depth 32] [--rounds 5] [--device cuda]

Weights are random. For each precision and batch size: crops per second of the whole network (best
of the rounds, which neighbours on the machine disturb least), the arithmetic that takes, and that
as a share of what one large matrix product of the same number type reaches on the same device.
"plain" is the same network with attention written out as two products and a softmax, run in turns
with it; on a CPU in fp32 the network must be at least as fast (0.97 allows for noise). Exits 1 if
it is not. --depth 4 keeps a CPU run short.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.device_rate import describe, matmul_rate, seconds

from humantrack.body.smpl import Smpl
from humantrack.body.smpl_file import SmplArrays
from humantrack.hmr2.decoder import DecoderSizes
from humantrack.hmr2.network import Hmr2
from humantrack.hmr2.vit import VitSizes

NOISE = 0.97


def main() -> int:
    """Print the table."""
    options = parse()
    device = torch.device(options.device)
    print(f"device {describe(device)}, torch {torch.__version__}, depth {options.depth}")
    vit = VitSizes(depth=options.depth)
    good = True
    for precision in options.precisions:
        network = make(vit, device).set_precision(precision)
        dtype = network.backbone.pos_embed.dtype
        peak = matmul_rate(device, dtype)
        print(f"\n{precision}: one matrix product reaches {peak / 1e12:.3f} TFLOP/s")
        print("batch  crops/s  TFLOP/s  share   plain crops/s  against plain")
        if options.compile:
            network.compile_transformers()
        for batch in options.batches:
            crops = torch.randn(batch, 3, 256, 256, device=device)
            ours, plain = compare(network, crops, options.rounds, device)
            rate = batch / ours
            achieved = rate * arithmetic(vit, DecoderSizes())
            against = plain / ours
            print(
                f"{batch:5d} {rate:8.3f} {achieved / 1e12:8.3f} {achieved / peak:6.1%}"
                f" {batch / plain:15.3f} {against:14.3f}",
                flush=True,
            )
            if device.type == "cpu" and precision == "fp32" and not options.compile:
                good &= against >= NOISE
        del network
    return 0 if good else 1


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    default = "cuda" if torch.cuda.is_available() else "cpu"
    gpu = default == "cuda"
    parser.add_argument("--device", default=default)
    parser.add_argument(
        "--batches", type=int, nargs="+", default=[1, 8, 32, 128] if gpu else [1, 4]
    )
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"] if gpu else ["fp32"])
    parser.add_argument("--depth", type=int, default=32, help="blocks of the backbone")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    return parser.parse_args()


def make(vit: VitSizes, device: torch.device) -> Hmr2:
    """A network with random weights, round a body without surface changes."""
    parents = np.arange(-1, 23)
    arrays = SmplArrays(
        v_template=np.zeros((6890, 3), np.float32),
        shapedirs=np.zeros((6890, 3, 10), np.float32),
        posedirs=np.zeros((6890, 3, 207), np.float32),
        j_regressor=np.full((24, 6890), 1 / 6890, np.float32),
        weights=np.full((6890, 24), 1 / 24, np.float32),
        parents=parents,
        faces=np.zeros((13776, 3), np.int64),
    )
    smpl = Smpl(arrays, np.full((19, 6890), 1 / 6890, np.float32))
    with torch.device(device):
        network = Hmr2(smpl, vit=vit)
    network.smpl_head.init_cam += 1
    return network.requires_grad_(False).eval().to(device)


def compare(network: Hmr2, crops: Tensor, rounds: int, device: torch.device) -> tuple[float, float]:
    """Fewest seconds of a forward pass, as it is and with plain attention, in turns."""
    ours, plain = [], []
    with torch.inference_mode():
        for _ in range(rounds + 1):  # one more, for the first warms up and compiles
            ours.append(seconds(lambda: network(crops), device))
            with plain_attention():
                plain.append(seconds(lambda: network(crops), device))
    return min(ours), min(plain)


@contextmanager
def plain_attention() -> Iterator[None]:
    """Attention written out, without a fused kernel."""
    fused = functional.scaled_dot_product_attention

    def written_out(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        logits = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        return logits.softmax(dim=-1) @ value

    functional.scaled_dot_product_attention = written_out
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = fused


def arithmetic(vit: VitSizes, decoder: DecoderSizes) -> float:
    """Floating-point operations of the matrix products for one crop (an addition counts)."""
    dim, tokens = vit.embed_dim, vit.grid[0] * vit.grid[1]
    linear = 2 * tokens * (4 + 2 * vit.mlp_ratio) * dim * dim
    attention = 4 * tokens * tokens * dim
    patches = 2 * tokens * 3 * vit.patch**2 * dim
    inner = decoder.heads * decoder.dim_head
    cross = 2 * tokens * dim * 2 * inner + 4 * tokens * inner
    single = 2 * decoder.dim * (6 * inner + 2 * decoder.mlp_dim)
    return vit.depth * (linear + attention) + patches + decoder.depth * (cross + single)


if __name__ == "__main__":
    sys.exit(main())
