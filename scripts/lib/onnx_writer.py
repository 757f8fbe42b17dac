"""A small ONNX graph builder: weights stored as fp16, arithmetic in fp32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
SMALL = 8
"""Float arrays of at most this many numbers stay fp32: a Cast would cost more than it saves."""

Shape = Sequence[int | str]


class GraphWriter:
    """Collects nodes and weights in the order in which they are declared."""

    def __init__(self) -> None:
        self._casts: list[onnx.NodeProto] = []
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Append an operator with one output; returns the output's name."""
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, array: np.ndarray) -> str:
        """Declare an array; large fp32 ones are stored in half and cast when the graph runs."""
        if array.dtype != np.float32 or array.size <= SMALL:
            self._weights.append(numpy_helper.from_array(array, name))
            return name
        stored = f"{name}_fp16"
        self._weights.append(numpy_helper.from_array(array.astype(np.float16), stored))
        self._casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
        return name

    def conv(
        self,
        source: str,
        output: str,
        weight: np.ndarray,
        bias: np.ndarray,
        *,
        strides: Sequence[int],
        pads: Sequence[int],
        group: int,
    ) -> str:
        """Append a convolution.

        Args:
            source: name of its input.
            output: name of its result; the weights are named after it.
            weight: (out, in / group, height, width).
            bias: (out,).
            strides: down, right.
            pads: top, left, bottom, right.
            group: number of groups.
        """
        inputs = [
            source,
            self.constant(f"{output}_w", weight),
            self.constant(f"{output}_b", bias),
        ]
        return self.node(
            "Conv",
            inputs,
            output,
            kernel_shape=list(weight.shape[2:]),
            strides=list(strides),
            pads=list(pads),
            group=group,
        )

    def enlarge(self, source: str, output: str, factor: float) -> str:
        """Append a bilinear resize of height and width, pixel centres at one half."""
        scales = np.array([1, 1, factor, factor], np.float32)
        return self.node(
            "Resize",
            [source, "", self.constant(f"{output}_scales", scales)],
            output,
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def save(
        self, path: Path, inputs: Mapping[str, Shape], outputs: Mapping[str, Shape], about: str
    ) -> None:
        """Check the graph and write it.

        Args:
            path: the .onnx file.
            inputs: name -> shape; a string in a shape is a free dimension.
            outputs: likewise; all tensors are fp32.
            about: the model's documentation string.
        """
        graph = helper.make_graph(
            self._casts + self._nodes, "graph", _infos(inputs), _infos(outputs), self._weights
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = IR_VERSION
        model.producer_name = "humantrack"
        model.doc_string = about
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString())


def _infos(tensors: Mapping[str, Shape]) -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
        for name, shape in tensors.items()
    ]
