"""A reader for the pickles of the CIFAR files that executes nothing.

A pickle is a program: loading one may call any function of any module. This reader knows the few opcodes
that Python 2 wrote for a dictionary of byte strings, whole numbers, lists of them and arrays of bytes, and
builds these values itself; three names of NumPy are recognised and never looked up. Every other opcode and
name is refused.
"""

import dataclasses
import math
import os
import pickletools

import numpy as np

_MARK = object()
_RECONSTRUCT, _NDARRAY, _DTYPE = object(), object(), object()
_GLOBALS = {
    "numpy.core.multiarray _reconstruct": _RECONSTRUCT,
    "numpy ndarray": _NDARRAY,
    "numpy dtype": _DTYPE,
}
_BYTE_DTYPE = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(data: bytes, *, source: str | os.PathLike) -> dict:
    """Reads a dictionary from a pickle of protocol 2, as Python 2 wrote it.

    Args:
      data: the pickle.
      source: what the errors call it.

    Returns:
      dict from bytes to bytes, int, list, or uint8 array (read-only).

    Raises:
      ValueError: if the pickle is truncated or holds anything else.
    """
    reader = _Reader()
    try:
        result = reader.read(data)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise ValueError(
            f"{source} is not a pickle of plain numbers, strings and byte arrays: {error}"
        ) from error
    if type(result) is not dict or not all(type(key) is bytes for key in result):
        raise ValueError(f"{source} holds no dictionary with byte strings as keys.")
    return {key: _unwrapped(value) for key, value in result.items()}


@dataclasses.dataclass
class _Array:
    value: np.ndarray | None = None


class _Reader:
    def __init__(self):
        self.stack = []
        self.memo = {}

    def read(self, data):
        for opcode, argument, position in pickletools.genops(data):
            if opcode.name == "STOP":
                if position + 1 != len(data) or len(self.stack) != 1:
                    raise ValueError(f"the end mark at byte {position} is not at the end.")
                return self.stack[0]
            try:
                self._step(opcode.name, argument)
            except _Unknown:
                shown = f" {argument!r}" if opcode.name == "GLOBAL" else ""
                raise ValueError(f"{opcode.name}{shown} at byte {position} is refused.") from None

    def _step(self, name, argument):
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in ("BININT", "BININT1", "BININT2"):
            self.stack.append(argument)
        elif name in ("BINSTRING", "SHORT_BINSTRING"):
            self.stack.append(argument.encode("latin-1"))
        elif name in _TUPLES:
            self._tuple(len(self.stack) - _TUPLES[name])
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif handler := _HANDLERS.get(name):
            handler(self, argument)
        else:
            raise _Unknown

    def _tuple(self, start):
        if start < 0:
            raise ValueError("a tuple has too few items.")
        self.stack[start:] = [tuple(self.stack[start:])]

    def _since_mark(self):
        start = max(i for i, item in enumerate(self.stack) if item is _MARK)
        items = self.stack[start + 1 :]
        del self.stack[start:]
        return items

    def _last(self, kind):
        if type(self.stack[-1]) is not kind:
            raise ValueError(f"items are added to something other than a {kind.__name__}.")
        return self.stack[-1]

    def proto(self, version):
        if version != 2:
            raise ValueError(f"protocol {version} in place of 2.")

    def mark(self, _):
        self.stack.append(_MARK)

    def empty_dict(self, _):
        self.stack.append({})

    def empty_list(self, _):
        self.stack.append([])

    def tuple_since_mark(self, _):
        self.stack.append(tuple(self._since_mark()))

    def append(self, _):
        item = self.stack.pop()
        self._last(list).append(item)

    def appends(self, _):
        items = self._since_mark()
        self._last(list).extend(items)

    def setitem(self, _):
        value, key = self.stack.pop(), self.stack.pop()
        self._last(dict)[key] = value

    def setitems(self, _):
        items = self._since_mark()
        self._last(dict).update(zip(items[::2], items[1::2], strict=True))

    def name(self, argument):
        if argument not in _GLOBALS:
            raise _Unknown
        self.stack.append(_GLOBALS[argument])

    def reduce(self, _):
        arguments, function = self.stack.pop(), self.stack.pop()
        if function is _RECONSTRUCT and arguments == (_NDARRAY, (0,), b"b"):
            self.stack.append(_Array())
        elif function is _DTYPE and arguments == (b"u1", 0, 1):
            self.stack.append(_BYTE_DTYPE)
        else:
            raise _Unknown

    def build(self, _):
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is _Array and target.value is None:
            target.value = _array(state)
        elif target is not _BYTE_DTYPE or not _is_plain(state):
            raise _Unknown


_HANDLERS = {
    "PROTO": _Reader.proto,
    "MARK": _Reader.mark,
    "EMPTY_DICT": _Reader.empty_dict,
    "EMPTY_LIST": _Reader.empty_list,
    "TUPLE": _Reader.tuple_since_mark,
    "APPEND": _Reader.append,
    "APPENDS": _Reader.appends,
    "SETITEM": _Reader.setitem,
    "SETITEMS": _Reader.setitems,
    "GLOBAL": _Reader.name,
    "REDUCE": _Reader.reduce,
    "BUILD": _Reader.build,
}


class _Unknown(Exception):
    pass


def _array(state):
    # (version, shape, dtype, whether in Fortran order, bytes)
    version, shape, dtype, fortran, data = state
    lengths = type(shape) is tuple and all(type(n) is int and n >= 0 for n in shape)
    if version != 1 or dtype is not _BYTE_DTYPE or type(data) is not bytes or not lengths:
        raise _Unknown
    if math.prod(shape) != len(data):
        raise ValueError(f"an array of shape {shape} has {len(data)} bytes.")
    return np.frombuffer(data, np.uint8).reshape(shape, order="F" if fortran else "C")


def _is_plain(state):
    # The byte order and the alignment of single bytes: nothing that matters.
    return type(state) is tuple and all(type(x) in (int, bytes, type(None)) for x in state)


def _unwrapped(value):
    return value.value if type(value) is _Array else value
