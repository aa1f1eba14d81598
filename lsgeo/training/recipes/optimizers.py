"""Directions of a step of length one, put together from Optax's parts.

The learning rate is not among them: it is a traced argument of the step, so that runs that differ in
it share one compiled function.
"""

import dataclasses
import functools
from typing import Any

import optax

from lsgeo.training.recipes._leaves import selected

OPTIMIZERS = ("sgd", "momentum", "nesterov", "adam", "adamw")
DECAYS = ("loss", "gradient", "decoupled")


@dataclasses.dataclass(frozen=True)
class Direction:
    """What decides the direction of a step; equal ones share compiled functions.

    The fields are those of `Recipe`.
    """

    optimizer: str
    momentum: float
    weight_decay: float
    decay: str
    decay_leaves: tuple[str, ...]
    clip_norm: float
    rate_leaves: tuple[str, ...]
    rate_factors: tuple[float, ...]

    def transformation(self) -> optax.GradientTransformation:
        """Puts the parts in order: clip, decay in the gradient, optimiser, decoupled decay, group rates.

        A leaf's own rate is applied last and so also to its decoupled decay, as a parameter group's rate
        is in PyTorch.
        """
        parts = [_optimizer(self.optimizer, self.momentum)]
        if self.weight_decay and self.decay != "loss":
            decay = optax.add_decayed_weights(
                self.weight_decay,
                lambda params: selected(params, self.decay_leaves, "decay_leaves"),
            )
            parts.insert(0 if self.decay == "gradient" else 1, decay)
        if self.clip_norm:
            parts.insert(0, optax.clip_by_global_norm(self.clip_norm))
        for glob, factor in zip(self.rate_leaves, self.rate_factors, strict=True):
            mask = functools.partial(selected, patterns=(glob,), name="rate_leaves")
            parts.append(optax.masked(optax.scale(factor), mask))
        return parts[0] if len(parts) == 1 else optax.chain(*parts)


def direction_of(recipe: Any) -> Direction:
    """Takes the fields of a Direction from a Recipe."""
    fields = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(Direction)}
    lists = {
        name: tuple(value) for name, value in fields.items() if isinstance(value, list | tuple)
    }
    return Direction(**{**fields, **lists})


def _optimizer(name, momentum):
    if name == "sgd":
        return optax.identity()
    if name in ("momentum", "nesterov"):
        return optax.trace(decay=momentum, nesterov=name == "nesterov")
    adam = optax.scale_by_adam()

    def update(updates, state, params=None):
        # Optax raises a fraction to the power of a whole number, which asks the session to promote it.
        count = state.count.astype(float)
        updates, after = adam.update(updates, state._replace(count=count), params)
        return updates, after._replace(count=after.count.astype(state.count.dtype))

    return optax.GradientTransformation(adam.init, update)
