"""A reader for the pickles of the CIFAR files that calls no function but its own.

A pickle is a program: loading one may call any function of any module. Here two locks are before it. Its
opcodes, looked over before it runs, have to be the few that Python 2 wrote for a dictionary of byte strings,
whole numbers, lists of them and arrays of bytes. And the three names of NumPy among them stand for classes
of this module, which make arrays of bytes and nothing else: NumPy's own, given a forged state, would not.
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
      dict from bytes to bytes, int, list, or uint8 array (read-only).

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
    return {key: value.value if type(value) is _Array else value for key, value in result.items()}


def _check(data):
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
        self.value = None

    def __setstate__(self, state):
        version, shape, dtype, fortran, data = state
        lengths = type(shape) is tuple and all(type(n) is int and n >= 0 for n in shape)
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
