"""Whether a loss is the mean that a stream, weights and per-example forms take it for.

A mean over examples, or over what `count` counts, is known by its unions: the loss of examples from different
batches must be the mean of their losses one by one. Those that differ most (`telling`) are compared, a few at
a time in a batch as large as the first one, for which the loss is compiled already; also at parameters
nearby, for where losses are alike, as of a network that has learnt nothing, any weights give one mean.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.operators import checks
from lsgeo.operators.evaluation import evaluate
from lsgeo.operators.products import counts, telling
from lsgeo.operators.products.telling import Telling

# How far parameters are moved, relative to the size of each leaf; the last where losses are still alike.
_STEPS = (0.0, 0.1, 1.0)
# Losses that differ by less than this, relative to their mean, tell too little about weights.
_SPREAD = 0.1
# A loss that computes in less precision than it shows may miss by some times its rounding, and so much in all.
_DOUBT, _MOST = 4.0, 1e-2
# Pairs in one union: among many, one that is unlike the others would be lost in rounding.
_PAIRS = 2


def check_mean(
    loss: Callable, params: Any, told: Telling, *, count: counts.Count = None, name: str = "loss"
) -> None:
    """Raises a ValueError unless the loss of a batch is the mean of the losses of its examples.

    Args:
      loss: a loss that is a pytree.
      params: pytree of floating-point arrays.
      told: which examples are compared.
      count: how much an example weighs; None takes each for one.
      name: how messages call the loss.
    """
    if told.num_examples == 1:
        return
    params = jax.tree.map(jnp.asarray, params)
    plans = [plan for group in told.groups() for plan in _parts(loss, params, group)]
    for step in _STEPS:
        at, spread = _moved(params, step) if step else params, 0.0
        for parts, size in plans:
            union = _Union(parts, size, count)
            if union.counts.any():
                spread = max(spread, _compare(loss, at, union, name, count, elsewhere=step > 0))
        if step and spread >= _SPREAD:
            return


def check_batch_mean(
    loss: Callable, params: Any, batch: Any, *, count: counts.Count = None, name: str = "loss"
) -> None:
    """Raises a ValueError unless the loss of a single batch is finite and such a mean."""
    told = Telling.of(batch)
    checks.check_value(evaluate(loss, params, batch), name)
    check_mean(loss, params, told, count=count, name=name)


def check_rowwise(predict: Callable, params: Any, told: Telling) -> None:
    """Raises a ValueError unless an example's outputs are the same whatever comes with it."""
    if told.num_examples == 1:
        return
    for group in told.groups():
        for parts, size in _parts(predict, params, group):
            rows = [row for part in parts for row in part]
            together = np.asarray(evaluate(predict, params, telling.joined(rows, size)))
            together = together[: len(rows)]
            alone = [evaluate(predict, params, telling.joined(part, len(part))) for part in parts]
            gap = np.abs(together - np.concatenate(alone)).max()
            if not gap <= np.sqrt(float(jnp.finfo(together.dtype).eps)) * np.abs(together).max():
                raise ValueError(
                    f"`predict` gives an example other outputs (by {gap:.2g}) when others come with it, so "
                    "that it cannot be streamed. Likely cause: batch normalisation in training mode."
                )


class _Union:
    # A batch of `size` examples made of a few parts, and how much each of them counts.

    def __init__(self, parts, size, count):
        times = len(parts[0])
        self.size, self._rows = size, parts
        self.parts = [telling.joined(rows, times) for rows in parts]
        self.batch = telling.joined([row for rows in parts for row in rows], size)
        copies = np.bincount(np.arange(size) // times % len(parts), minlength=len(parts)) / times
        self.counts = copies * [counts.of(count, part) for part in self.parts]
        counts.check_sum(counts.of(count, self.batch), list(self.counts), size)

    def copies(self, i):
        """One part again and again: its mean but for rounding, which in low precision depends on sizes."""
        return telling.joined(self._rows[i], self.size)


def _parts(function, params, group) -> Iterator[tuple[list, int]]:
    # Parts for a union, and its size. One example each, unless the function needs several at a time: then
    # those of the one side of all pairs, and those of the other.
    pairs, size = group.pairs(), group.size
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    for times in (1, size // 2, size):
        if times == size or _takes(function, params, telling.joined(sides[0], times)):
            break
    if times > 1:
        yield [[side[i % len(side)] for i in range(times)] for side in sides], 2 * times
        return
    most = min(_PAIRS, size // 2)
    for start in range(0, len(pairs), most):
        rows = {row.place: row for pair in pairs[start : start + most] for row in pair}
        yield [[row] for row in rows.values()], size


def _takes(function, params, batch):
    try:
        evaluate.eval_shape(function, params, batch)  # whose trace serves the value
    except Exception:  # whatever it is that a function does with too few examples
        return False
    return True


def _compare(loss, params, union, name, count, elsewhere):
    # Returns how far the losses of the parts are apart, relative to their mean size.
    together = evaluate(loss, params, union.batch)
    there = np.flatnonzero(union.counts)
    losses = np.array([evaluate(loss, params, union.parts[i]) for i in there], np.float64)
    if elsewhere and not (np.isfinite(together) and np.isfinite(losses).all()):
        return np.inf
    shares = union.counts[there] / union.counts.sum()
    mean, scale = float(shares @ losses), float(shares @ np.abs(losses))
    gap = abs(float(together) - mean)
    if not gap <= np.sqrt(float(jnp.finfo(together.dtype).eps)) * scale:
        copies = [evaluate(loss, params, union.copies(i)) for i in there]
        rounding = np.abs(np.array(copies, np.float64) - losses).max()
        if not gap <= min(_DOUBT * rounding, _MOST * scale):
            raise ValueError(_refusal(name, count, union.size, float(together), mean))
    if len(union.parts) == 1:
        return np.inf
    return np.ptp(losses) / scale if scale else 0.0


def _refusal(name, count, size, together, mean):
    found = f"{size} examples together have {together:.6g}, one by one their mean is {mean:.6g}"
    if count is None:
        return (
            f"`{name}` is not a mean over examples, so that it cannot be streamed, weighted or taken apart: "
            f"{found}. If it is a mean over something else, such as unmasked tokens or weights, say how much "
            "of it a batch has: `count=lambda batch: batch['mask'].sum()`. Other causes: batch normalisation "
            "in training mode, a sum in place of a mean."
        )
    return (
        f"`{name}` is not a mean over what `count` counts, so that it cannot be streamed, weighted or taken "
        f"apart: {found}. `count` must give what the {name} of a batch is divided by, such as the number "
        "of unmasked tokens or the sum of the weights. Other causes: batch normalisation in training mode, a "
        "sum in place of a mean."
    )


def _moved(params, step):
    random = np.random.default_rng(1)
    *lengths, whole = np.asarray(_sizes(params), np.float64)
    leaves, treedef = jax.tree.flatten(params)
    moved = [
        leaf
        + jnp.asarray(step * (size or whole or 1) * random.standard_normal(leaf.shape), leaf.dtype)
        for leaf, size in zip(leaves, lengths, strict=True)
    ]
    return jax.tree.unflatten(treedef, moved)


@jax.jit
def _sizes(params):
    # The root mean squares of the leaves, and of all together.
    leaves = [leaf.astype(jnp.float32) for leaf in jax.tree.leaves(params)]
    sizes = [max(leaf.size, 1) for leaf in leaves]
    lengths = [trees.norm(leaf) / math.sqrt(size) for leaf, size in zip(leaves, sizes, strict=True)]
    return jnp.stack([*lengths, trees.norm(leaves) / math.sqrt(sum(sizes))])
