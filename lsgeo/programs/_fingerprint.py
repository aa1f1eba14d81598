"""What a traced program computes, as a short text: equal where two programs are the same.

Printing a program would be slower and would not do: it shows a custom derivative rule, or an array that an
inner function closes over, by name alone.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np
from jax.extend import core

# A rule may call its own function again. Second derivatives meet the rules of rules, and no more.
_DEPTH = 2
_PLAIN = (str, int, float, complex, bool, bytes, type(None))
_RULES = {"custom_jvp_call", "custom_vjp_call"}
_MOST_TOKENS = 10_000


def fingerprint(program: core.ClosedJaxpr, *, objects: bool = True) -> str:
    """Describes a program by its steps and its constants' shapes; their values are not part of it.

    Constants of inner programs are, by value: they stay where they are when this one is called with others.

    Args:
      program: what was traced.
      objects: whether Python objects that a step holds, such as a callback, count, by identity.
    """
    writer = _Writer(objects)
    writer.program(program.jaxpr)
    return writer.digest()


def digest(arrays: Iterable[Any]) -> str:
    """Describes arrays by their values."""
    writer = _Writer()
    for array in arrays:
        writer.write(array)
    return writer.digest()


class _Writer:
    """Writes programs and their parameters into a hash."""

    def __init__(self, objects=True, depth=0):
        self._hash = hashlib.blake2b(digest_size=20)
        self._objects, self._depth = objects, depth

    def digest(self):
        return self._hash.hexdigest()

    def program(self, jaxpr):
        numbers: dict[Any, int] = {}
        self._binders(numbers, jaxpr.constvars)
        self._binders(numbers, jaxpr.invars)
        for equation in jaxpr.eqns:
            self._text(f"{equation.primitive.name}(")
            for operand in equation.invars:
                self._operand(numbers, operand)
            self._parameters(jaxpr, equation)
            self._binders(numbers, equation.outvars)
        self._text("return")
        for operand in jaxpr.outvars:
            self._operand(numbers, operand)

    def write(self, value):
        if isinstance(value, _PLAIN):
            self._text(f"{type(value).__name__}{value!r}")
        elif isinstance(value, tuple | list):
            self._text(f"{type(value).__name__}[")
            for part in value:
                self.write(part)
            self._text("]")
        elif isinstance(value, dict):
            self.write(list(value.items()))
        elif isinstance(value, core.ClosedJaxpr):
            self.write(list(value.consts))
            self.program(value.jaxpr)
        elif isinstance(value, core.Jaxpr):
            self.program(value)
        elif isinstance(value, jax.Array | np.ndarray | np.generic) or hasattr(value, "__array__"):
            self._array(value)
        else:
            self._text(_token(value) if self._objects else type(value).__name__)

    def _text(self, text):
        self._hash.update(text.encode())
        self._hash.update(b";")

    def _array(self, value):
        if isinstance(value, jax.core.Tracer):
            return self._text(_token(value))
        if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
            self._text(str(value.dtype))
            value = jax.random.key_data(value)
        values = np.asarray(value)
        self._text(f"{values.dtype}{values.shape}")
        self._hash.update(values.tobytes())

    def _binders(self, numbers, variables):
        for variable in variables:
            numbers[variable] = len(numbers)
            self._text(_aval(variable.aval))

    def _operand(self, numbers, operand):
        if isinstance(operand, core.Literal):
            self._text(_aval(operand.aval))
            self.write(operand.val)
        else:
            self._text(f"%{numbers[operand]}")

    def _parameters(self, jaxpr, equation):
        if equation.primitive.name in _RULES:
            self.write(equation.params["call_jaxpr"])
            if self._depth < _DEPTH:
                inner = _Writer(self._objects, self._depth + 1)
                inner.write(_rule(jaxpr, equation))
                self._text(inner.digest())
        else:
            for name, value in equation.params.items():
                self._text(name)
                self.write(value)


def _rule(within, equation):
    """Traces the derivative rule of a step of a program: what the rule closes over shows there alone."""
    inputs = [x for x in equation.invars if not isinstance(x, core.Literal)]
    inputs = list(dict.fromkeys(inputs))
    alone = within.replace(constvars=[], invars=inputs, outvars=equation.outvars, eqns=[equation])
    smooth = [jax.numpy.issubdtype(x.aval.dtype, np.floating) for x in inputs]

    def derivative(values, moved):
        def run(*parts):
            given = iter(parts)
            mixed = [next(given) if s else v for s, v in zip(smooth, values, strict=True)]
            return jax.core.eval_jaxpr(alone, (), *mixed)

        parts = [v for s, v in zip(smooth, values, strict=True) if s]
        if equation.primitive.name == "custom_jvp_call":
            return jax.jvp(run, parts, moved)[1]
        outputs, pull = jax.vjp(run, *parts)
        return pull([_one(out) for out in outputs])

    shapes = [jax.ShapeDtypeStruct(x.aval.shape, x.aval.dtype) for x in inputs]
    moved = [shape for shape, s in zip(shapes, smooth, strict=True) if s]
    try:
        return jax.make_jaxpr(derivative)(shapes, moved)
    except Exception as error:  # A rule that fails does so where it is used, with its own words.
        return f"{type(error).__name__}: {error}"


def _one(out):
    if jax.numpy.issubdtype(out.dtype, np.floating):
        return jax.numpy.ones(out.shape, out.dtype)
    return np.zeros(out.shape, jax.dtypes.float0)


def _aval(aval):
    return aval.str_short() if hasattr(aval, "str_short") else str(aval)


_tokens: dict[Any, int] = {}
_emptied = 0


def _token(value):
    """Numbers other values: equal ones alike, and what has no equality by identity."""
    global _emptied
    if len(_tokens) > _MOST_TOKENS:
        _tokens.clear()
        _emptied += 1
    try:
        number = _tokens.setdefault(value, len(_tokens))
    except TypeError:  # not hashable: like nothing else
        number = _tokens.setdefault(object(), len(_tokens))
    return f"{type(value).__name__}#{_emptied}.{number}"
