"""A TFLite file as plain data: shapes, constants, operators.

Weights may hide behind two operators, which are undone here: DEQUANTIZE (fp16 stored, fp32 used)
and DENSIFY (sparse stored, dense used). Format: TensorFlow Lite's schema.fbs, generated classes
from the package ``tflite``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite

DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
OPTIONS = {
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "ADD": tflite.AddOptions,
    "MAX_POOL_2D": tflite.Pool2DOptions,
    "DEPTH_TO_SPACE": tflite.DepthToSpaceOptions,
}
INDEX_VECTORS = {
    tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
    tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
    tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
}
_OPERATORS = {
    number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)
}


@dataclass(frozen=True)
class Operator:
    """One step; tensors by number."""

    kind: str
    inputs: list[int]
    output: int
    options: Any
    """The schema's options object; None for kinds that need none here."""


@dataclass(frozen=True)
class TfliteGraph:
    """The file's only subgraph, NHWC."""

    shapes: list[list[int]]
    constants: dict[int, np.ndarray]
    operators: list[Operator]
    """Without the DEQUANTIZE and DENSIFY of constants."""
    inputs: list[int]
    outputs: list[int]


def read(content: bytes) -> TfliteGraph:
    """Parse a .tflite file."""
    model = tflite.Model.GetRootAsModel(content, 0)
    subgraph = model.Subgraphs(0)
    tensors = [subgraph.Tensors(i) for i in range(subgraph.TensorsLength())]
    constants = {}
    for number, tensor in enumerate(tensors):
        buffer = model.Buffers(tensor.Buffer())
        if buffer.DataLength():
            constants[number] = _constant(tensor, buffer.DataAsNumpy().tobytes())
    operators = []
    for i in range(subgraph.OperatorsLength()):
        operator = _operator(model, subgraph.Operators(i))
        if operator.kind in ("DEQUANTIZE", "DENSIFY") and operator.inputs[0] in constants:
            constants[operator.output] = constants[operator.inputs[0]].astype(np.float32)
        else:
            operators.append(operator)
    return TfliteGraph(
        shapes=[_integers(tensor.ShapeAsNumpy()) for tensor in tensors],
        constants=constants,
        operators=operators,
        inputs=_integers(subgraph.InputsAsNumpy()),
        outputs=_integers(subgraph.OutputsAsNumpy()),
    )


def _integers(array: Any) -> list[int]:
    """An index array; the schema classes give the number 0 for one that is missing."""
    return [] if isinstance(array, int) else [int(x) for x in array]


def _operator(model: tflite.Model, operator: tflite.Operator) -> Operator:
    code = model.OperatorCodes(operator.OpcodeIndex())
    # Codes below 127 are in the older of the two fields, the rest in the newer one.
    kind = _OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    options = None
    if kind in OPTIONS:
        options = OPTIONS[kind]()
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
    (output,) = _integers(operator.OutputsAsNumpy())
    return Operator(kind, _integers(operator.InputsAsNumpy()), output, options)


def _constant(tensor: tflite.Tensor, raw: bytes) -> np.ndarray:
    values = np.frombuffer(raw, DTYPES[tensor.Type()])
    shape = _integers(tensor.ShapeAsNumpy())
    sparsity = tensor.Sparsity()
    return values.reshape(shape) if sparsity is None else _dense(sparsity, shape, values)


def _dense(sparsity: Any, shape: list[int], values: np.ndarray) -> np.ndarray:
    """Expand a sparse tensor.

    It is a tree with one level per dimension, in traversal order; dimensions cut into blocks have
    a second level for the place inside the block. A dense level of size n gives every node the
    children 0..n-1; a sparse one lists the children there are. The leaves are the values.
    """
    order = _integers(sparsity.TraversalOrderAsNumpy())
    blocked = _integers(sparsity.BlockMapAsNumpy())
    levels = [sparsity.DimMetadata(i) for i in range(sparsity.DimMetadataLength())]
    block_sizes = np.ones(len(shape), np.int64)
    for k, dimension in enumerate(blocked):
        block_sizes[dimension] = levels[len(shape) + k].DenseSize()
    nodes = np.zeros(1, np.int64)
    places = np.zeros((len(shape), 1), np.int64)
    for dimension, level in zip(order, levels, strict=True):
        parents, nodes, index = _children(level, nodes)
        places = places[:, parents]
        if dimension < len(shape):
            places[dimension] += index * block_sizes[dimension]
        else:
            places[blocked[dimension - len(shape)]] += index
    out = np.zeros(shape, values.dtype)
    out[tuple(places)] = values[nodes]
    return out


def _children(level: Any, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One level down the tree: for every child its parent's row, its own node, and its index."""
    if level.Format() == tflite.DimensionType.DENSE:
        size = level.DenseSize()
        index = np.tile(np.arange(size), len(nodes))
        parents = np.repeat(np.arange(len(nodes)), size)
        return parents, nodes[parents] * size + index, index
    starts = _index_vector(level.ArraySegmentsType(), level.ArraySegments())
    counts = starts[nodes + 1] - starts[nodes]
    parents = np.repeat(np.arange(len(nodes)), counts)
    rank = np.arange(len(parents)) - np.repeat(np.cumsum(counts) - counts, counts)
    children = starts[nodes][parents] + rank
    indices = _index_vector(level.ArrayIndicesType(), level.ArrayIndices())
    return parents, children, indices[children]


def _index_vector(kind: int, table: Any) -> np.ndarray:
    vector = INDEX_VECTORS[kind]()
    vector.Init(table.Bytes, table.Pos)
    return vector.ValuesAsNumpy().astype(np.int64)
