"""The derivative of a function as a linear map: along vectors, and back.

Forward it is one linearisation. A function whose rules give only a backward pass, as attention kernels have
it, still has the map: the derivative of a pullback, which is linear, is the way forward.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.tree_util import Partial

from lsgeo import trees
from lsgeo.operators.products import modes


@trees.frozen
class Forward:
    """J from a linearisation."""

    jvp: Partial
    space: trees.Space = trees.static()

    def along(self, v: Any) -> Any:
        """Returns J v."""
        return self.jvp(v)

    def back(self, u: Any) -> Any:
        """Returns J' u."""
        return jax.linear_transpose(self.jvp, self.space.like)(u)[0]


@trees.frozen
class Reverse:
    """J from a pullback."""

    pull: Any
    outputs: trees.Space = trees.static()

    def along(self, v: Any) -> Any:
        """Returns J v."""
        return jax.vjp(self.back, self.outputs.zeros())[1](v)[0]

    def back(self, u: Any) -> Any:
        """Returns J' u."""
        return self.pull(u)


@trees.frozen
class Way:
    """One way to have derivatives.

    Attributes:
      name: as `LinearOperator.mode`.
      jacobian: (function, x) -> its value and its `Forward` or `Reverse` at x.
      symmetric: (gradient, x) -> the product with the derivative of a gradient.
      split: (function, x) -> of a pair of a value and a gradient, the value and the derivative of both.
      parts: (that derivative, space of x, space of the value) -> its `jacobian` and its `symmetric`.
    """

    name: str = trees.static()
    jacobian: Callable = trees.static()
    symmetric: Callable = trees.static()
    split: Callable = trees.static()
    parts: Callable = trees.static()


def working(attempt: Callable[[Way], Any], source: str) -> Any:
    """Returns what `attempt(way)` makes in the first way that works.

    Args:
      attempt: makes a product and multiplies once: a rule that is missing may not be missed before that.
      source: the argument that is differentiated, as messages call it.

    Raises:
      ValueError: if there is none.
    """
    failure = None
    for way in WAYS:
        try:
            return attempt(way)
        except modes.NO_RULE as error:
            failure = failure or error
    raise ValueError(
        f"{source} has neither a forward derivative nor a derivative of its backward pass, one of which its "
        f"product takes. Define a rule for what lacks one. JAX says: {modes.first_line(failure)}"
    ) from failure


def _forward(function, x):
    value, jvp = jax.linearize(function, x)
    return value, Forward(jvp, trees.space_of(x))


def _forward_symmetric(gradient, x):
    return jax.linearize(gradient, x)[1]


def _forward_split(function, x):
    (value, _), tangents = jax.linearize(function, x)
    return value, tangents


def _forward_parts(tangents, space, _):
    return Forward(Partial(_first, tangents), space), Partial(_second, tangents)


def _first(tangents, v):
    return tangents(v)[0]


def _second(tangents, v):
    return tangents(v)[1]


def _reverse(function, x):
    value, pull = jax.vjp(function, x)
    return value, Reverse(Partial(_only, pull), trees.space_of(value, "outputs"))


def _reverse_symmetric(gradient, x):
    return Partial(_only, jax.vjp(gradient, x)[1])


def _reverse_split(function, x):
    (value, _), pull = jax.vjp(function, x)
    return value, pull


def _reverse_parts(pull, space, outputs):
    return Reverse(_FromValue(pull, space), outputs), _FromGradient(pull, outputs)


@trees.frozen
class _FromValue:
    """The pullback of a pair from its value alone."""

    pull: Any
    gradient: trees.Space = trees.static()

    def __call__(self, u):
        return self.pull((u, self.gradient.zeros()))[0]


@trees.frozen
class _FromGradient:
    """The pullback of a pair from its gradient alone."""

    pull: Any
    value: trees.Space = trees.static()

    def __call__(self, v):
        return self.pull((self.value.zeros(), v))[0]


def _only(pull, v):
    return pull(v)[0]


WAYS = (
    Way("linearized", _forward, _forward_symmetric, _forward_split, _forward_parts),
    Way("reverse-over-reverse", _reverse, _reverse_symmetric, _reverse_split, _reverse_parts),
)
