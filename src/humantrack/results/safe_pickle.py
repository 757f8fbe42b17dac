"""An unpickler that cannot run code: it knows data, and an allow-list of stand-ins.

It is a machine of its own rather than a subclass of ``pickle.Unpickler``, because it must check
the arguments of every call and every state, and because joblib puts arrays between opcodes.
Nothing is imported and nothing that a file names is ever called; see ``safe_numpy.ALLOWED``.
``weights.safe_pickle`` differs on purpose: it reads tensors and makes foreign classes inert.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from humantrack.errors import ResultsError, UnsafePickleError
from humantrack.results.safe_numpy import (
    ALLOWED,
    JOBLIB_WRAPPER,
    Allowed,
    DtypeCell,
    check_key,
    joblib_array,
    set_array_state,
)


def loads(data: bytes) -> Any:
    """The object a pickle of protocol 2 to 5, or an uncompressed joblib file, describes.

    Args:
        data: the pickle, from its first opcode.

    Raises:
        UnsafePickleError: if it names anything that is not on the allow-list, or holds an array
            of objects or records.
        ResultsError: if it is not a pickle, damaged, or cut short.
    """
    try:
        return _Machine(data).run()
    except struct.error as error:
        raise ResultsError("the pickle is cut short") from error
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ResultsError(f"not a results pickle, or damaged ({error})") from error


class _Machine:
    """The stack machine that a pickle is a program for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        """Stacks set aside by MARK."""
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        data, opcodes = self.data, _OPCODES
        end = len(data)
        while self.at < end:
            code = data[self.at]
            self.at += 1
            if code == _STOP:
                return self.stack.pop()
            opcode = opcodes.get(code)
            if opcode is None:
                raise _refusal(code)
            opcode(self)
        raise ResultsError("the pickle is cut short")

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        start = self.at
        self.at = start + size
        if self.at > len(self.data):
            raise ResultsError("the pickle is cut short")
        return self.data[start : self.at]

    def byte(self) -> int:
        """The next byte, which is what most opcodes ask for."""
        self.at += 1
        if self.at > len(self.data):
            raise ResultsError("the pickle is cut short")
        return self.data[self.at - 1]

    def number(self, layout: struct.Struct) -> Any:
        """The next number of this layout."""
        (value,) = layout.unpack_from(self.data, self.at)
        self.at += layout.size
        return value

    def line(self) -> str:
        """The text up to the next line end."""
        start = self.at
        self.at = self.data.index(b"\n", start) + 1
        return self.data[start : self.at - 1].decode()

    def since_mark(self) -> list[Any]:
        """What was pushed since the last MARK."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def push_global(self, module: str, name: str) -> None:
        """Push the stand-in for a name on the list."""
        allowed = ALLOWED.get((module, name))
        if allowed is None:
            raise UnsafePickleError(
                "refused to load results that name code",
                where=f"{module}.{name}"[:200],
                hint="only numbers, text, lists, dicts and numpy arrays are read",
            )
        self.stack.append(allowed)


_Opcode = Callable[[_Machine], None]
_OPCODES: dict[int, _Opcode] = {}
_STOP = ord(".")


def _opcode(code: bytes) -> Callable[[_Opcode], _Opcode]:
    """Register a function as what an opcode does."""

    def register(function: _Opcode) -> _Opcode:
        _OPCODES[code[0]] = function
        return function

    return register


def _refusal(code: int) -> ResultsError:
    """The error for an opcode that is not known here."""
    if chr(code) in _CODE_OPCODES:
        return UnsafePickleError(
            "refused to load results that run code", where=_CODE_OPCODES[chr(code)]
        )
    return ResultsError(f"not a results pickle (opcode {code:#04x})")


_CODE_OPCODES = {
    "i": "INST",
    "o": "OBJ",
    "P": "PERSID",
    "Q": "BINPERSID",
    "\x82": "EXT1",
    "\x83": "EXT2",
    "\x84": "EXT4",
    "\x92": "NEWOBJ_EX",
    "\x97": "NEXT_BUFFER",
    "\x98": "READONLY_BUFFER",
}
"""Opcodes that make objects or fetch them from elsewhere; no results file needs them."""


# --- values -----------------------------------------------------------------------------------


def _constant(value: Any) -> _Opcode:
    return lambda machine: machine.stack.append(value)


def _numeric(layout: str) -> _Opcode:
    compiled = struct.Struct(layout)
    return lambda machine: machine.stack.append(machine.number(compiled))


def _sized(layout: str, convert: Callable[[bytes], Any]) -> _Opcode:
    """A length of this layout, then that many bytes."""
    compiled = struct.Struct(layout)

    def push(machine: _Machine) -> None:
        machine.stack.append(convert(machine.take(machine.number(compiled))))

    return push


_text = partial(str, encoding="utf-8", errors="surrogatepass")
_integer = partial(int.from_bytes, byteorder="little", signed=True)

_OPCODES.update(
    {
        ord("N"): _constant(None),
        0x88: _constant(True),
        0x89: _constant(False),
        ord(")"): _constant(()),
        ord("]"): lambda machine: machine.stack.append([]),
        ord("}"): lambda machine: machine.stack.append({}),
        0x8F: lambda machine: machine.stack.append(set()),
        ord("K"): lambda machine: machine.stack.append(machine.byte()),
        ord("M"): _numeric("<H"),
        ord("J"): _numeric("<i"),
        ord("G"): _numeric(">d"),
        0x8A: _sized("<B", _integer),
        0x8B: _sized("<I", _integer),
        0x8C: _sized("<B", _text),
        ord("X"): _sized("<I", _text),
        0x8D: _sized("<Q", _text),
        ord("C"): _sized("<B", bytes),
        ord("B"): _sized("<I", bytes),
        0x8E: _sized("<Q", bytes),
        0x96: _sized("<Q", bytearray),
    }
)


# --- containers -------------------------------------------------------------------------------


@_opcode(b"(")
def _mark(machine: _Machine) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


def _tuple_of(size: int) -> _Opcode:
    def push(machine: _Machine) -> None:
        items = tuple(machine.stack[-size:])
        if len(items) != size:
            raise IndexError("the stack is too short")
        machine.stack[-size:] = [items]

    return push


_OPCODES.update({0x85: _tuple_of(1), 0x86: _tuple_of(2), 0x87: _tuple_of(3)})


@_opcode(b"t")
def _tuple(machine: _Machine) -> None:
    items = tuple(machine.since_mark())
    machine.stack.append(items)


@_opcode(b"\x91")
def _frozenset(machine: _Machine) -> None:
    items = machine.since_mark()
    machine.stack.append(frozenset(map(check_key, items)))


def _extend(target: Any, items: list[Any]) -> None:
    if type(target) is not list:
        raise TypeError("a list was expected")
    target.extend(items)


def _update(target: Any, items: list[Any]) -> None:
    if not isinstance(target, dict):
        raise TypeError("a dict was expected")
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[key if type(key) is str else check_key(key)] = value


@_opcode(b"a")
def _append(machine: _Machine) -> None:
    item = machine.stack.pop()
    _extend(machine.stack[-1], [item])


@_opcode(b"e")
def _appends(machine: _Machine) -> None:
    items = machine.since_mark()
    _extend(machine.stack[-1], items)


@_opcode(b"s")
def _set_item(machine: _Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _update(machine.stack[-1], [key, value])


@_opcode(b"u")
def _set_items(machine: _Machine) -> None:
    items = machine.since_mark()
    _update(machine.stack[-1], items)


@_opcode(b"\x90")
def _add_items(machine: _Machine) -> None:
    items = machine.since_mark()
    if type(machine.stack[-1]) is not set:
        raise TypeError("a set was expected")
    machine.stack[-1].update(map(check_key, items))


# --- stack and memo ---------------------------------------------------------------------------


@_opcode(b"0")
def _pop(machine: _Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.since_mark()


@_opcode(b"1")
def _pop_mark(machine: _Machine) -> None:
    machine.since_mark()


@_opcode(b"\x80")
def _protocol(machine: _Machine) -> None:
    protocol = machine.take(1)[0]
    if not 2 <= protocol <= 5:
        raise ResultsError(f"pickle protocol {protocol} is not known")


@_opcode(b"\x95")
def _frame(machine: _Machine) -> None:
    machine.take(8)  # only a hint for readers of slow files


def _put(place: Callable[[_Machine], int]) -> _Opcode:
    def put(machine: _Machine) -> None:
        machine.memo[place(machine)] = machine.stack[-1]

    return put


def _get(place: Callable[[_Machine], int]) -> _Opcode:
    return lambda machine: machine.stack.append(machine.memo[place(machine)])


def _long_place(machine: _Machine) -> int:
    return int.from_bytes(machine.take(4), "little")


_OPCODES.update({ord("q"): _put(_Machine.byte), ord("h"): _get(_Machine.byte)})
_OPCODES.update({ord("r"): _put(_long_place), ord("j"): _get(_long_place)})


@_opcode(b"\x94")
def _memoize(machine: _Machine) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


# --- names and calls --------------------------------------------------------------------------


@_opcode(b"c")
def _global(machine: _Machine) -> None:
    module = machine.line()
    machine.push_global(module, machine.line())


@_opcode(b"\x93")
def _stack_global(machine: _Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if type(name) is not str or type(module) is not str:
        raise TypeError("a name was expected")
    machine.push_global(module, name)


@_opcode(b"R")
def _reduce(machine: _Machine) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    if not isinstance(function, Allowed) or function.call is None:
        raise UnsafePickleError("refused to load results that call", where=_name_of(function))
    if type(arguments) is not tuple:
        raise TypeError("arguments must be a tuple")
    machine.stack.append(function.call(*arguments))


@_opcode(b"\x81")
def _new_object(machine: _Machine) -> None:
    arguments, kind = machine.stack.pop(), machine.stack.pop()
    if kind is not JOBLIB_WRAPPER or arguments != ():
        raise UnsafePickleError("refused to load results that make a", where=_name_of(kind))
    machine.stack.append(kind)  # stands for itself until its state comes


@_opcode(b"b")
def _build(machine: _Machine) -> None:
    state = machine.stack.pop()
    target = machine.stack[-1]
    if type(target) is np.ndarray:
        set_array_state(target, state)
    elif isinstance(target, DtypeCell):
        target.set_state(state)
    elif target is JOBLIB_WRAPPER:
        machine.stack[-1] = _array_that_follows(machine, state)
    else:
        raise UnsafePickleError(
            "refused to load results that set the state of", where=_name_of(target)
        )


def _array_that_follows(machine: _Machine, state: dict[str, Any]) -> Any:
    """Read the bytes that joblib put behind its wrapper."""
    wrapper = joblib_array(state)
    if wrapper.aligned:
        machine.take(machine.take(1)[0])
    return wrapper.array(machine.take(wrapper.size_bytes()))


def _name_of(value: object) -> str:
    return value.name if isinstance(value, Allowed) else type(value).__name__
