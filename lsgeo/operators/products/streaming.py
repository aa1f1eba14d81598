"""Operators over batches that are never held on the device together."""

import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from lsgeo import trees
from lsgeo.batches import Arrays
from lsgeo.operators.base import Keeps, LinearOperator
from lsgeo.operators.evaluation import value_and_gradient
from lsgeo.operators.products import counts
from lsgeo.operators.products import examples as ex
from lsgeo.operators.products.telling import Telling
from lsgeo.progress import say, watched

_END = object()


@dataclasses.dataclass(frozen=True)
class Batches:
    """Batches that can be iterated again and again, how many examples each has, and how much it counts."""

    source: Iterable
    sizes: tuple[int, ...]
    counts: tuple[float, ...]
    count: counts.Count
    telling: Telling

    @classmethod
    def of(cls, source: Iterable, batch: Any = None, count: counts.Count = None) -> "Batches":
        """Counts each batch, by its examples or by `count`; Batches stay as they are.

        Raises:
          ValueError: if a `batch` came beside it, or `source` is empty, can be read only once, a batch is
            malformed, the data count nothing, or a second pass starts with another batch.
        """
        if batch is not None:
            raise ValueError("pass either `batch` or `batches`, not both.")
        if isinstance(source, cls):
            return source
        if not hasattr(source, "__iter__") or isinstance(source, dict):
            raise ValueError(
                f"`batches` must be a list of batches or re-iterable; got {type(source).__name__}."
            )
        if iter(source) is source:
            raise ValueError(
                "`batches` must be re-iterable; got a one-shot iterator, which is empty on the second "
                "pass. Pass a list or an object whose __iter__ starts anew."
            )
        source = Arrays(source)
        sizes, counted, seen, told = [], [], None, Telling()
        for batch in source:
            sizes.append(ex.num_examples(batch))
            counted.append(counts.of(count, batch))
            seen = _digest(batch) if seen is None and counted[-1] else seen
            told.add(batch)
        if not sizes:
            raise ValueError("`batches` is empty. Pass at least one batch.")
        if seen is None:
            raise ValueError("`count` is zero for every batch: there is no mean over nothing.")
        batches = cls(source, tuple(sizes), tuple(counted), count, told)
        if _digest(batches.first()) != seen:
            raise ValueError(_MOVED.format("the first batch has changed between two passes"))
        return batches

    @property
    def total(self) -> int:
        """Number of examples in the data."""
        return sum(self.sizes)

    def first(self) -> Any:
        """Reads the first batch that counts."""
        return next(batch for batch, count in zip(self.source, self.counts, strict=False) if count)

    def __iter__(self) -> Iterator[tuple[Any, float]]:
        """Yields each batch that counts, and its share in the mean."""
        total = sum(self.counts)
        for batch, count in zip(self._read(), self.counts, strict=True):
            if count:
                yield batch, count / total

    def _read(self):
        for batch, size in itertools.zip_longest(self.source, self.sizes, fillvalue=_END):
            if batch is _END or size is _END:
                raise ValueError(_MOVED.format(f"a pass did not have {len(self.sizes)} batches"))
            if ex.num_examples(batch) != size:
                raise ValueError(
                    _MOVED.format(f"{ex.num_examples(batch)} examples in place of {size}")
                )
            yield batch

    def weigh(self, weights: Any = None) -> np.ndarray:
        """Returns the share of each example in the mean [total], in float64; `weights` as in `streamed`."""
        if self.count is None:
            return ex.normalized(weights, self.total)
        return counts.weigh(weights, self._example_counts)

    @functools.cached_property
    def _example_counts(self):
        return np.concatenate([counts.each(self.count, batch) for batch in self._read()])

    def examples(self, weights: np.ndarray) -> Iterator[ex.Examples]:
        """Yields each batch with its part of `weights` [total], unless that is zero, padded to the largest."""
        start, most = 0, max(self.sizes)
        for batch, size in zip(self._read(), self.sizes, strict=True):
            part = weights[start : start + size]
            if part.any():
                yield ex.padded(batch, part, start, most)
            start += size


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
        if self.weights is None and self.plain is not None and len(set(self.batches.sizes)) <= 2:
            yield from ((self.plain, batch, share) for batch, share in self.batches)
        else:
            weights = self.batches.weigh(self.weights).astype(self.space.dtype)
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
      weights: [total] weights of the examples beside what they count, or None for equal ones.
      mode: how the products are computed.
    """
    if weights is not None:
        weights = ex.normalized(weights, batches.total)
    eps = jnp.asarray(space.eps, space.dtype)
    return Streamed(plain, weighted, space, batches, weights, eps, mode)


def streamed_gradient(loss: Any, params: Any, batches: Batches) -> tuple[float, Any]:
    """Returns the value and the gradient of a loss, from one pass."""
    value, gradient = 0.0, jax.tree.map(jnp.zeros_like, params)
    for part, share in batches:
        one, slope = value_and_gradient(loss, params, part)
        value += share * float(one)
        gradient = jax.tree.map(lambda g, s, w=share: g + w * s, gradient, slope)
    return value, gradient


def _bytes(part):
    return sum(leaf.nbytes for leaf in jax.tree.leaves(part))


@jax.jit
def _accumulate(total, share, product, part, v):
    hv = product(part, v)
    return jax.tree.map(lambda t, h: t + (share * h).astype(t.dtype), total, hv)
