"""A chain of equal blocks, one after the other or in one compiled loop.

`scan=True` compiles one block however many there are; its parameters are stacked along a new leading
axis, as PREFIXs in place of PREFIX_0, PREFIX_1, ... (`stack`, `unstack`). On a CPU keep convolutions
out of it: XLA runs them 16 to 50 times slower inside a loop.
"""

import re
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo.models import skips
from lsgeo.trees import PyTree


def chain(
    make: Callable[[str, int | None], nn.Module],
    x: jax.Array,
    train: bool,
    *,
    first: int,
    count: int,
    scan: bool,
    remat: bool,
    prefix: str = "block",
    start: int = 0,
) -> jax.Array:
    """Applies blocks; to be called in a compact method.

    Args:
      make: make(name, index) -> block module, called as block(x, index, train); index None stands for
        all blocks at once, which then have to be equal.
      x: the stream.
      train: passed on to the blocks.
      first: number, in the whole network, of the first block.
      count: number of blocks.
      scan: whether they run in one compiled loop.
      remat: whether a block's activations are computed again in the backward pass, in place of kept.
      prefix: of the blocks' names.
      start: number in the first block's name.
    """

    def apply(block, x, index):
        return block(x, index, train), None

    if remat:
        apply = nn.remat(apply, prevent_cse=not scan)
    if scan and count > 0:
        loop = nn.scan(
            apply,
            variable_axes={"params": 0, "batch_stats": 0, "gates": 0, "intermediates": 0},
            split_rngs={"params": True, "dropout": True},
            length=count,
        )
        return loop(make(f"{prefix}s", None), x, jnp.arange(first, first + count))[0]
    for i in range(count):
        x, _ = apply(make(f"{prefix}_{start + i}", first + i), x, first + i)
    return x


def check(scan: bool, skip: skips.Choice) -> None:
    """Raises a ValueError if blocks that differ are to run in one loop."""
    if scan and skip.partial:
        raise ValueError(
            "`scan` runs equal blocks in one loop, but `skip` leaves some of them out (`every` or "
            "`stages`). Set scan=False."
        )


def stack(variables: dict[str, PyTree], like: dict[str, PyTree]) -> dict[str, PyTree]:
    """Brings the variables of a network of single blocks to the form of its scanned twin.

    Args:
      variables: {"params": {"block_0": ..., ...}, ...}.
      like: the scanned network's variables, or their shapes.

    Returns:
      The same numbers with the structure of `like`.
    """
    return {name: _stack(variables[name], like[name]) for name in like}


def unstack(variables: dict[str, PyTree]) -> dict[str, PyTree]:
    """The inverse of `stack`: blocks one by one.

    Args:
      variables: of a scanned network, {"params": {"blocks": ...}, ...}.

    Returns:
      {"params": {"block_0": ..., ...}, ...}.
    """
    return {name: _unstack(tree) for name, tree in variables.items()}


def _stack(tree, like):
    result = {}
    for name in like:
        if name in tree:
            result[name] = tree[name]
            continue
        members = [key for key in tree if _prefix(key) == name and key not in like]
        members.sort(key=lambda key: int(key.rsplit("_", 1)[1]))
        result[name] = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(tree.get, members))
    return result


def _unstack(tree):
    result = {}
    for name, part in tree.items():
        if not re.search(r"blocks$", name):
            result[name] = part
            continue
        used = sum(_prefix(key) == name for key in tree)
        for i in range(jax.tree.leaves(part)[0].shape[0]):
            result[f"{name[:-1]}_{used + i}"] = jax.tree.map(lambda leaf, i=i: leaf[i], part)
    return result


def _prefix(key):
    match = re.fullmatch(r"(.*block)_\d+", key)
    return f"{match[1]}s" if match else None
