"""Rebuild blazepose_full.onnx and blazepose_heavy.onnx.

Full comes from PyPI mediapipe 0.10.21, heavy from npm @mediapipe/pose 0.5.1675469404 (whose full is
the same file). The packages hold the landmark models as TFLite graphs in NHWC, which are written
again in NCHW with a free batch size. TensorFlow's SAME padding becomes explicit numbers (where the
total is odd, the larger half goes to the bottom and right), sparse weights are expanded, fp16
weights stay fp16, and the five outputs get names.

Two things are written otherwise than in the origin, with the same numbers but for rounding, since
ONNX Runtime's convolutions keep channels in blocks of 8 (5 % of the time of heavy, 10 % of full's):
Clip does not know these blocks, so that a sum is clipped by a convolution that changes nothing; and
a convolution with one channel as its result makes 8 neighbours of a row at once.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import tflite
from lib.onnx_writer import GraphWriter
from lib.origin import Origin, npm_archive, pip_wheel, read_members, rebuild_models
from lib.tflite_reader import Operator, TfliteGraph, read

FULL = "mediapipe/modules/pose_landmark/pose_landmark_full.tflite"
HEAVY = "package/pose_landmark_heavy.tflite"
CHECKSUMS = {
    FULL: "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    HEAVY: "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
}
WHEEL_TAGS = ("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11")
ABOUT = "BlazePose landmark model, full (Apache-2.0, The MediaPipe Authors), weights fp16"
"""Written into both files; heavy's says "full" too, as it was first made so."""

BLOCK = 8
"""Channels that ONNX Runtime keeps side by side."""

LEAST_ROWS = 4
"""Sums of smaller maps are clipped as they are: nothing is gained."""

OUTPUTS = ["landmarks", "flag", "segmentation", "heatmap", "world"]
"""In the order of the origin file."""


def same_pads(size: list[int], kernel: list[int], strides: list[int]) -> list[int]:
    """TensorFlow's SAME rule: pads top, left, bottom, right for a height and a width."""
    before, after = [], []
    for cells, taps, stride in zip(size, kernel, strides, strict=True):
        total = max((-(-cells // stride) - 1) * stride + taps - cells, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return before + after


def _for_neighbours(weight: np.ndarray) -> np.ndarray:
    """Of a filter (1,channels,h,w) the (8,channels,h,w+7) that make 8 neighbours of a row."""
    _, channels, height, width = weight.shape
    out = np.zeros((BLOCK, channels, height, width + BLOCK - 1), np.float32)
    for i in range(BLOCK):
        out[i, :, :, i : i + width] = weight[0]
    return out


class Converter:
    """Writes the operators one by one, in the order of the file."""

    def __init__(self, origin: TfliteGraph) -> None:
        self.origin = origin
        self.graph = GraphWriter()
        self._names = dict(zip(origin.outputs, OUTPUTS, strict=True))
        self._names[origin.inputs[0]] = "input"
        self._pads: dict[int, tuple[int, list[int]]] = {}
        """Output of a PAD that the next convolution takes over -> its input and the pads."""
        self._writers = {
            "PAD": self._pad,
            "CONV_2D": self._conv,
            "DEPTHWISE_CONV_2D": self._conv,
            "ADD": self._add,
            "MAX_POOL_2D": self._max_pool,
            "RESIZE_BILINEAR": self._resize,
            "DEPTH_TO_SPACE": self._depth_to_space,
            "CONCATENATION": self._concat,
            "LOGISTIC": self._sigmoid,
            "RESHAPE": self._to_rows,
        }

    def convert(self) -> None:
        """Write the whole graph."""
        for operator in self.origin.operators:
            self._writers[operator.kind](operator)

    def save(self, out: Path) -> None:
        """Write the ONNX file."""
        outputs = {self._name(i): self._shape(i) for i in self.origin.outputs}
        self.graph.save(out, {"input": self._shape(self.origin.inputs[0])}, outputs, ABOUT)

    def _name(self, tensor: int) -> str:
        return self._names.get(tensor, f"t{tensor}")

    def _shape(self, tensor: int) -> list[int | str]:
        """NCHW with a free batch."""
        _, *rest = self.origin.shapes[tensor]
        return ["N", rest[2], rest[0], rest[1]] if len(rest) == 3 else ["N", *rest]

    def _unary(self, operator: Operator, kind: str, **attributes: Any) -> None:
        source = self._name(operator.inputs[0])
        self.graph.node(kind, [source], self._name(operator.output), **attributes)

    def _pad(self, operator: Operator) -> None:
        source, widths = operator.inputs[0], self.origin.constants[operator.inputs[1]]
        _, rows, columns, channels = widths.tolist()
        if not any(channels):
            pads = [rows[0], columns[0], rows[1], columns[1]]
            self._pads[operator.output] = source, pads
            return
        name = self._name(operator.output)
        pads = np.array([0, channels[0], 0, 0, 0, channels[1], 0, 0], np.int64)
        self.graph.node(
            "Pad", [self._name(source), self.graph.constant(f"{name}_pads", pads)], name
        )

    def _conv(self, operator: Operator) -> None:
        tensor, *parameters = operator.inputs
        weight, bias = (self.origin.constants[i].astype(np.float32) for i in parameters)
        depthwise = operator.kind == "DEPTHWISE_CONV_2D"
        weight = weight.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
        strides = [operator.options.StrideH(), operator.options.StrideW()]
        source, pads = self._pads.get(tensor, (tensor, [0] * 4))
        if operator.options.Padding() == tflite.Padding.SAME:
            size = self.origin.shapes[tensor][1:3]
            pads = same_pads(size, list(weight.shape[2:]), strides)
        own_result, activation = self._fused(operator)
        rows, columns, channels = self.origin.shapes[operator.output][1:]
        in_eights = channels == 1 and strides == [1, 1] and columns % BLOCK == 0
        if in_eights:
            weight, bias = _for_neighbours(weight), np.repeat(bias, BLOCK)
        self.graph.conv(
            self._name(source),
            f"{own_result}_eights" if in_eights else own_result,
            weight,
            bias,
            strides=[1, BLOCK] if in_eights else strides,
            pads=pads,
            group=len(weight) if depthwise else 1,
        )
        if in_eights:
            last = f"{own_result}_nhwc"
            self.graph.node("Transpose", [f"{own_result}_eights"], last, perm=[0, 2, 3, 1])
            shape = self.graph.constant(f"{own_result}_shape", np.array([-1, 1, rows, columns]))
            self.graph.node("Reshape", [last, shape], own_result)
        self._activate(operator, activation)

    def _add(self, operator: Operator) -> None:
        inputs = [self._name(i) for i in operator.inputs]
        own_result, activation = self._fused(operator)
        rows, _, channels = self.origin.shapes[operator.output][1:]
        if activation is None or channels % BLOCK or rows < LEAST_ROWS:
            self.graph.node("Add", inputs, own_result)
        else:
            total = self.graph.node("Add", inputs, f"{own_result}_sum")
            ones, zeros = np.ones((channels, 1, 1, 1), np.float32), np.zeros(channels, np.float32)
            nothing: dict[str, Any] = {"strides": [1, 1], "pads": [0] * 4, "group": channels}
            self.graph.conv(total, own_result, ones, zeros, **nothing)
        self._activate(operator, activation)

    def _fused(self, operator: Operator) -> tuple[str, tuple[str, list[str]] | None]:
        """Name for an operator's own result, and the activation that TFLite fused into it."""
        name = self._name(operator.output)
        fused = operator.options.FusedActivationFunction()
        if fused == tflite.ActivationFunctionType.NONE:
            return name, None
        before = f"{name}_pre"
        if fused == tflite.ActivationFunctionType.RELU:
            return before, ("Relu", [before])
        if fused == tflite.ActivationFunctionType.RELU6:
            low = self.graph.constant(f"{name}_lo", np.array(0, np.float32))
            high = self.graph.constant(f"{name}_hi", np.array(6, np.float32))
            return before, ("Clip", [before, low, high])
        raise SystemExit(f"BlazePose: no rule for activation {fused}")

    def _activate(self, operator: Operator, activation: tuple[str, list[str]] | None) -> None:
        if activation is not None:
            self.graph.node(*activation, self._name(operator.output))

    def _max_pool(self, operator: Operator) -> None:
        options = operator.options
        kernel = [options.FilterHeight(), options.FilterWidth()]
        strides = [options.StrideH(), options.StrideW()]
        self._unary(operator, "MaxPool", kernel_shape=kernel, strides=strides)

    def _resize(self, operator: Operator) -> None:
        source = operator.inputs[0]
        factor = self.origin.shapes[operator.output][1] // self.origin.shapes[source][1]
        self.graph.enlarge(self._name(source), self._name(operator.output), factor)

    def _depth_to_space(self, operator: Operator) -> None:
        size = operator.options.BlockSize()
        self._unary(operator, "DepthToSpace", blocksize=size, mode="DCR")

    def _concat(self, operator: Operator) -> None:
        inputs = [self._name(i) for i in operator.inputs]
        self.graph.node("Concat", inputs, self._name(operator.output), axis=1)

    def _sigmoid(self, operator: Operator) -> None:
        self._unary(operator, "Sigmoid")

    def _to_rows(self, operator: Operator) -> None:
        """A reshape to (N, numbers); the numbers keep the origin's NHWC order."""
        name, source = self._name(operator.output), self._name(operator.inputs[0])
        last = self.graph.node("Transpose", [source], f"{name}_nhwc", perm=[0, 2, 3, 1])
        rows = np.array([-1, self.origin.shapes[operator.output][1]], np.int64)
        self.graph.node("Reshape", [last, self.graph.constant(f"{name}_rows", rows)], name)


def fetch_full(folder: Path) -> Path:
    """One platform's wheel, whatever the machine: of this one the checksum is known."""
    return pip_wheel("mediapipe", "0.10.21", folder, *WHEEL_TAGS)


def fetch_heavy(folder: Path) -> Path:
    """The package for browsers, which alone holds this one."""
    return npm_archive("@mediapipe/pose", "0.5.1675469404", folder)


def build(member: str, package: Path, out: Path) -> None:
    """Package -> ONNX file."""
    converter = Converter(read(read_members(package, {member: CHECKSUMS[member]})[member]))
    converter.convert()
    converter.save(out)


ORIGINS = {
    "blazepose_full.onnx": Origin(fetch_full, functools.partial(build, FULL)),
    "blazepose_heavy.onnx": Origin(fetch_heavy, functools.partial(build, HEAVY)),
}

if __name__ == "__main__":
    raise SystemExit(rebuild_models(__doc__, ORIGINS))
