"""How a block joins its shortcut and its branch: the skip types that all families share.

A skip type is a small Flax module. It is called with the stream x, the block's branch and, where the
branch changes the shape, the shortcut that brings x to the new shape; what it does with them is its
equation. Its own parameters live under "skip", beside the branch's: networks that differ in the skip
alone have every other parameter in common, with the same initial value for a key.

A skip type is written as text, a name with options: "identity", "constant(scale=0.5)",
"highway(bias=-4)", "identity(every=2)" for every second block, "identity(stages=(1,))" for stage 1.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo.models import spelling

Branch = Callable[[jax.Array], jax.Array]


def straight(x: jax.Array) -> jax.Array:
    """The shortcut of a block that keeps the stream's shape."""
    return x


class Skip(nn.Module):
    """What all skip types share.

    A type is called as skip(x, branch, shortcut, index, train): x the stream [N, ..., C], `branch`
    and `shortcut` functions of it, `index` the block's number from 0 (traced in a scanned network).

    Attributes:
      num_blocks: blocks of the network, L; a class that has no use for it leaves it alone.
    """

    num_blocks: int = 1

    # Streams that the network carries between its blocks; a type with more has an attribute for it.
    streams: ClassVar[int] = 1

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""


class NoSkip(Skip):
    """F(x): the plain twin. A shortcut's projection is not even built."""

    @nn.compact
    def __call__(self, x, branch, shortcut=straight, index=0, train=False):
        """Returns the branch alone."""
        return branch(x)


class Identity(Skip):
    """S(x) + F(x) (He et al. 2016)."""

    @nn.compact
    def __call__(self, x, branch, shortcut=straight, index=0, train=False):
        """Returns the sum."""
        return shortcut(x) + branch(x)


class Scaled(Skip):
    """S(x) + F(x) / sqrt(L), the only non-trivial scale for independent weights (Hayou et al. 2021)."""

    @nn.compact
    def __call__(self, x, branch, shortcut=straight, index=0, train=False):
        """Returns the sum with the branch scaled down."""
        return shortcut(x) + branch(x) * self.num_blocks**-0.5


class Gated(Skip):
    """g S(x) + F(x), g a number from outside: how much skip does the network need?

    g is a variable of the collection "gates", not a parameter: `models.set_gates` changes it after
    or during training, block by block if wanted, and nothing is compiled again.

    Attributes:
      gate: the value that g starts with; 1 is the identity skip, 0 the plain network.
    """

    gate: float = 1.0

    @nn.compact
    def __call__(self, x, branch, shortcut=straight, index=0, train=False):
        """Returns the sum with the shortcut times the gate."""
        gate = self.variable("gates", "gate", lambda: jnp.asarray(self.gate, jnp.float32)).value
        return gate.astype(x.dtype) * shortcut(x) + branch(x)


SKIPS: dict[str, type[Skip]] = {
    "none": NoSkip,
    "identity": Identity,
    "scaled": Scaled,
    "gated": Gated,
}


@dataclasses.dataclass(frozen=True)
class Choice:
    """A skip type with its options, and the blocks that have it; the others have none.

    Attributes:
      kind: a name of `SKIPS`.
      options: of the type, as sorted pairs.
      every: blocks number every - 1, 2 every - 1, ... have the skip; 1 means all.
      stages: stages that have the skip; None means all.
    """

    kind: str
    options: tuple[tuple[str, Any], ...] = ()
    every: int = 1
    stages: tuple[int, ...] | None = None

    @property
    def partial(self) -> bool:
        """Whether some blocks have no skip."""
        return self.every != 1 or self.stages is not None

    @property
    def streams(self) -> int:
        """Streams that the network carries between its blocks."""
        return self.at(parent=None).streams

    def at(
        self, index: int | None = None, stage: int = 0, *, num_blocks: int = 1, **module
    ) -> Skip:
        """Builds the module of one block, "skip"; `index` None stands for any block that has one."""
        absent = index is not None and (
            (index + 1) % self.every or (self.stages is not None and stage not in self.stages)
        )
        if absent:
            return NoSkip(num_blocks, **module)
        return SKIPS[self.kind](num_blocks, **dict(self.options), **module)


def parse(text: str) -> Choice:
    """Reads a skip type as it is written in a configuration.

    Raises:
      ValueError: for an unknown type or option, or a value out of its range.

    >>> parse("gated(gate=0.5, every=2)")
    Choice(kind='gated', options=(('gate', 0.5),), every=2, stages=None)
    """
    kind, options = spelling.call("skip", text, {k: _options(v) for k, v in SKIPS.items()})
    every, stages = options.pop("every", 1), options.pop("stages", None)
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise ValueError(f"`every` of the skip {text!r} must be a whole number of at least 1.")
    if stages is not None:
        stages = stages if isinstance(stages, tuple) else (stages,)
    choice = Choice(kind, tuple(sorted(options.items())), every, stages)
    choice.at(parent=None).check()
    if choice.partial and choice.streams > 1:
        raise ValueError(
            f"The skip {text!r} carries {choice.streams} streams through all blocks; `every` and "
            "`stages` have no meaning for it. Leave them out."
        )
    return choice


def split(choice: Choice, x: jax.Array) -> jax.Array:
    """Copies the stream [N, ...] into the skip type's streams [n, N, ...]; one stays as it is."""
    return x if choice.streams == 1 else jnp.broadcast_to(x[None], (choice.streams, *x.shape))


def merge(choice: Choice, x: jax.Array) -> jax.Array:
    """The sum of the streams, [n, N, ...] -> [N, ...]; one stays as it is."""
    return x if choice.streams == 1 else x.sum(0)


def _options(module):
    own = {f.name: f.default for f in dataclasses.fields(module)}
    inherited = {f.name for f in dataclasses.fields(Skip)}
    return {k: v for k, v in own.items() if k not in inherited} | {"every": 1, "stages": None}
