"""The cost of half precision: HMR2's joints in bf16 against fp32, at full size.

usage: python scripts/bench/hmr2_precision.py [--device cpu] [--precision bf16]

Weights and crops are those of the golden files (tests/support/golden_rule.py): not trained, so
the figure tells how rounding grows through the network, not how good it is. Needs 6 GB of memory.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import golden_rule  # noqa: E402

from humantrack.hmr2.network import Hmr2  # noqa: E402


def network() -> Hmr2:
    """HMR2 at full size with the rule's weights."""
    shapes = json.loads((golden_rule.GOLDEN / "hmr2_state_dict.json").read_text())
    state = {k: torch.from_numpy(v) for k, v in golden_rule.hmr2_state(shapes).items()}
    body = golden_rule.synthetic_smpl()
    with torch.device("meta"):
        made = Hmr2(body)
    state = {k: v for k, v in state.items() if not k.startswith("discriminator.")}
    made.initialized = torch.tensor(False)
    made.load_state_dict(state, strict=False, assign=True)
    return made.requires_grad_(False).eval()


@torch.inference_mode()
def main() -> None:
    """Run both and print the difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="bf16")
    options = parser.parse_args()
    crops = torch.from_numpy(golden_rule.hmr2_images()).to(options.device)
    model = network().to(options.device)
    exact = model.set_precision("fp32")(crops)
    exact_3d, exact_2d = exact.keypoints_3d.clone(), exact.keypoints_2d.clone()
    rounded = model.set_precision(options.precision)(crops)
    apart = (rounded.keypoints_3d - exact_3d).norm(dim=-1) * 1000
    seen = (rounded.keypoints_2d - exact_2d).norm(dim=-1) * 256
    print(f"{options.precision} against fp32, {options.device}, torch {torch.__version__}")
    print(f"joints: mean {apart.mean():.2f} mm, largest {apart.max():.2f} mm")
    print(f"projected: mean {seen.mean():.2f} px of 256, largest {seen.max():.2f} px")


if __name__ == "__main__":
    main()
