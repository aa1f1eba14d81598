"""One jitted update, shared by all runs that differ in values alone."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import optax

from lsgeo.training.recipes.optimizers import Direction
from lsgeo.trees import PyTree


@functools.partial(jax.jit, static_argnums=0)
def init_optimizer(direction: Direction, params: PyTree) -> PyTree:
    """Returns the optimiser's state before the first step."""
    return direction.transformation().init(params)


@dataclasses.dataclass(frozen=True)
class Plan:
    """The static part of an update; equal plans share one compiled function.

    Attributes:
      direction: Direction.
      batch_size: 0 for all examples.
      ema: as in `Recipe`.
      augment: augment(images, *, key) -> images, or None; told apart by identity.
      mix: mix(batch, *, key) -> batch, or None; told apart by identity.
      random: whether the loss takes a `key`.
      mesh: devices that share the batch, or None for one.
    """

    direction: Direction
    batch_size: int = 0
    ema: float = 0.0
    augment: Callable | None = None
    mix: Callable | None = None
    random: bool = False
    mesh: jax.sharding.Mesh | None = None

    @property
    def is_random(self) -> bool:
        """Whether a step draws random numbers, so that its loss is not the one to be measured."""
        return bool(self.augment or self.mix or self.random)


@functools.lru_cache(64)
def update_function(plan: Plan) -> Callable[..., tuple]:
    """Returns the jitted update of a plan; equal plans give the same function.

    The loss is an argument: a pytree, so that its arrays are traced and its module is static. The
    optimiser's state is donated; the parameters are not, because a loss that arrives later may
    show that they are the ones to keep.

    Returns:
      update(params, opt_state, average, loss, data, learning_rate, order, start, key, step) ->
      (params, opt_state, average, loss before the update). With mini-batches, the batch is
      data[order[start:start + size]]; with random parts, all of them come from `key` and `step`.
    """

    def update(
        params, opt_state, average, loss, data, learning_rate, order, start, key=None, step=None
    ):
        batch = _batch(plan, data, order, start)
        options = {}
        if plan.is_random:
            augment_key, mix_key, loss_key = jax.random.split(jax.random.fold_in(key, step), 3)
            batch = _augmented(plan, batch, augment_key, mix_key)
            options = {"key": loss_key} if plan.random else {}
        value, gradient = jax.value_and_grad(loss)(params, batch, **options)
        direction, opt_state = plan.direction.transformation().update(gradient, opt_state, params)
        params = jax.tree.map(lambda p, d: p - learning_rate.astype(p.dtype) * d, params, direction)
        if plan.ema:
            average = optax.incremental_update(params, average, 1 - plan.ema)
        return *_placed(plan, (params, opt_state, average)), value

    return jax.jit(update, donate_argnums=1)


@functools.partial(jax.jit, static_argnums=1)
def epoch_order(key: jax.Array, num_examples: int, epoch: jax.Array) -> jax.Array:
    """Returns the permutation of the examples in an epoch; it depends on the key and the epoch."""
    return jax.random.permutation(jax.random.fold_in(key, epoch), num_examples)


def _batch(plan, data, order, start):
    if not plan.batch_size:
        return data
    index = jax.lax.dynamic_slice_in_dim(order, start, plan.batch_size)
    return _placed(plan, jax.tree.map(lambda leaf: leaf[index], data), "data")


def _augmented(plan, batch, augment_key, mix_key):
    if plan.augment is not None:
        batch = {**batch, "image": plan.augment(batch["image"], key=augment_key)}
    if plan.mix is not None:
        batch = plan.mix(batch, key=mix_key)
    return _placed(plan, batch, "data")


def _placed(plan, tree, *axes):
    if plan.mesh is None:
        return tree
    return jax.lax.with_sharding_constraint(tree, jax.NamedSharding(plan.mesh, jax.P(*axes)))
