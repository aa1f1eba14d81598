"""A user's function as compiled code takes it: found by what it computes.

`jit` finds a compiled program by the identity of a function: what the function reads from outside, a constant
of a closure or an attribute, is frozen at the first call, and a closure made anew is compiled anew. So
each public function traces what it is given, once a call. Programs are equal where their traces are, and
the arrays that they close over are arguments.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from lsgeo import trees
from lsgeo.programs._fingerprint import digest, fingerprint

# Structure of some arguments, and the shape and dtype of each leaf.
Shapes = tuple[Any, tuple[tuple[tuple[int, ...], Any], ...]]


class Trace(NamedTuple):
    """A function traced at arguments of given shapes."""

    program: core.ClosedJaxpr
    outputs: Any  # a pytree of jax.ShapeDtypeStruct


def trace(function: Callable, args: Sequence[Any]) -> Trace:
    """Traces a function anew, at the highest matrix precision: the one that curvature is computed in."""

    def anew(*values):  # another function each time, or JAX would give the trace that it has
        return function(*values)

    with jax.default_matmul_precision("highest"):
        return Trace(*jax.make_jaxpr(anew, return_shape=True)(*args))


def shapes_of(args: Sequence[Any]) -> Shapes:
    """Describes arguments."""
    leaves, structure = jax.tree.flatten(tuple(args))
    return structure, tuple((np.shape(leaf), _dtype(leaf)) for leaf in leaves)


def _dtype(leaf):
    dtype = leaf.dtype if hasattr(leaf, "dtype") else jnp.result_type(leaf)
    extended = jax.dtypes.issubdtype(dtype, jax.dtypes.extended)
    return dtype if extended else jax.dtypes.canonicalize_dtype(dtype)


@dataclasses.dataclass(frozen=True, eq=False)
class Variant:
    """What programs of one first trace compute at the other shapes that they met."""

    met: dict[Shapes, str]


class Code:
    """What a function computes: at the shapes where it was traced first, and at all that it met since.

    Two codes are equal where their first traces are, and those at each other shape at which a program of that
    first trace was ever called.

    Args:
      function: what the user gave.
      args: at what it was traced.
      first: that trace.
      text: its fingerprint; none where it closes over what an outer transformation changes.
    """

    def __init__(
        self, function: Callable, args: Sequence[Any], first: Trace, text: str | None = None
    ):
        self.function = function
        self._closed_over = first.program.consts
        self._traces = {shapes_of(args): (first, tuple(range(len(self._closed_over))))}
        # What changes under an outer transformation is like nothing else.
        changing = any(isinstance(c, jax.core.Tracer) for c in self._closed_over)
        # Codes of one variant are equal: it is what they are told by, at no cost.
        self.key = Variant({}) if changing else self._variant(text, args)

    def at(self, args: Sequence[Any]) -> tuple[Trace, tuple[int | None, ...]]:
        """Returns the trace at the shapes of `args`, and which array of the first trace each constant is."""
        shapes = shapes_of(args)
        if shapes not in self._traces:
            self.key.met.setdefault(shapes, self._described(shapes))
        return self._traces[shapes]

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Code) and self.key is other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def _variant(self, text, args):
        variants = _MET.setdefault((text, shapes_of(args)), [])
        for variant in variants:
            if all(self._agrees(shapes, there) for shapes, there in variant.met.items()):
                return variant
        variants.append(Variant({}))
        return variants[-1]

    def _agrees(self, shapes, text):
        try:
            return self._described(shapes) == text
        except Exception:  # It is not for these shapes, then.
            return False

    def _described(self, shapes):
        structure, leaves = shapes
        args = jax.tree.unflatten(structure, [jax.ShapeDtypeStruct(*leaf) for leaf in leaves])
        found = trace(self.function, args)
        sources = tuple(map(self._source, found.program.consts))
        self._traces[shapes] = found, sources
        own = [c for c, s in zip(found.program.consts, sources, strict=True) if s is None]
        return f"{fingerprint(found.program)} {sources} {digest(own)}"

    def _source(self, constant):
        return next((i for i, c in enumerate(self._closed_over) if same(c, constant)), None)


# By first trace.
_MET: dict[tuple[str, Shapes], list[Variant]] = {}


def same(one: Any, other: Any) -> bool:
    """Whether two constants are one array, or equal to the last bit."""
    if one is other:
        return True
    if isinstance(one, jax.core.Tracer) or isinstance(other, jax.core.Tracer):
        return False
    if (np.shape(one), one.dtype) != (np.shape(other), other.dtype):
        return False
    return digest([one]) == digest([other])


@trees.frozen
class Program:
    """A function whose compiled programs are found by what it computes.

    Attributes:
      arrays: what it closes over.
      code: what it does with them.
    """

    arrays: tuple[Any, ...]
    code: Code = trees.static()

    def __call__(self, *args: Any) -> Any:
        """Calls it, in compiled code or outside."""
        found, sources = self.code.at(args)
        constants = [
            constant if source is None else self.arrays[source]
            for source, constant in zip(sources, found.program.consts, strict=True)
        ]
        leaves = jax.tree.leaves(args)
        results = jax.core.eval_jaxpr(found.program.jaxpr, constants, *leaves)
        return jax.tree.unflatten(jax.tree.structure(found.outputs), results)

    def __repr__(self) -> str:
        return f"Program({len(self.arrays)} arrays, {self.code!r})"
