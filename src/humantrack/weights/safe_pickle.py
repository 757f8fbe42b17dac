"""An unpickler that runs nothing: arrays, tensors and plain containers; all else becomes inert.

A pickle is a program that names callables and has them called. Here a name can only resolve to a
function of this module, a few harmless containers, torch's tensor rebuilders, or a class made on
the spot that merely remembers what it was given. Names from the standard library that no model
file has a use for (``os.system``, ``builtins.eval``) are refused rather than stubbed, so that an
attack is reported. Typed configurations and modules that were pickled whole ask for harmless
functions such as ``operator.getitem`` (for ``Tuple[int]``) or ``getattr`` (for a class in a class):
those are answered with inert objects too, for inert arguments alone. The module has ``Unpickler``
and ``load``, which is what ``torch.load`` asks of its ``pickle_module``.

``results.safe_pickle`` differs on purpose: there, foreign names are refused and torch is unknown.
"""

from __future__ import annotations

import builtins
import collections
import io
import pickle
import sys
import types
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from humantrack.errors import WeightsError
from humantrack.weights.inert import (
    BUILTIN_TYPES,
    Function,
    Inert,
    attribute,
    joined,
    make_inert,
    subscripted,
    type_of,
)

__all__ = ["PICKLE_ERRORS", "Inert", "Unpickler", "load", "load_file"]


class _Dtype:
    """Holds a pickled dtype as text; numpy would believe any flags that a pickle gives it."""

    def __init__(self, spec: str, *_: Any) -> None:
        self.spec, self.order = str(spec), "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = str(state[1])

    def checked(self) -> np.dtype[Any]:
        dtype = np.dtype(self.spec)
        if dtype.kind not in "biufcSUO":
            raise pickle.UnpicklingError(f"an array of dtype {self.spec!r}")
        return dtype.newbyteorder(">") if self.order == ">" else dtype


class _Array(np.ndarray[Any, Any]):
    """An array whose pickled state is checked before numpy sees it."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        *_, shape, dtype, fortran, raw = state
        checked = dtype.checked()
        if (checked.kind == "O") != isinstance(raw, list):
            raise pickle.UnpicklingError("an array whose content does not fit its dtype")
        if isinstance(raw, list) and len(raw) != int(np.prod(shape)):
            raise pickle.UnpicklingError("an array whose content does not fit its shape")
        if isinstance(raw, str):  # python 2 bytes, read as latin1
            raw = raw.encode("latin1")
        super().__setstate__((1, shape, checked, bool(fortran), raw))  # type: ignore[arg-type]


def _reconstruct(*_: Any) -> _Array:
    return np.ndarray.__new__(_Array, (0,), "b")


def _scalar(dtype: _Dtype, raw: bytes | str) -> Any:
    data = raw.encode("latin1") if isinstance(raw, str) else raw
    checked = dtype.checked()
    if checked.kind == "O":
        raise pickle.UnpicklingError("a scalar of dtype object")
    return np.frombuffer(data, checked)[0]


def _from_buffer(buffer: Any, dtype: _Dtype, shape: Any, order: str, *_: Any) -> Any:
    return np.frombuffer(buffer, dtype.checked()).reshape(shape, order="F" if order == "F" else "C")


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding.lower().replace("-", "") not in ("latin1", "utf8", "ascii"):
        raise pickle.UnpicklingError(f"text in the encoding {encoding!r}")
    return text.encode(encoding)


def _reconstructor(cls: Any, _base: Any, _state: Any) -> Any:
    """Protocol 0 and 1 make instances through this."""
    if not (isinstance(cls, type) and issubclass(cls, Inert)):
        raise pickle.UnpicklingError("an object of a class that may not be built this way")
    return cls()


def _parameter(data: Any, *_: Any) -> Any:
    return data


class _Object:
    """``object`` as the base that ``_reconstructor`` is told."""

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("an object without a class")


_BUILTINS: dict[str, Any] = {
    **{kind.__name__: kind for kind in BUILTIN_TYPES},
    "object": _Object,
    "Ellipsis": Ellipsis,
    "NotImplemented": NotImplemented,
    "getattr": attribute,
    "type": type_of,
    "unicode": str,
    "long": int,
}

_NUMPY: dict[str, Callable[..., Any]] = {
    "_reconstruct": _reconstruct,
    "scalar": _scalar,
    "_frombuffer": _from_buffer,
    "ndarray": _Array,
    "dtype": _Dtype,
}

_HARMLESS_BUILTINS = {
    *("abs", "all", "any", "divmod", "enumerate", "filter", "len", "map", "max", "min", "pow"),
    *("print", "reduce", "reversed", "round", "sorted", "sum", "zip"),
}
"""Functions that modules keep, and ``reduce``, as protocol 2 calls it; inert like foreign ones."""

_HARMLESS_OPERATORS = {
    *("add", "and_", "eq", "floordiv", "ge", "gt", "itemgetter", "le", "lt", "matmul", "mod"),
    *("mul", "ne", "neg", "not_", "pow", "sub", "truediv", "xor"),
}

_HARMLESS_STDLIB = {
    *(
        "abc",
        "argparse",
        "array",
        "copy",
        "math",
        "collections",
        "copyreg",
        "dataclasses",
        "datetime",
        "decimal",
    ),
    *("enum", "fractions", "functools", "inspect", "ipaddress", "itertools", "logging"),
    *(
        "numbers",
        "pathlib",
        "random",
        "re",
        "string",
        "types",
        "typing",
        "uuid",
        "weakref",
        "zoneinfo",
    ),
}
"""Standard modules whose classes turn up in checkpoints; they become inert like foreign ones."""

_FUNCTIONS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("_codecs", "encode"): _encode,
    ("copyreg", "_reconstructor"): _reconstructor,
    ("copy_reg", "_reconstructor"): _reconstructor,
    **{(module, "getitem"): subscripted for module in ("operator", "_operator")},
    **{(module, "or_"): joined for module in ("operator", "_operator")},
}


class Unpickler(pickle.Unpickler):
    """``pickle.Unpickler`` whose names resolve to harmless things only."""

    def find_class(self, module: str, name: str) -> Any:
        """What a pickled global stands for here.

        Raises:
            pickle.UnpicklingError: for code of the standard library.
        """
        root = module.partition(".")[0]
        known: Any = None
        if root in ("builtins", "__builtin__"):
            known = _BUILTINS.get(name)
            if known is None and (name in _HARMLESS_BUILTINS or _is_exception(name)):
                known = make_inert(module, name)
        elif root == "numpy":
            known = _NUMPY.get(name)
        elif root == "torch":
            known = _torch_global(module, name)
        else:
            known = _FUNCTIONS.get((module, name))
        if known is not None:
            is_function = isinstance(known, types.FunctionType | types.BuiltinFunctionType)
            return Function(known) if is_function else known
        if root in ("operator", "_operator") and name in _HARMLESS_OPERATORS:
            return make_inert(module, name)
        stdlib = root in sys.stdlib_module_names or root == "__builtin__"
        if stdlib and root not in _HARMLESS_STDLIB:
            raise pickle.UnpicklingError(f"it asks to run {module}.{name}")
        return make_inert(module, name)


def _is_exception(name: str) -> bool:
    found = getattr(builtins, name, None)
    return isinstance(found, type) and issubclass(found, BaseException)


def _torch_global(module: str, name: str) -> Any:
    """Tensors, storages, dtypes and sizes; None for any other name of torch."""
    import torch

    if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
        return getattr(torch._utils, name)
    if module == "torch._utils" and name in ("_rebuild_parameter", "_rebuild_parameter_with_state"):
        return _parameter
    if module in ("torch._tensor", "torch.tensor") and name == "_rebuild_from_type_v2":
        return _tensor_withattributes
    if module == "torch.storage" and name == "_load_from_bytes":
        return _storage_from_bytes
    if module == "torch":
        found = getattr(torch, name, None)
        is_storage = isinstance(found, type) and name.endswith("Storage")
        if is_storage or isinstance(found, torch.dtype) or name in ("Size", "device"):
            return found
    return None


def _tensor_withattributes(build: Any, _kind: Any, args: Any, _state: Any) -> Any:
    """A tensor that somebody hung attributes on; they are dropped."""
    import torch

    known = (torch._utils._rebuild_tensor, torch._utils._rebuild_tensor_v2, _parameter)
    if getattr(build, "run", None) not in known or not isinstance(args, tuple):
        raise pickle.UnpicklingError("a tensor that is built in a way that is not known")
    return build(*args)


def _storage_from_bytes(data: bytes) -> Any:
    """What tensors are in when they were pickled without ``torch.save``: a file in the file.

    It is always one of the old form; a zip file could be a TorchScript program.
    """
    import torch

    if not isinstance(data, bytes) or data[:1] != b"\x80":
        raise pickle.UnpicklingError("the numbers of a tensor that are no torch file")
    own: Any = sys.modules[__name__]
    try:
        return torch.load(
            io.BytesIO(data), map_location="cpu", weights_only=False, pickle_module=own
        )
    except (RuntimeError, AssertionError) as error:
        raise pickle.UnpicklingError(f"the numbers of a tensor: {error}") from error


def load(file: IO[bytes], **options: Any) -> Any:
    """``pickle.load`` with :class:`Unpickler`.

    Raises:
        pickle.UnpicklingError: as ``pickle`` does, or when it asks for code.
    """
    return Unpickler(file, **options).load()


def load_file(path: Any) -> Any:
    """Read a pickle file of either Python's making; python 2 text is read as latin1.

    Raises:
        WeightsError: if it is not a pickle, is cut short, or asks to run code.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return load(file, encoding="latin1")
    except OSError as error:
        raise WeightsError(f"the file cannot be read ({error.strerror})", where=path) from error
    except PICKLE_ERRORS as error:
        raise WeightsError(f"not a model file that can be trusted: {error}", where=path) from error


PICKLE_ERRORS = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    ImportError,
    IndexError,
    KeyError,
    MemoryError,
    TypeError,
    UnicodeError,
    ValueError,
    OverflowError,
    RecursionError,
)
"""What a damaged pickle can raise while it is read."""
