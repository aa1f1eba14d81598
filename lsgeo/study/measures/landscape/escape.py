"""Escape: how often training leaves a bad minimum and a plateau that are built into the network (claim C7)."""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from lsgeo import geometry, models, operators, spectra, trees
from lsgeo.models import skips
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject
from lsgeo.study.traps import linear_classifiers, traps

NUM_TRIES = 4
MARGIN = 0.5
BATCH_SIZE = 16
# Of the loss at the start, below which a try has escaped.
FRACTION = 0.9
# Of the largest stable learning rate at the start: high, for what leaves a minimum is the noise of the steps.
SHARE = 0.9
# By momentum: after so many, some tries have left the minimum and some have not.
NUM_STEPS = {0.0: 1600, 0.9: 2000}
PLATEAU_STEPS = 500
CHECK_EVERY = 50

_OPTIMIZERS = {m: optax.sgd(1 - m, momentum=m or None) for m in NUM_STEPS}
RATES = ("escape_rate", "escape_rate_momentum", "escape_rate_plateau")
COLUMNS = (*RATES, "escape_steps", "escape_steps_bound", "trap_lambda_min")


def _measure(subject: Subject) -> dict[str, float]:
    found = dict.fromkeys(COLUMNS, math.nan)
    if "label" not in subject.batch:
        return found
    batch = parity(subject.batch)
    loss = models.CrossEntropy(subject.model.clone(num_classes=2))
    if subject.model.depth >= 2:
        stuck = _Trap(loss, batch, subject.key, traps.dead_layer)
        found["escape_rate_plateau"] = stuck.escapes(0.0, PLATEAU_STEPS).rate
    linear = best_linear(batch)
    if linear is None:
        return found
    trap = _Trap(
        loss,
        batch,
        subject.key,
        lambda *args, **options: traps.linear_minimum(*args, linear, **options),
    )
    free, heavy = (trap.escapes(momentum, count) for momentum, count in NUM_STEPS.items())
    median = free.median()[0]
    return found | {
        "escape_rate": free.rate,
        "escape_rate_momentum": heavy.rate,
        "escape_steps": min(median, free.num_steps),
        "escape_steps_bound": float(math.isinf(median)),
        "trap_lambda_min": trap.lambda_min,
    }


class _Trap:
    # Tries from a point of one kind, built with features of their own.

    def __init__(self, loss, batch, key, build: Callable[..., Any]):
        starts, self._tries, ends = jax.random.split(key, 3)
        keys = jax.random.split(starts, NUM_TRIES)
        points = [build(loss.model, batch, key=k, margin=MARGIN) for k in keys]
        self._starts = jax.tree.map(lambda *leaves: jnp.stack(leaves), *points)
        self._loss, self._batch = loss, batch
        pairs = spectra.extreme_eigenpairs(
            operators.hessian(loss, points[0], batch), key=ends, top=1, bottom=1, tol=1e-3
        )
        self.lambda_min, lambda_max = map(float, pairs.values)
        self._rate = SHARE * 2 / lambda_max

    def escapes(self, momentum, num_steps):
        return geometry.escape(
            _Sped(self._loss, jnp.asarray(self._rate, jnp.float32)),
            self._starts,
            self._batch,
            key=self._tries,
            optimizer=_OPTIMIZERS[momentum],
            num_steps=num_steps,
            fraction=FRACTION,
            batch_size=BATCH_SIZE,
            every=CHECK_EVERY,
        )


@trees.frozen
class _Sped:
    # A loss times the learning rate: an optimiser with the rate 1 then serves all rates, compiled once.
    loss: Any
    rate: jax.Array

    def __call__(self, params, batch):
        return self.rate * self.loss(params, batch)


def parity(batch: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Images averaged two by two, labelled by whether their digit is odd: no line tells them apart."""
    image = np.asarray(batch["image"])
    if image.ndim == 4 and not any(side % 2 for side in image.shape[1:3]):
        count, height, width, channels = image.shape
        image = image.reshape(count, height // 2, 2, width // 2, 2, channels).mean((2, 4))
    return {"image": jnp.asarray(image), "label": batch["label"] % 2}


def best_linear(batch: dict[str, jax.Array]) -> linear_classifiers.LinearClassifier | None:
    """The best linear classifier of two classes; None where there is none, or one that tells all apart."""
    try:
        return linear_classifiers.fit_linear(batch, 2)
    except (
        ValueError
    ):  # Told apart linearly, or not of two classes: these data have no such minimum.
        return None


def _suits(model: nn.Module) -> bool:
    if not isinstance(model, models.MLP) or model.scan:
        return False
    choice = skips.parse(model.skip)
    skip, options = choice.skip, (model.block, model.norm, model.activation)
    # The trap is solved for: an empty branch lets the stream pass, and has a gradient of one known scale.
    known = skip.passes != "part" and skip.learned is None and not skip.is_random
    return known and not choice.partial and options == ("one_layer", "none", "relu")


ESCAPE = Measure(
    "escape",
    (
        *columns(
            *RATES,
            readings=("init",),
            smallest=Smallest(
                0.1, "one try in ten; with four tries and five seeds two tries are a tenth"
            ),
            floor=0.0,
            ceiling=1.0,
        ),
        *columns(
            "escape_steps",
            readings=("init",),
            smallest=Smallest(
                0.1, "a tenth of the training time: for less nobody changes a network", ratio=True
            ),
        ),
        *columns("escape_steps_bound", "trap_lambda_min", readings=("init",)),
    ),
    _measure,
    source="Goldblum et al. 2020, lemma 1 and table 1; mini-batches of 16 at 0.9 of the largest stable rate",
    cost=2.0,
    suits=_suits,
)
