"""Arrays to a device and back, through pinned memory where that lets the device go on meanwhile."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def to_device(array: npt.NDArray[Any], device: torch.device) -> Tensor:
    """A copy on the device, of the array as it is now.

    Args:
        array: of numbers; may be read-only, or a view.
        device: a GPU gets it while this program goes on.
    """
    host = torch.empty(array.shape, dtype=_dtype(array), pin_memory=device.type == "cuda")
    np.copyto(host.numpy(), array)
    return host.to(device, non_blocking=True)


def to_host(*tensors: Tensor) -> list[npt.NDArray[Any]]:
    """The tensors as arrays; a GPU is waited for once, not once for each."""
    copies = [_begun(tensor.detach()) for tensor in tensors]
    for device in {tensor.device for tensor in tensors if tensor.device.type == "cuda"}:
        torch.cuda.current_stream(device).synchronize()
    return [copy.numpy() for copy in copies]


def _begun(tensor: Tensor) -> Tensor:
    """A copy on the host that a GPU may still be writing."""
    if tensor.device.type != "cuda":
        return tensor.cpu()
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return host.copy_(tensor, non_blocking=True)


def _dtype(array: npt.NDArray[Any]) -> torch.dtype:
    return torch.from_numpy(np.empty(0, array.dtype.newbyteorder("="))).dtype
