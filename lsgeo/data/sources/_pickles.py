"""A reader for the pickles of the CIFAR files that calls no function but its own.

A pickle is a program: loading one may call any function of any module. Here two locks are before it. Its
opcodes, looked over before it runs, have to be the few that Python 2 wrote for a dictionary of byte strings,
whole numbers, lists of them and arrays of bytes, with strings as keys: to hash a tuple of many tuples takes
the stack or the time of the process. And the three names of NumPy among them stand for classes of this
module, which make arrays of bytes and nothing else: NumPy's own, given a forged state, would not.
"""

import io
import math
import os
import pickle
import pickletools

import numpy as np

_OPCODES = frozenset(
    "PROTO STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 BINSTRING SHORT_BINSTRING EMPTY_TUPLE "
    "TUPLE1 TUPLE2 TUPLE3 TUPLE EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM SETITEMS BINPUT LONG_BINPUT "
    "BINGET LONG_BINGET GLOBAL REDUCE BUILD".split()
)
_NDARRAY = object()


def read_pickle(data: bytes, *, source: str | os.PathLike) -> dict:
    """Reads a dictionary from a pickle of protocol 2, as Python 2 wrote it.

    Args:
      data: the pickle.
      source: what the errors call it.

    Returns:
      dict from bytes to bytes, int, list of either, or uint8 array of at most four axes (read-only).

    Raises:
      ValueError: if the pickle is truncated or holds anything else.
    """
    try:
        _check(data)
        result = _Unpickler(io.BytesIO(data), fix_imports=False, encoding="bytes").load()
    except Exception as error:  # The unpickler raises what its steps raise: no common class.
        raise ValueError(
            f"{source} is not a pickle of plain numbers, strings and byte arrays: {error}"
        ) from error
    if type(result) is not dict or not all(type(key) is bytes for key in result):
        raise ValueError(f"{source} holds no dictionary with byte strings as keys.")
    content = {k: value.value if type(value) is _Array else value for k, value in result.items()}
    for key, value in content.items():
        parts = value if type(value) is list else [value]
        if type(value) is not np.ndarray and not all(type(part) in (bytes, int) for part in parts):
            raise ValueError(
                f"{source} holds at {key!r} something other than byte strings, whole numbers, lists of them "
                "and arrays of bytes."
            )
    return content


def _check(data):
    stack, memo = [], {}
    for opcode, argument, position in pickletools.genops(data):
        name = opcode.name
        if name not in _OPCODES:
            raise ValueError(f"{name} at byte {position} is refused.")
        # The unpickler makes room for all numbers up to that of a memo.
        if (name == "GLOBAL" and argument not in _NAMES) or (
            name == "LONG_BINPUT" and argument > len(data)
        ):
            raise ValueError(f"{name} {argument!r} at byte {position} is refused.")
        if name == "PROTO" and argument != 2:
            raise ValueError(f"protocol {argument} in place of 2.")
        if name == "STOP" and position + 1 != len(data):
            raise ValueError(f"the end mark at byte {position} is not at the end.")
        if set(_keys(name, stack)) - {pickletools.pybytes_or_str}:
            raise ValueError(f"a key that is no string, before byte {position}, is refused.")
        _follow(opcode, argument, stack, memo)


def _follow(opcode, argument, stack, memo):
    """Does to the kinds of the objects on the stack what the opcode does to the objects."""
    if opcode.name.endswith("BINPUT"):
        memo[argument] = stack[-1]
        return
    taken = opcode.stack_before
    if pickletools.stackslice in taken:
        del stack[_mark(stack) :]
        taken = taken[: taken.index(pickletools.markobject)]
    del stack[len(stack) - len(taken) :]
    stack += [memo[argument]] if opcode.name.endswith("BINGET") else opcode.stack_after


def _keys(name, stack):
    if name == "SETITEM":
        return stack[-2:-1]
    return stack[_mark(stack) + 1 :: 2] if name == "SETITEMS" else []


def _mark(stack):
    place = len(stack) - 1
    while stack[place] is not pickletools.markobject:
        place -= 1
    return place


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        return _NAMES[f"{module} {name}"]


class _Bytes:
    # The dtype uint8.
    __slots__ = ()

    def __init__(self, *arguments):
        if arguments != (b"u1", 0, 1):
            raise ValueError("a dtype other than that of bytes is refused.")

    def __setstate__(self, state):
        pass  # The byte order and the alignment of single bytes: nothing that matters.


class _Array:
    __slots__ = ("value",)

    def __init__(self, *arguments):
        if arguments != (_NDARRAY, (0,), b"b"):
            raise ValueError("a class of arrays other than ndarray is refused.")
        self.value = None  # until its bytes come

    def __setstate__(self, state):
        version, shape, dtype, fortran, data = state
        lengths = type(shape) is tuple and len(shape) <= 4
        lengths = lengths and all(type(n) is int and n >= 0 for n in shape)
        if version != 1 or type(dtype) is not _Bytes or type(data) is not bytes or not lengths:
            raise ValueError("an array of something other than bytes is refused.")
        if math.prod(shape) != len(data):
            raise ValueError(f"an array of shape {shape} has {len(data)} bytes.")
        self.value = np.frombuffer(data, np.uint8).reshape(shape, order="F" if fortran else "C")


_NAMES = {
    "numpy.core.multiarray _reconstruct": _Array,
    "numpy ndarray": _NDARRAY,
    "numpy dtype": _Bytes,
}
