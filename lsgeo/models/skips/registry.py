"""How a block joins its shortcut and its branch: the skip types that all families share.

A skip type is a small Flax module. It is called with the stream x, the block's branch and, where the
branch changes the shape, the shortcut that brings x to the new shape; what it does with them is its
equation. Its own parameters live under "skip", beside the branch's: networks that differ in the skip
alone have every other parameter in common, with the same initial value for a key.

A skip type is written as text, a name with options: "identity", "constant(scale=0.5)",
"highway(bias=-4)", "identity(every=2)" for every second block, "identity(stages=(1,))" for stage 1.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from lsgeo.models import spelling
from lsgeo.models.skips import _attended as attended
from lsgeo.models.skips import gates, scales, streams
from lsgeo.models.skips.base import Skip, require

SKIPS: dict[str, type[Skip]] = {
    "none": scales.NoSkip,
    "identity": scales.Identity,
    "constant": scales.Constant,
    "scaled": scales.Scaled,
    "gated": scales.Gated,
    "rezero": scales.ReZero,
    "skipinit": scales.SkipInit,
    "layerscale": scales.LayerScale,
    "highway": gates.Highway,
    "exclusive_gate": gates.ExclusiveGate,
    "shortcut_gate": gates.ShortcutGate,
    "projection": gates.Projection,
    "dropout": gates.Dropout,
    "stochastic_depth": gates.StochasticDepth,
    "hyper": streams.Hyper,
    "mhc": streams.ManifoldHyper,
    "attention": attended.Attention,
}


def check(types: dict[str, type[Skip]]) -> None:
    """Raises a ValueError for a skip type that does not say what passes it, or how its gate is read."""
    for name, kind in types.items():
        for what, values in (
            ("passes", "'nothing', 'stream' or 'part'"),
            ("learned", "a Weight, Opening or Mixing, or None: it has no gate"),
        ):
            if not hasattr(kind, what):
                raise ValueError(
                    f"The skip type {name!r} does not state `{what}`. Set the attribute in its class: {values}."
                )


check(SKIPS)


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
    def skip(self) -> Skip:
        """The type with its options, for what it says about itself."""
        return self.at(parent=None)

    @property
    def streams(self) -> int:
        """Streams that the network carries between its blocks."""
        return self.skip.streams

    def at(
        self, index: int | None = None, stage: int = 0, *, num_blocks: int = 1, **module: Any
    ) -> Skip:
        """Builds the module of one block, "skip"; `index` None stands for any block that has one."""
        absent = index is not None and (
            (index + 1) % self.every or (self.stages is not None and stage not in self.stages)
        )
        if absent:
            return scales.NoSkip(num_blocks, **module)
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
    require(every >= 1, "every", every, "at least 1")
    if stages is not None:
        given, stages = stages, stages if isinstance(stages, tuple) else (stages,)
        numbers = stages and all(type(stage) is int and stage >= 0 for stage in stages)
        require(numbers, "stages", given, "a stage's number from 0, or a tuple of such")
    choice = Choice(kind, tuple(sorted(options.items())), every, stages)
    choice.skip.check()
    if choice.partial and choice.streams > 1:
        raise ValueError(
            f"The skip {text!r} carries {choice.streams} streams through all blocks; `every` and "
            "`stages` have no meaning for it. Leave them out."
        )
    return choice


def split(choice: Choice, x: jax.Array, num_blocks: int) -> jax.Array:
    """Brings the stream [N, ...] into the skip type's streams [n, N, ...]; one stays as it is."""
    skip = choice.at(num_blocks=num_blocks, parent=None)
    if skip.streams == 1:
        return x
    if skip.reader is None:
        return jnp.broadcast_to(x[None], (skip.streams, *x.shape))
    return jnp.zeros((skip.streams, *x.shape), x.dtype).at[0].set(x)


def merge(choice: Choice, x: jax.Array) -> jax.Array:
    """One stream of them all, [n, N, ...] -> [N, ...]; in a compact method, for it may have parameters."""
    if choice.streams == 1:
        return x
    reader = choice.skip.reader
    return x.sum(0) if reader is None else reader(name="skip_head")(x, len(x))


def _options(module):
    own = {f.name: f.default for f in dataclasses.fields(module)}
    inherited = {f.name for f in dataclasses.fields(Skip)}
    return {k: v for k, v in own.items() if k not in inherited} | {"every": 1, "stages": None}
