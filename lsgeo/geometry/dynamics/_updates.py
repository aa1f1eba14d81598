"""One update of an Optax optimiser: the step that all that trains in `lsgeo.geometry` is made of."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import optax


def jit_for_each(num_static: int = 1) -> Callable[[Callable], Callable]:
    """Compiles a function for each value of its first arguments, and forgets all but the last sixteen.

    Optimisers are told apart by identity: `jit` with static arguments would keep the programs of each fresh
    `optax.adam(...)` for ever.

    Args:
      num_static: of the arguments, those of which the program is made.
    """

    def decorate(function):
        @functools.lru_cache(16)
        def program(*static):
            return jax.jit(functools.partial(function, *static))

        @functools.wraps(function)
        def call(*arguments):
            return program(*arguments[:num_static])(*arguments[num_static:])

        call.cache_info = program.cache_info
        return call

    return decorate


def updated(
    optimizer: optax.GradientTransformation, gradient: Any, state: Any, params: Any
) -> tuple[Any, Any]:
    """Returns the parameters and the optimiser's state after one update."""
    # Optax's own arithmetic promotes, such as Adam's decay to the power of its count.
    with jax.numpy_dtype_promotion("standard"):
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state
