"""Operators over batches that are never held on the device together."""

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from lsgeo import trees
from lsgeo.operators.base import Keeps, LinearOperator
from lsgeo.operators.products import examples as ex
from lsgeo.progress import say, watched

_END = object()


@dataclasses.dataclass(frozen=True)
class Batches:
    """Batches that can be iterated again and again, and how many examples each has."""

    source: Iterable
    counts: tuple[int, ...]

    @classmethod
    def of(cls, source: Iterable, batch: Any = None) -> "Batches":
        """Counts the examples of each batch.

        Raises:
          ValueError: if a `batch` came beside it, or `source` is empty, can be read only once, a batch is
            malformed, or a second pass starts with another batch.
        """
        if batch is not None:
            raise ValueError("pass either `batch` or `batches`, not both.")
        if not hasattr(source, "__iter__") or isinstance(source, dict):
            raise ValueError(
                f"`batches` must be a list of batches or re-iterable; got {type(source).__name__}."
            )
        if iter(source) is source:
            raise ValueError(
                "`batches` must be re-iterable; got a one-shot iterator, which is empty on the second "
                "pass. Pass a list or an object whose __iter__ starts anew."
            )
        counts, seen = [], None
        for batch in source:
            seen = _digest(batch) if seen is None else seen
            counts.append(ex.num_examples(batch))
        if not counts:
            raise ValueError("`batches` is empty. Pass at least one batch.")
        batches = cls(source, tuple(counts))
        if _digest(batches.first()) != seen:
            raise ValueError(_MOVED.format("the first batch has changed between two passes"))
        return batches

    @property
    def total(self) -> int:
        """Number of examples in the data."""
        return sum(self.counts)

    def first(self) -> Any:
        """Reads the first batch."""
        return next(iter(self.source))

    def __iter__(self) -> Iterator[tuple[Any, float]]:
        """Yields each batch and its share of the examples."""
        for batch, count in itertools.zip_longest(self.source, self.counts, fillvalue=_END):
            if batch is _END or count is _END:
                raise ValueError(_MOVED.format(f"a pass did not have {len(self.counts)} batches"))
            if ex.num_examples(batch) != count:
                raise ValueError(
                    _MOVED.format(f"{ex.num_examples(batch)} examples in place of {count}")
                )
            yield batch, count / self.total

    def examples(self, weights: np.ndarray) -> Iterator[ex.Examples]:
        """Yields each batch with its part of `weights` [total], padded to the largest batch."""
        start, size = 0, max(self.counts)
        for batch, _ in self:
            count = ex.num_examples(batch)
            yield ex.padded(batch, weights[start : start + count], start, size)
            start += count


_MOVED = (
    "`batches` must give the same batches in the same order on every pass; {}. Likely causes: data that are "
    "shuffled, augmented or dropped anew. Shuffle once, outside."
)


def _digest(batch: Any) -> bytes:
    # In place of the batch itself, which would stay on the device through the pass.
    digest = hashlib.blake2b(digest_size=16)
    for leaf in jax.tree.leaves(batch):
        array = ex.on_host(leaf)
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.digest()


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Streamed(LinearOperator):
    """The sum of one product per batch, driven from the host.

    At most two shapes are compiled: without weights and where at most two sizes of batch occur, `plain`
    multiplies with the mean over each batch as it comes. Else, and without `plain`, all batches are padded
    to the largest and go to `weighted`.
    """

    plain: Partial | None
    weighted: Partial
    space: trees.Space
    batches: Batches
    weights: np.ndarray | None
    noise: jax.Array
    mode: str

    @property
    def traceable(self) -> bool:
        """False: the host sends the batches."""
        return False

    @watched
    def matvec(self, v: Any) -> Any:
        """Adds the products of all batches, each with its share."""
        total = jax.tree.map(jnp.zeros_like, v)
        for i, (product, part, share) in enumerate(self._parts()):
            say(f"batch {i + 1} of {len(self.batches.counts)}")
            before, total = total, _accumulate(total, share, product, part, v)
            # Or a device that lags behind would be sent all the data before it has used any.
            jax.block_until_ready(before)
        return total

    def tried(self) -> tuple["Streamed", None]:
        """Multiplies the first batch alone, which raises what JAX raises where a rule is missing.

        Returns:
          The operator, and no product: as `product.multiplied`.
        """
        product, part, share = next(self._parts())
        zeros = self.space.zeros()
        _accumulate(zeros, share, product, part, zeros)
        return self, None

    def keeps(self) -> Keeps:
        """What both products hold, and the program of the largest batch."""
        product, part, share = max(self._parts(), key=lambda found: _bytes(found[1]))
        like = self.space.like
        return Keeps(
            jax.tree.leaves((self.plain, self.weighted, self.weights, self.noise)),
            [(_accumulate, (like, share, product, part, like))],
            _bytes(part),
        )

    def _parts(self):
        if self.weights is None and self.plain is not None and len(set(self.batches.counts)) <= 2:
            yield from ((self.plain, batch, share) for batch, share in self.batches)
        else:
            weights = ex.normalized(self.weights, self.batches.total).astype(self.space.dtype)
            yield from ((self.weighted, part, 1.0) for part in self.batches.examples(weights))


def streamed(
    plain: Partial | None,
    weighted: Partial,
    space: trees.Space,
    batches: Batches,
    *,
    weights: Any = None,
    mode: str = "forward-over-reverse",
) -> Streamed:
    """Sums a product over batches; `product.preflight` checks it.

    Args:
      plain: `plain(batch, v)`, the product of the mean over a batch; None where there is no such thing.
      weighted: `weighted(examples, v)`, the product of the weighted sum over Examples.
      space: the space of v.
      batches: the data.
      weights: [total] weights of the examples, or None for equal ones.
      mode: how the products are computed.
    """
    if weights is not None:
        weights = ex.normalized(weights, batches.total)
    eps = jnp.asarray(space.eps, space.dtype)
    return Streamed(plain, weighted, space, batches, weights, eps, mode)


def _bytes(part):
    return sum(leaf.nbytes for leaf in jax.tree.leaves(part))


@jax.jit
def _accumulate(total, share, product, part, v):
    hv = product(part, v)
    return jax.tree.map(lambda t, h: t + (share * h).astype(t.dtype), total, hv)
