"""Operators over batches that are never held on the device together."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from lsgeo import trees
from lsgeo.operators import checks
from lsgeo.operators.base import LinearOperator


@dataclasses.dataclass(frozen=True)
class Batches:
    """Batches that can be iterated again and again, and their weights, which sum to one."""

    source: Iterable
    weights: tuple[float, ...]

    @classmethod
    def of(cls, source: Iterable) -> "Batches":
        """Counts the examples of each batch.

        Raises:
          ValueError: if `source` is empty, can be read only once, or a batch is malformed.
        """
        if not hasattr(source, "__iter__") or isinstance(source, dict):
            raise ValueError(
                f"`batches` must be a list of batches or re-iterable; got {type(source).__name__}."
            )
        if iter(source) is source:
            raise ValueError(
                "`batches` must be re-iterable; got a one-shot iterator, which is empty on the second "
                "pass. Pass a list or an object whose __iter__ starts anew."
            )
        counts = [num_examples(batch) for batch in source]
        if not counts:
            raise ValueError("`batches` is empty. Pass at least one batch.")
        total = sum(counts)
        return cls(source, tuple(count / total for count in counts))

    def first(self) -> Any:
        return next(iter(self.source))

    def __iter__(self):
        yield from zip(self.source, self.weights, strict=True)


def num_examples(batch: Any) -> int:
    """Returns the length of the leading axis that all arrays of a batch share.

    Raises:
      ValueError: if there is no array, an array has no axis, or lengths differ.
    """
    lengths = {jnp.shape(leaf)[0] if jnp.ndim(leaf) else None for leaf in jax.tree.leaves(batch)}
    if len(lengths) != 1 or None in lengths or 0 in lengths:
        shapes = jax.tree.map(jnp.shape, batch)
        raise ValueError(
            "every array of a batch must have the examples, at least one, on its leading axis, and "
            f"equally many; got shapes {shapes}."
        )
    return lengths.pop()


@dataclasses.dataclass(frozen=True, eq=False)
class Streamed(LinearOperator):
    """The weighted sum of one product per batch, driven from the host."""

    product: Partial
    space: trees.Space
    batches: Batches
    noise: jax.Array

    @property
    def traceable(self):
        return False

    def matvec(self, v):
        total = jax.tree.map(jnp.zeros_like, v)
        for batch, weight in self.batches:
            total = _accumulate(total, weight, self.product, batch, v)
        return total


def streamed(product: Partial, space: trees.Space, batches: Batches) -> LinearOperator:
    """Sums `product(batch, v)` over batches, weighted by their numbers of examples, and checks it."""
    eps = jnp.asarray(jnp.finfo(space.dtype).eps, space.dtype)
    op = Streamed(product, space, batches, eps)
    return dataclasses.replace(op, noise=checks.measure_noise(op))


@jax.jit
def _accumulate(total, weight, product, batch, v):
    hv = product(batch, v)
    return jax.tree.map(lambda t, h: t + (weight * h).astype(t.dtype), total, hv)
