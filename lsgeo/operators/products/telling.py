"""The examples of a data set that tell most about what its loss is a mean over.

What all data have in common cannot be seen in the first of them: padding may come later, or seldom. So every
example is described while the batches are counted, and those are kept at which an array of the batch has
the largest or the smallest mean or entry, together with a few at random.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo.operators.products import examples as ex

EXTREMES, RANDOM = 8, 2  # pairs
Pair = tuple["Row", "Row"]


@dataclasses.dataclass(frozen=True)
class Row:
    """One example, as a batch on the host, and its place in the data."""

    place: tuple[int, int]  # batch, row
    batch: Any


class Telling:
    """Goes through batches and keeps pairs of examples, of which one differs much from the other."""

    def __init__(self):
        self.num_examples = 0
        self._number = 0
        self._groups = {}

    @classmethod
    def of(cls, batch: Any) -> "Telling":
        """Looks at a single batch."""
        told = cls()
        told.add(batch)
        return told

    def add(self, batch: Any) -> None:
        """Looks at a further batch."""
        leaves, treedef = jax.tree.flatten(batch)
        kinds = tuple((jnp.shape(leaf)[1:], str(leaf.dtype)) for leaf in map(_array, leaves))
        group = self._groups.setdefault((treedef, kinds), _Group(batch))
        group.add(batch, self._number)
        self.num_examples += ex.num_examples(batch)
        self._number += 1

    def groups(self) -> list["_Group"]:
        """What fits into one batch: the first batch and its like, the shortest and the longest ones."""
        groups = list(self._groups.values())
        by_size = sorted(groups, key=lambda group: group.entries)
        return list({id(group): group for group in (groups[0], by_size[0], by_size[-1])}.values())


class _Group:
    # Batches whose examples have the same shapes.

    def __init__(self, batch):
        leaves = [_array(leaf) for leaf in jax.tree.leaves(batch)]
        self.first = self.most = ex.num_examples(batch)
        self.entries = sum(leaf.size for leaf in leaves) // self.first
        # Masks and labels before what they belong to.
        self._order = sorted(
            range(len(leaves)),
            key=lambda i: (jnp.issubdtype(leaves[i].dtype, jnp.floating), leaves[i].size),
        )
        self._lowest, self._highest = {}, {}
        self._sample, self._seen = [], 0
        self._random = np.random.default_rng(0)

    @property
    def size(self) -> int:
        """Examples of a batch of this group that has been compiled, or else fits: two at least."""
        return max(self.first if self.first > 1 else self.most, 2)

    def pairs(self) -> list[Pair]:
        """Pairs of examples that differ; if there is only one example, of that with itself."""
        ends = [
            (self._lowest[key][1], self._highest[key][1])
            for key in sorted(self._lowest, key=lambda key: (key[1], self._order.index(key[0])))
        ]
        drawn = list(zip(self._sample[::2], self._sample[1::2], strict=False))
        found = [*_distinct(ends)[:EXTREMES], *_distinct(drawn)]
        return _distinct(found) or [(self._sample[0], self._sample[0])]

    def add(self, batch, number):
        num = ex.num_examples(batch)
        self.most, kept = max(self.most, num), {}

        def row(i):
            if i not in kept:
                kept[i] = Row((number, i), jax.tree.map(lambda leaf: _take(leaf, i), batch))
            return kept[i]

        for leaf, values in enumerate(map(_figures, jax.tree.leaves(batch))):
            for figure, column in enumerate(values):
                for side, sign in ((self._lowest, 1), (self._highest, -1)):
                    place = int(np.argmin(sign * column))
                    value = sign * column[place]
                    if (leaf, figure) not in side or value < side[leaf, figure][0]:
                        side[leaf, figure] = value, row(place)
        # Each example is in the sample with the same chance (reservoir, Vitter 1985).
        places = self._random.integers(0, self._seen + np.arange(num) + 1)
        for i in np.flatnonzero((places < 2 * RANDOM) | (self._seen + np.arange(num) < 2 * RANDOM)):
            if len(self._sample) < 2 * RANDOM:
                self._sample.append(row(int(i)))
            else:
                self._sample[places[i]] = row(int(i))
        self._seen += num


def joined(rows: list[Row], size: int) -> Any:
    """Returns a batch of `size` examples, in which the rows come again and again."""
    order = np.arange(size) % len(rows)
    return jax.tree.map(lambda *leaves: _concatenate(leaves)[order], *[one.batch for one in rows])


def _distinct(pairs):
    found = {}
    for one, other in pairs:
        if one.place != other.place:
            found.setdefault(frozenset((one.place, other.place)), (one, other))
    return list(found.values())


def _concatenate(leaves):
    return (jnp if ex.is_key(leaves[0]) else np).concatenate(leaves)


def _array(leaf):
    return leaf if hasattr(leaf, "dtype") else np.asarray(leaf)


def _take(leaf, i):
    if isinstance(leaf, jax.Array):
        taken = jax.lax.dynamic_slice_in_dim(leaf, i, 1)
        return taken if ex.is_key(leaf) else np.asarray(taken)
    return np.array(np.asarray(leaf)[i : i + 1])


def _figures(leaf):
    # The mean, the least and the largest entry of each example, [3, N]; where the leaf lies.
    if ex.is_key(leaf) or not _array(leaf).size:
        return np.zeros((0, 1))
    if isinstance(leaf, jax.Array):
        return np.nan_to_num(np.asarray(_device_figures(leaf), np.float64))
    flat = np.asarray(leaf).reshape(len(leaf), -1)
    if flat.dtype.kind not in "biuf":
        if not jnp.issubdtype(flat.dtype, jnp.floating):
            return np.zeros((0, 1))
        flat = flat.astype(np.float32)
    ends = flat.min(axis=1), flat.max(axis=1)
    mean = flat.mean(axis=1, dtype=np.float64)
    return np.nan_to_num(np.array([mean, *ends], np.float64))


@jax.jit
def _device_figures(leaf):
    flat = leaf.reshape(len(leaf), -1)
    if jnp.iscomplexobj(flat):
        flat = jnp.abs(flat)
    wide = flat if jnp.issubdtype(flat.dtype, jnp.floating) else flat.astype(jnp.float32)
    figures = wide.mean(axis=1), wide.min(axis=1), wide.max(axis=1)
    return jnp.stack([figure.astype(jnp.float32) for figure in figures])
