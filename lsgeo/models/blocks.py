"""A network's blocks one by one: as functions of the stream, deleted, or in another order.

Flax lets a caller step in where a submodule is called; so every family whose blocks are named
"..._block_3" or "block_3" can be taken apart without knowing of it.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo import trees
from lsgeo.trees import PyTree

_NAME = re.compile(r"(.*_)?block_\d+")


def block_place(name: str) -> list[int]:
    """The numbers in a block's name, by which names sort from the bottom of a network up.

    >>> sorted(["stage_1_block_0", "stage_0_block_10", "stage_0_block_9"], key=block_place)
    ['stage_0_block_9', 'stage_0_block_10', 'stage_1_block_0']
    """
    return [int(number) for number in re.findall(r"\d+", name)]


@dataclasses.dataclass(frozen=True)
class BlockFunction:
    """One block of a network with its variables.

    Attributes:
      name: "block_3", the key of its parameters.
      function: maps the stream below the block to the stream above it, in evaluation mode.
      keeps_shape: whether both have one shape, so that the network still runs without the block.
    """

    name: str
    function: Callable[[jax.Array], jax.Array]
    keeps_shape: bool


def blocks(
    model: nn.Module, variables: dict[str, PyTree], images: jax.Array
) -> list[BlockFunction]:
    """Lists a network's blocks from the bottom up.

    Args:
      model: a module from `create` that is not scanned.
      variables: all its collections.
      images: array or `jax.ShapeDtypeStruct` [N, ...]; only its shape matters.

    Returns:
      One BlockFunction for each block.

    Raises:
      ValueError: if the network has no blocks of its own name, as a scanned one.
    """
    found = []

    def record(call, args, kwargs, context):
        out = call(*args, **kwargs)
        name = _block_name(context)
        if name:
            module = context.module.clone(parent=None, name=None)
            own = {kind: tree[name] for kind, tree in variables.items() if name in tree}
            rest = args[1:]
            function = lambda x: module.apply(own, x, *rest, **kwargs)  # noqa: E731
            found.append(BlockFunction(name, function, args[0].shape == out.shape))
        return out

    with nn.intercept_methods(record):
        jax.eval_shape(lambda v, x: model.apply(v, x, train=False), variables, images)
    if not found:
        raise ValueError(
            "`model` has no blocks that can be taken apart; a scanned network has to be created with "
            "scan=False and its variables unstacked (models.unstack)."
        )
    return found


def _block_name(context):
    if context.method_name != "__call__" or context.module.scope is None:
        return None
    path = context.module.path
    return path[0] if len(path) == 1 and _NAME.fullmatch(path[0]) else None


def block_inputs(
    model: nn.Module, variables: dict[str, PyTree], images: jax.Array
) -> dict[str, jax.Array]:
    """Runs a network in evaluation mode and returns the stream below each block, by the block's name.

    Args:
      model: a module from `create` that is not scanned.
      variables: all its collections.
      images: [N, ...].
    """
    found = {}

    def record(call, args, kwargs, context):
        name = _block_name(context)
        if name:
            found[name] = args[0]
        return call(*args, **kwargs)

    with nn.intercept_methods(record):
        model.apply(variables, images, train=False)
    return found


@trees.frozen
class WithoutBlocks:
    """A loss, or logits, of a network in which some blocks pass their input on unchanged.

    Which ones is data, not structure: all choices share one compilation.

    Attributes:
      inner: a callable pytree of this package, `Logits` or `CrossEntropy`.
      kept: name of a block -> whether it stays; the blocks left out of it stay. They have to keep the
        stream's shape.
    """

    inner: Callable[[PyTree, Any], jax.Array]
    kept: dict[str, jax.Array | bool]

    def __call__(self, params: PyTree, batch: Any) -> jax.Array:
        """Evaluates `inner` without the blocks."""
        missing = set(self.kept)

        def step_over(call, args, kwargs, context):
            out = call(*args, **kwargs)
            name = _block_name(context)
            if name not in self.kept:
                return out
            missing.discard(name)
            return jnp.where(self.kept[name], out, args[0])

        with nn.intercept_methods(step_over):
            out = self.inner(params, batch)
        if missing:
            raise ValueError(
                f"`kept` names blocks that the network lacks: {', '.join(sorted(missing))}."
            )
        return out


def stream_gradient(
    loss: Callable[[PyTree, Any], jax.Array], params: PyTree, batch: Any, name: str
) -> jax.Array:
    """Gradient of a loss with respect to the stream above one block.

    Args:
      loss: a callable pytree of this package, `CrossEntropy`.
      params: parameters of the network.
      batch: handed to loss.
      name: of the block.

    Returns:
      An array like that stream.
    """
    shape = []

    def at(added):
        def add(call, args, kwargs, context):
            out = call(*args, **kwargs)
            if _block_name(context) != name:
                return out
            shape.append(jax.ShapeDtypeStruct(out.shape, out.dtype))
            return out if added is None else out + added

        with nn.intercept_methods(add):
            return loss(params, batch)

    jax.eval_shape(lambda: at(None))
    if not shape:
        raise ValueError(f"`name` must be a block of the network; got {name!r}.")
    return jax.grad(at)(jnp.zeros(shape[0].shape, shape[0].dtype))


def reorder(variables: dict[str, PyTree], order: Sequence[str]) -> dict[str, PyTree]:
    """Puts blocks of equal shape into another order.

    Args:
      variables: collections of a network, {"params": {"block_0": ...}, ...}.
      order: names of some blocks; the block that stood at the i-th of their places, sorted, gives way to
        order[i].

    Returns:
      The collections with the blocks moved.

    Raises:
      ValueError: for names that repeat or are no blocks, or blocks of different shape.

    >>> reorder({"params": {"block_0": 1.0, "block_1": 2.0}}, ["block_1", "block_0"])
    {'params': {'block_0': 2.0, 'block_1': 1.0}}
    """
    places = sorted(order, key=block_place)
    there = variables["params"]
    if len(set(order)) < len(order) or any(name not in there for name in order):
        raise ValueError(f"`order` must name blocks of the network, each once; got {list(order)}.")
    moved = {}
    for kind, tree in variables.items():
        moved[kind] = dict(tree)
        for place, name in zip(places, order, strict=True):
            if place not in tree and name not in tree:
                continue
            here, other = (jax.tree.map(jnp.shape, tree.get(n)) for n in (place, name))
            if here != other:
                raise ValueError(
                    f"`order` puts {name} in the place of {place}, which has another shape: {other} "
                    f"in place of {here}."
                )
            moved[kind][place] = tree[name]
    return moved
