"""Stalls: how often ordinary training ends in a bad minimum or on a plateau (claim C7).

Minima that are built say that there are bad ones, not that training meets them. Here networks are trained
from fresh initial weights, each arm at its own best rate of a grid, on labels that no linear classifier
tells apart. A training has stalled where it ends no better than the best linear classifier, which is what a
bad minimum of Goldblum et al. (2020) is worth, and has stopped falling: it is then on a plateau, near the
loss of the best constant prediction, or in a minimum below that.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from lsgeo import models
from lsgeo.study.measures.landscape import escape
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject
from lsgeo.study.races import races

NUM_TRIES = 8
RATES = (0.001, 0.003, 0.01, 0.03)
MOMENTUM = 0.9
BATCH_SIZE = 16
NUM_STEPS = 1500
CHECK_EVERY = 50
PLATEAU = (
    0.95  # Of the best constant prediction's loss, above which a stalled training is on a plateau.
)
STILL = 0.02  # Relative fall over the second half of training, below which it has stopped.
SHARES = ("stall_share", "stall_plateau_share", "stall_minimum_share")
COLUMNS = (*SHARES, "stall_rate", "stall_loss")


def _measure(subject: Subject) -> dict[str, float]:
    if "label" not in subject.batch:
        return dict.fromkeys(COLUMNS, math.nan)
    batch = escape.parity(subject.batch)
    classifier = escape.best_linear(batch)
    if classifier is None:
        return dict.fromkeys(COLUMNS, math.nan)
    loss = models.CrossEntropy(subject.model.clone(num_classes=2))
    weights, order = jax.random.split(subject.key)
    drawn = [
        models.init(loss.model, batch["image"], key=key)["params"]
        for key in jax.random.split(weights, NUM_TRIES)
    ]
    starts = jax.tree.map(lambda *leaves: jnp.stack(leaves), *drawn)
    losses = np.asarray(_trained(loss, starts, batch, order, jnp.asarray(RATES, jnp.float32)))
    constant = races.constant_loss(np.asarray(batch["label"]))
    return stalled(losses, classifier.loss, constant)


@jax.jit
def _trained(loss, starts, batch, key, rates):
    # Losses on all examples, [rates, tries, checks + 1]; every rate sees the same batches.
    count = len(batch["label"])
    optimizer = optax.inject_hyperparams(optax.sgd)(0.0, momentum=MOMENTUM)
    order = jax.random.randint(key, (NUM_STEPS // CHECK_EVERY, CHECK_EVERY, BATCH_SIZE), 0, count)

    def train(params, rate):
        state = optimizer.init(params)
        state.hyperparams["learning_rate"] = rate.astype(jnp.float32)

        def step(carry, rows):
            params, state = carry
            part = jax.tree.map(lambda array: array[rows], batch)
            updates, state = optimizer.update(jax.grad(loss)(params, part), state, params)
            return (optax.apply_updates(params, updates), state), None

        def check(carry, rows):
            carry, _ = jax.lax.scan(step, carry, rows)
            return carry, loss(carry[0], batch)

        _, seen = jax.lax.scan(check, (params, state), order)
        return jnp.concatenate([loss(params, batch)[None], seen])

    over_tries = jax.vmap(train, in_axes=(0, None))
    return jax.vmap(over_tries, in_axes=(None, 0))(starts, rates)


def stalled(losses: np.ndarray, linear: float, constant: float) -> dict[str, float]:
    """Counts the trainings that stalled, at the best rate.

    Args:
      losses: [rates, tries, checks], on all examples, ascending in time; not finite once a training diverged.
      linear: loss of the best linear classifier.
      constant: loss of the best constant prediction.

    Returns:
      stall_share, the share of the tries at the best rate, that of the lowest mean of the last losses, that end
      above 0.9 of the linear classifier's loss and have fallen by less than 2 % over the second half of the
      checks; of them those on a plateau, above 0.95 of the constant prediction's loss, and those in a minimum;
      stall_rate, the best rate's place in the grid; stall_loss, the mean there. A try that diverged leaves its
      rate out; NaN where that leaves none.
    """
    last = losses[..., -1]
    means = np.where(np.isfinite(losses).all((1, 2)), last.mean(1), np.inf)
    best = int(np.argmin(means))
    if not math.isfinite(means[best]):
        return dict.fromkeys(COLUMNS, math.nan)
    ends, half = last[best], losses[best, :, losses.shape[-1] // 2]
    stuck = (ends > escape.FRACTION * linear) & (ends > (1 - STILL) * half)
    plateau = stuck & (ends > PLATEAU * constant)
    return {
        "stall_share": float(stuck.mean()),
        "stall_plateau_share": float(plateau.mean()),
        "stall_minimum_share": float((stuck & ~plateau).mean()),
        "stall_rate": float(best),
        "stall_loss": float(ends.mean()),
    }


def _suits(model: nn.Module) -> bool:
    # The loss is that of evaluation: without batch statistics and random numbers.
    if not isinstance(model, models.MLP) or model.norm == "batch" or model.scan:
        return False
    return not models.skips.parse(model.skip).skip.is_random


STALLS = Measure(
    "stalls",
    (
        *columns(
            *SHARES,
            readings=("init",),
            smallest=Smallest(0.1, "one training in ten; eight tries of five seeds are forty"),
            floor=0.0,
            ceiling=1.0,
        ),
        *columns("stall_rate", "stall_loss", readings=("init",)),
    ),
    _measure,
    source="ordinary training beside Goldblum et al. 2020, table 1: SGD with momentum 0.9, mini-batches of 16",
    cost=2.0,
    suits=_suits,
)
