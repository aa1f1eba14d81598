"""Largest eigenvalues of the Hessian: against depth at one loss, and at the edge of stability."""

import dataclasses
import functools

import jax
import numpy as np

from experiments.reproductions.records import Reproduction, exponent, over_seeds
from lsgeo import data, extreme_eigenpairs, geometry, hessian, models
from lsgeo.draws import named


@dataclasses.dataclass
class Depths:
    """Networks on the digits whose sharpness is compared at one training loss, by full-batch descent.

    Attributes:
      depths: blocks of each network.
      width: units of a block.
      num_train: training examples.
      loss_level: the training loss at which all are measured, in nats.
      learning_rate: of gradient descent: small, so that its limit 2 / rate holds nothing down.
      num_steps: steps at most.
      every: steps between two looks at the loss.
      num_seeds: initial weights, each with a split of its own.
    """

    depths: tuple[int, ...] = (4, 8, 16, 32)
    width: int = 32
    num_train: int = 500
    loss_level: float = 0.5
    learning_rate: float = 0.01
    num_steps: int = 4000
    every: int = 5
    num_seeds: int = 5


@dataclasses.dataclass
class Edges:
    """Full-batch gradient descent on 20 points of a Chebyshev polynomial, whose sharpness is followed.

    Attributes:
      width: units of both hidden layers.
      degree: of the polynomial.
      time: how long is trained, in steps times rate.
      num_looks: measurements, evenly spaced; the last third of them is kept.
      num_seeds: initial weights.
    """

    width: int = 100
    degree: int = 5
    time: float = 400.0
    num_looks: int = 30
    num_seeds: int = 3


def sharpness(loss, params, batch, key: jax.Array) -> float:
    """The largest eigenvalue of the Hessian, or NaN where it has not converged."""
    pairs = extreme_eigenpairs(hessian(loss, params, batch), key=key)
    return float(pairs.values[-1]) if pairs.converged[-1] else np.nan


def _start(options, dataset, seed, name):
    model = models.create("mlp", num_classes=dataset.num_outputs, norm="none", **options)
    start, vector = jax.random.split(named(jax.random.key(seed), name))
    return model, models.init(model, dataset.train["image"], key=start)["params"], vector


def matched_sharpness(sizes: Depths, skip: str, depth: int, seed: int, number: int) -> float:
    """Sharpness where the training loss first is at the level; NaN where it never is."""
    digits = data.load("digits", num_train=sizes.num_train, seed=number)
    options = {"skip": skip, "depth": depth, "width": sizes.width}
    model, params, key = _start(options, digits, seed, f"{skip}_{depth}_{number}")
    loss, batch = models.CrossEntropy(model), digits.train
    rule = {"learning_rate": sizes.learning_rate, "num_steps": sizes.num_steps}
    for state in geometry.descend(loss, params, batch, every=sizes.every, **rule):
        if state.loss <= sizes.loss_level:
            return sharpness(loss, state.params, batch, key)
    return np.nan


def _measure_depths(skip, sizes, seed, folder, progress):
    found = np.empty((sizes.num_seeds, len(sizes.depths)))
    for j, depth in enumerate(sizes.depths):
        for i in range(sizes.num_seeds):
            found[i, j] = matched_sharpness(sizes, skip, depth, seed, i)
        if progress is not None:
            progress(j + 1, len(sizes.depths), f"depth {depth}: sharpness {found[:, j].mean():.3g}")
    share = found.max() * sizes.learning_rate / 2
    measured = {"depths": np.array(sizes.depths), "sharpness": found, "limit_share": share}
    return measured | over_seeds(exponent(sizes.depths, found))


def settled(shares: np.ndarray) -> float:
    """The median of the last third of a series."""
    return float(np.median(shares[-max(1, len(shares) // 3) :]))


def _measure_edge(rate, sizes, seed, folder, progress):
    series = []
    points = data.load("chebyshev", degree=sizes.degree)
    every = max(1, round(sizes.time / rate / sizes.num_looks))
    rule = {"learning_rate": rate, "num_steps": every * sizes.num_looks, "every": every}
    options = {"skip": "none", "depth": 1, "width": sizes.width, "activation": "tanh"}
    for i in range(sizes.num_seeds):
        model, params, key = _start(options, points, seed, f"edge_{rate}_{i}")
        loss, batch = models.SquaredError(model), points.train
        states = geometry.descend(loss, params, batch, **rule)
        series.append([sharpness(loss, state.params, batch, key) for state in states])
        if progress is not None:
            last = rate * settled(np.array(series[-1])) / 2
            progress(i + 1, sizes.num_seeds, f"rate {rate}: {last:.3f} of 2 / rate")
    shares = rate * np.array(series) / 2
    return {"shares": shares, **over_seeds([settled(row) for row in shares])}


def _depth_record(name, skip, quantity, published, lower, upper):
    return Reproduction(
        f"depth_sharpness_{name}",
        f"{quantity}: exponent of the Hessian's largest eigenvalue over depth, at one training loss",
        published,
        lower,
        upper,
        "Noci et al. 2024 (Super consistency, arXiv 2402.17457), abstract",
        "the digits and multilayer perceptrons of width 32 in place of convolutional ResNets on CIFAR-10; "
        "He initialisation in place of µP; at one loss in place of one step",
        "depths",
        functools.partial(_measure_depths, skip),
    )


def _edge_record(inverse):
    return Reproduction(
        f"edge_{inverse}",
        f"full-batch gradient descent at rate 2/{inverse}: sharpness late in training, over 2 / rate",
        "at, or just above, 1 (read off figures to 5 %)",
        0.95,
        1.1,
        "Cohen et al. 2021 (arXiv 2103.00065), section 3, and its Chebyshev regression",
        "their regression of 20 points by two tanh layers of 100 units; He initialisation",
        "edges",
        functools.partial(_measure_edge, 2 / inverse),
    )


RECORDS = (
    _depth_record("scaled", "scaled", "skips with branches over √L", "0, independent", -0.2, 0.2),
    _depth_record("skip", "identity", "bare skips", "not 0: it depends on depth", 0.2, np.inf),
    *(_edge_record(inverse) for inverse in (60, 80, 120)),
)
