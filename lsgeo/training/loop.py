"""The training loop: a host loop over one jitted update, with the exact loss of every snapshot.

With the full batch the loss that the update computes is the training loss itself, so that each
step is checked against the loss levels at no extra cost. The check of step t runs while step t + 1
is computed: the device never waits for the host. With mini-batches, and where a step is random, the
loss on all examples is measured every `eval_every` steps and at snapshots, and only there; the
losses of the updates are looked at for divergence alone.
"""

import collections
import dataclasses
import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo.training import _devices as placing
from lsgeo.training._steps import Plan, epoch_order, init_optimizer, update_function
from lsgeo.training.judge import Fit, Judge, Observer, State
from lsgeo.training.recipes.optimizers import direction_of
from lsgeo.training.recipes.recipe import Recipe
from lsgeo.trees import PyTree

Loss = Callable[[PyTree, PyTree], jax.Array]
LAG = 2  # Updates in flight before the oldest one's loss is read.
STEP_STREAM = np.uint32(2**32 - 1)  # No epoch gets so far: the orders' keys and the steps' differ.


def start(params: PyTree, recipe: Recipe) -> State:
    """Returns the state before the first update.

    Raises:
      ValueError: if a glob of the recipe matches no parameter.
    """
    params = jax.tree.map(jnp.asarray, params)
    opt_state = init_optimizer(direction_of(recipe), params)
    average = params if recipe.ema else None
    return State(params, opt_state, 0, [-1] * len(recipe.levels), average)


def fit(
    loss: Loss,
    state: State,
    data: PyTree,
    recipe: Recipe,
    *,
    key: jax.Array,
    evaluate: Callable[..., float] | None = None,
    observer: Observer | None = None,
    augment: Callable[..., jax.Array] | None = None,
    mix: Callable[..., PyTree] | None = None,
    random: bool = False,
    loss_at: Callable[[int], Loss] | None = None,
    devices: Sequence[jax.Device] | None = None,
) -> Fit:
    """Trains until the recipe's end, `stop_loss`, or divergence.

    All randomness of step t comes from `key` and t, so that a run that continues from a state makes the
    same bits (on CPU) as one that was never interrupted.

    Args:
      loss: training loss(params, batch) -> scalar, a mean over examples. A pytree that is called
        shares its compiled update with others of its structure, a plain function with itself. Weight
        decay that the recipe has in the loss is added here.
      state: from `start`, or a resume state; its `opt_state` is used up.
      data: batch of all training examples, examples on the leading axis.
      recipe: Recipe.
      key: typed random key of the order of the examples and of every random part of a step; unused with
        the full batch where nothing is random.
      evaluate: evaluate(params) -> the training loss on all examples, without decay (it is added here),
        which mini-batches and random steps need. With the full batch, None takes the loss of the
        update itself. With `loss_at` it is called as evaluate(params, step).
      observer: hears of losses, snapshots and resume states.
      augment: augment(images, *, key) -> images, applied to batch["image"] inside the compiled update.
        Pass the same function object to runs that shall share the compiled update.
      mix: mix(batch, *, key) -> batch, applied after `augment`: mixup, for instance. As for `augment`.
      random: whether the loss takes a fresh `key=` at each step, for dropout or stochastic depth.
      loss_at: loss_at(step) -> the loss of that step's update, such as one with a gate that closes: of
        the structure of `loss`, with other arrays, so that nothing compiles again. None is `loss`.
      devices: devices that share a batch which they divide, None for all local ones; else the first
        does all the work.

    Returns:
      Fit.

    Raises:
      ValueError: if the batch is larger than the data, mini-batches or random steps come without
        `evaluate`, or images are to be augmented and the data has none.
    """
    num_examples = jax.tree.leaves(data)[0].shape[0]
    recipe.check_size(num_examples)
    mesh = placing.mesh_of(recipe.batch_size or num_examples, devices)
    plan = Plan(direction_of(recipe), recipe.batch_size, recipe.ema, augment, mix, random, mesh)
    _check(plan, data, evaluate)
    place = functools.partial(placing.replicate, mesh=mesh)
    objective = place(recipe.objective(loss))

    def losses(step):
        return objective if loss_at is None else recipe.objective(loss_at(step))

    data = jax.tree.map(jnp.asarray, data)
    data = place(data) if recipe.batch_size else placing.split(data, mesh)
    state = dataclasses.replace(
        state,
        params=place(state.params),
        opt_state=place(state.opt_state),
        average=place(state.average),
    )
    measure = _measure(recipe, evaluate, scheduled=loss_at is not None)
    judge = Judge(recipe, state, observer or Observer(), num_examples)
    update = _update(plan, losses, data, recipe, num_examples, key, state.params)
    for event in _events(update, state, recipe, judge, measure):
        if isinstance(event, State):
            judge.observer.on_state(dataclasses.replace(event, reached=list(judge.reached)))
        elif judge.ends(*event):
            break
    return judge.result(measure or (lambda params, step: _value(losses(step), params, data)))


def _check(plan, data, evaluate):
    if (plan.batch_size or plan.is_random) and evaluate is None:
        raise ValueError(
            "`evaluate` is missing: with mini-batches, `augment`, `mix` or a random loss the loss on all "
            "training examples has to be measured. Pass a function of the parameters that returns it."
        )
    if plan.augment is not None and not (isinstance(data, dict) and "image" in data):
        raise ValueError(
            "`augment` changes data['image'], but the data has no such entry. Pass a dict with it, or leave "
            "`augment` out."
        )


def _measure(recipe, evaluate, scheduled):
    # The training loss as a function of the parameters and the step, its decay included.
    if evaluate is None:
        return None

    def measure(params, step):
        value = evaluate(params, step) if scheduled else evaluate(params)
        return float(value) + recipe.penalty(params)

    return measure


@jax.jit
def _value(loss, params, data):
    return loss(params, data)


def _update(plan, losses, data, recipe, num_examples, key, params):
    # A function of a state that returns the next one and the loss before the step.
    compiled = update_function(plan)
    # One more, for the update of the full batch that is not kept.
    rates = np.append(recipe.rates(), 0).astype(jax.tree.leaves(params)[0].dtype)
    per_epoch = num_examples // recipe.batch_size if recipe.batch_size else 0
    step_key = jax.random.fold_in(key, STEP_STREAM) if plan.is_random else None

    @functools.lru_cache(1)
    def orders(epoch):
        return placing.replicate(epoch_order(key, num_examples, np.int32(epoch)), plan.mesh)

    def update(state):
        order = start = None
        if per_epoch:
            epoch, position = divmod(state.step, per_epoch)
            order, start = orders(epoch), np.int32(position * recipe.batch_size)
        step = np.int32(state.step) if plan.is_random else None
        *after, value = compiled(
            state.params,
            state.opt_state,
            state.average,
            losses(state.step),
            data,
            rates[state.step],
            order,
            start,
            step_key,
            step,
        )
        params, opt_state, average = after
        return State(params, opt_state, state.step + 1, state.reached, average), value

    return update


def _events(update, state, recipe, judge, measure):
    # States to save, and triples (state, loss, whether it is the loss on all training examples), in the
    # order of the steps. The loss of the last state is that of an update that is not kept.
    first, last = state.step, recipe.max_steps
    pending = collections.deque()
    for step in range(first, last + 1):
        if recipe.save_every and step % recipe.save_every == 0 and step > first:
            yield from _read(pending, 0)
            yield state
        if measure is not None and judge.measures(step):
            yield from _read(pending, 0)
            yield state, measure(state.params, step), True
        if measure is not None and step == last:
            return
        before = state
        state, value = update(state)
        pending.append((before, value, measure is None))
        yield from _read(pending, LAG)
    yield from _read(pending, 0)


def _read(pending, keep):
    while len(pending) > keep:
        state, value, is_measured = pending.popleft()
        yield state, float(value), is_measured
