"""Shape checks shared by the types."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]
BoolArray = npt.NDArray[np.bool_]
ByteArray = npt.NDArray[np.uint8]


def check_shape(
    owner: str, name: str, array: npt.NDArray[Any], shape: tuple[int | None, ...]
) -> None:
    """Raise ValueError unless ``array`` has this shape; None stands for any length."""
    got = array.shape if isinstance(array, np.ndarray) else np.shape(array)
    if got == shape:
        return
    if len(got) != len(shape) or any(
        want is not None and want != have for want, have in zip(shape, got, strict=True)
    ):
        wanted = ", ".join("?" if s is None else str(s) for s in shape)
        raise ValueError(f"{owner}.{name} must have shape ({wanted}), not {tuple(got)}")
