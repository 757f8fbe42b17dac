"""What stands for foreign classes, and for the harmless functions that pickles of them name.

Nothing here does what its original does: an object of a foreign class only remembers what it was
given, and so do ``Tuple[int]`` and the like, which typed configurations are pickled with.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any


class Inert(dict):  # type: ignore[type-arg]
    """Stands for an object of a foreign class; its contents are kept, its behaviour is not.

    Mapping items are the dict's own, list items are in ``items_list``, constructor arguments in
    ``args`` and the state in ``state``.
    """

    module = ""
    name = ""
    dump_patches = (
        False  # torch asks modules of old files for it, and would write a file if it were
    )
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


class Function:
    """A function of this module as a pickle gets it: to be called, never to be changed."""

    __slots__ = ("run",)

    def __init__(self, run: Callable[..., Any]) -> None:
        self.run = run

    def __call__(self, *args: Any) -> Any:
        """Run the function."""
        return self.run(*args)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it changes a function")


BUILTIN_TYPES: tuple[Any, ...] = (
    *(set, frozenset, list, dict, tuple, slice, range),
    *(int, float, bool, complex, str, bytes, bytearray),
)


def make_inert(module: str, name: str) -> type[Inert]:
    """A class per name and per load, so that nothing a pickle does to it outlives the load."""
    return type("Inert", (Inert,), {"module": module, "name": name, "__module__": "<pickle>"})


def is_inert(value: Any) -> bool:
    """Whether a value is an object or a class of this module's making."""
    return isinstance(value, Inert) or (isinstance(value, type) and issubclass(value, Inert))


def is_annotation(value: Any) -> bool:
    """Whether a value is what types are told with: such an object, or a type of python's own."""
    return is_inert(value) or any(value is kind for kind in BUILTIN_TYPES)


def subscripted(*args: Any) -> Inert:
    """``operator.getitem`` makes ``Tuple[int]`` in a typed configuration; nothing is looked up."""
    if len(args) != 2 or not is_annotation(args[0]):
        raise pickle.UnpicklingError("it asks to run operator.getitem")
    return make_inert("operator", "getitem")(*args)


def joined(*args: Any) -> Inert:
    """``operator.or_`` makes ``int | str``; python calls it through ``functools.reduce``."""
    if len(args) != 2 or not all(map(is_annotation, args)):
        raise pickle.UnpicklingError("it asks to run operator.or_")
    return make_inert("operator", "or_")(*args)


def attribute(*args: Any) -> Any:
    """``getattr`` names a class in a class, a member of an enum or a foreign object's method."""
    if len(args) != 2 or not is_inert(args[0]) or not isinstance(args[1], str):
        raise pickle.UnpicklingError("it asks to run builtins.getattr")
    return make_inert(args[0].module, f"{args[0].name}.{args[1]}")


def type_of(*args: Any) -> type[Inert]:
    """``type(None)`` is how python pickles the type of None, which ``Optional[int]`` holds."""
    if len(args) != 1 or not any(args[0] is one for one in (None, Ellipsis, NotImplemented)):
        raise pickle.UnpicklingError("it asks to run builtins.type")
    return make_inert("builtins", f"type({args[0]})")
