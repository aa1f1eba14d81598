"""The blocks of a network that keep the stream's shape, as what paths and Jacobians are taken of."""

import dataclasses
import functools
import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import models
from lsgeo.models import skips
from lsgeo.study.measures.subject import Subject

LARGEST = 512  # numbers in a stream whose Jacobians are formed


@dataclasses.dataclass(frozen=True)
class Chain:
    """The longest run of blocks that keep the stream's shape, the upper one of two.

    Attributes:
      names: of the blocks, from the bottom up.
      branches: what each block adds to the stream, or without skips makes of it: affine functions that have its
        value and its Jacobian at this stream, and cost two products with a matrix.
      below: the stream below the first one, [N, ...].
      adds: whether the stream is a sum.
    """

    names: tuple[str, ...]
    branches: tuple[Callable[[jax.Array], jax.Array], ...]
    below: jax.Array
    adds: bool


def chain_of(subject: Subject, images: jax.Array) -> Chain | None:
    """Takes a network apart.

    None where that cannot be: without such blocks, with several streams, where the stream has more than 512
    numbers, or where one of them is not finite.

    Args:
      subject: a network that `has_blocks`.
      images: [N, ...], for the stream.
    """
    names = _longest([(block.name, block.keeps_shape) for block in _blocks(subject, images)])
    adds = skips.parse(subject.model.skip).skip.passes != "nothing"
    if not names or _width(subject, images, names[0]) > LARGEST:
        return None
    streams, outs, jacobians = _linearize(subject.model, names, adds, subject.variables, images)
    if not all(np.isfinite(part).all() for part in (*outs, *jacobians)):
        return None
    branches = [functools.partial(_affine, *x) for x in zip(streams, outs, jacobians, strict=True)]
    return Chain(names, tuple(branches), streams[0], adds)


def _longest(blocks):
    runs = [()]
    for name, keeps in blocks:
        runs[-1:] = [(*runs[-1], name)] if keeps else [runs[-1], ()]
    return max(reversed(runs), key=len)


def _width(subject, images, name):
    inputs = jax.eval_shape(
        functools.partial(models.block_inputs, subject.model), subject.variables, images
    )
    shape = inputs[name].shape
    return math.prod(shape[1:]) if shape[0] == len(images) else math.inf


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _linearize(model, names, adds, variables, images):
    # One program for all blocks: compiling and calling each alone costs seconds.
    found = {block.name: block.function for block in models.blocks(model, variables, images)}
    x = models.block_inputs(model, variables, images)[names[0]]
    units = jnp.eye(math.prod(x.shape[1:]), dtype=x.dtype).reshape(-1, 1, *x.shape[1:])
    streams, outs, jacobians = [], [], []
    for name in names:
        above, push = jax.linearize(found[name], x)
        # Examples are independent: one product serves all.
        columns = jax.vmap(lambda unit, push=push, x=x: push(jnp.broadcast_to(unit, x.shape)))(
            units
        )
        matrix = jnp.moveaxis(columns.reshape(len(units), len(x), -1), 0, -1)
        streams.append(x)
        outs.append(above - x if adds else above)
        jacobians.append(matrix - jnp.eye(len(units), dtype=x.dtype)[None] if adds else matrix)
        x = above
    return streams, outs, jacobians


def _affine(at, out, jacobian, x):
    step = (x - at).reshape(len(x), -1, 1)
    return out + (jacobian @ step).reshape(x.shape)


def deletable(subject: Subject, images: jax.Array) -> list[str]:
    """The names of the blocks that a network runs without."""
    return [block.name for block in _blocks(subject, images) if block.keeps_shape]


def has_blocks(model: nn.Module) -> bool:
    """Whether a model is a chain of blocks that can be taken apart: no DenseNet, whose streams only grow."""
    one_by_one = not getattr(model, "scan", False) and not getattr(model, "takes_tokens", False)
    return one_by_one and hasattr(model, "skip") and not isinstance(model, models.DenseNet)


def _blocks(subject, images):
    return models.blocks(subject.model, subject.variables, images)
