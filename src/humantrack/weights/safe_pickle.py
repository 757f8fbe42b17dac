"""An unpickler that runs nothing: arrays, tensors and plain containers; all else becomes inert.

A pickle is a program that names callables and has them called. Here a name can only resolve to a
function of this module, a few harmless containers, torch's tensor rebuilders, or a class made on
the spot that merely remembers what it was given. Names from the standard library that no model
file has a use for (``os.system``, ``builtins.eval``) are refused rather than stubbed, so that an
attack is reported. The module has ``Unpickler`` and ``load``, which is what ``torch.load`` asks of
its ``pickle_module``.

``results.safe_pickle`` differs on purpose: there, foreign names are refused and torch is unknown.
"""

from __future__ import annotations

import collections
import pickle
import sys
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from humantrack.errors import WeightsError


class Inert(dict):  # type: ignore[type-arg]
    """Stands for an object of a foreign class; its contents are kept, its behaviour is not.

    Mapping items are the dict's own, list items are in ``items_list``, constructor arguments in
    ``args`` and the state in ``state``.
    """

    module = ""
    name = ""
    args: tuple[Any, ...]
    items_list: list[Any]
    state: Any = None

    def __new__(cls, *args: Any, **_: Any) -> Inert:
        """Pickle makes most instances without ``__init__``, so everything is set up here."""
        self = super().__new__(cls)
        self.args, self.items_list = args, []
        return self

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def append(self, item: Any) -> None:
        """Take a list item."""
        self.items_list.append(item)

    def extend(self, items: Any) -> None:
        """Take list items."""
        self.items_list.extend(items)

    def add(self, item: Any) -> None:
        """Take a set item."""
        self.items_list.append(item)

    @property
    def attributes(self) -> dict[str, Any]:
        """The instance's attributes, as far as its state says them."""
        state = self.state
        if isinstance(state, tuple) and len(state) == 2:
            merged = [part for part in state if isinstance(part, dict)]
            return {k: v for part in merged for k, v in part.items()}
        return dict(state) if isinstance(state, dict) else {}


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


_BUILTINS: dict[str, Any] = {
    **{kind.__name__: kind for kind in (set, frozenset, list, dict, tuple, slice, range)},
    **{kind.__name__: kind for kind in (int, float, bool, complex, str, bytes, bytearray)},
    "object": _Object,
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

_HARMLESS_STDLIB = {
    *("argparse", "array", "collections", "copyreg", "dataclasses", "datetime", "decimal"),
    *("enum", "fractions", "functools", "logging", "numbers", "pathlib", "random", "re"),
    *("types", "typing", "uuid", "weakref", "zoneinfo"),
}
"""Standard modules whose classes turn up in checkpoints; they become inert like foreign ones."""

_FUNCTIONS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("_codecs", "encode"): _encode,
    ("copyreg", "_reconstructor"): _reconstructor,
    ("copy_reg", "_reconstructor"): _reconstructor,
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
        elif root == "numpy":
            known = _NUMPY.get(name)
        elif root == "torch":
            known = _torch_global(module, name)
        else:
            known = _FUNCTIONS.get((module, name))
        if known is not None:
            return known
        stdlib = root in sys.stdlib_module_names or root == "__builtin__"
        if stdlib and root not in _HARMLESS_STDLIB:
            raise pickle.UnpicklingError(f"it asks to run {module}.{name}")
        # A class per name and per load, so that nothing a pickle does to it outlives the load.
        return type("Inert", (Inert,), {"module": module, "name": name})


def _torch_global(module: str, name: str) -> Any:
    """Tensors, storages, dtypes and sizes; None for any other name of torch."""
    import torch

    if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
        return getattr(torch._utils, name)
    if module == "torch._utils" and name in ("_rebuild_parameter", "_rebuild_parameter_with_state"):
        return _parameter
    if module == "torch":
        found = getattr(torch, name, None)
        is_storage = isinstance(found, type) and name.endswith("Storage")
        if is_storage or isinstance(found, torch.dtype) or name in ("Size", "device"):
            return found
    return None


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
)
"""What a damaged pickle can raise while it is read."""
