"""Keys of the detectors that have some of their own; part of the schema."""

from __future__ import annotations

from dataclasses import dataclass

from humantrack.config.keys import key


@dataclass
class VitDetConfig:
    """The detector phalp.detector=vitdet."""

    checkpoint: str | None = key(
        None, "detectron2's model_final_f05665.pkl; null = the cache.", path=True
    )
    precision: str = key("auto", "fp32, bf16, fp16 or auto (bf16 on a GPU that has it).")
    compile: bool = key(False, "Compile the network on its first run (torch.compile).")
    batch_size: int | None = key(
        None, "Frames that go through the network at once; null = 4 on a GPU, else 1."
    )


@dataclass
class RfDetrConfig:
    """The detector phalp.detector=rfdetr."""

    size: str = key("medium", "nano, small, medium, large, xlarge or 2xlarge (RF-DETR-Seg).")
    checkpoint: str | None = key(
        None, "A file of weights; null = those that the package fetches.", path=True
    )
    batch_size: int | None = key(
        None, "Frames that go through the network at once; null = 8 on a GPU, else 1."
    )
