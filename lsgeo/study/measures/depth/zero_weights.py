"""The Hessian of deep linear residual networks about the point where all weights are zero (claim C21).

A chain of L blocks x + W_m ... W_1 x, one shortcut over m layers each, is fitted by least squares to the data's
leading principal components. At zero weights the numbers are constants of the theory, such as no curvature at
all over three layers; here weights are N(0, 0.01^2): the law is about a neighbourhood, and has an error.
"""

import math

import numpy as np

from lsgeo import models
from lsgeo.draws import generator
from lsgeo.study.measures.records import Measure, columns
from lsgeo.study.measures.subject import Subject

WIDTH = 3  # principal components that the chain carries
LENGTHS = (1, 2, 3)  # layers under a shortcut
SCALE = 0.01  # of the weights, where the numbers of principal components have the mean square 1
_STEP = 1e-30  # imaginary: a derivative by it loses no digit


def _measure(subject: Subject) -> dict[str, float]:
    if "label" not in subject.batch:
        return dict.fromkeys(ZERO_WEIGHTS.names, math.nan)
    second, cross = _moments(subject)
    rng, spectra = generator(subject.key), {}
    for length in LENGTHS:
        shape = (subject.model.depth, length, *second.shape)
        weights = SCALE * rng.standard_normal(shape)
        spectra[length] = np.abs(np.linalg.eigvalsh(chain_hessian(second, cross, weights)))
    found = {f"zero_condition_{length}": _condition(spectra[length]) for length in (1, 2)}
    return found | {"zero_curvature_3": float(spectra[3].max() / spectra[2].max())}


def _moments(subject):
    # E x x' and E t x': principal components with the mean square 1, and centred indicators of classes.
    images = np.asarray(subject.batch["image"], np.float64)
    images = images.reshape(len(images), -1)
    size = min(WIDTH, subject.num_classes, *images.shape)
    left, scales, _ = np.linalg.svd(images - images.mean(0), full_matrices=False)
    x = left[:, :size] * scales[:size]
    # A component's sign is free: the largest score is positive.
    x *= np.sign(x[np.abs(x).argmax(0), np.arange(size)]) / np.sqrt(np.mean(x**2))
    t = np.eye(subject.num_classes)[np.asarray(subject.batch["label"])][:, :size]
    t = t - t.mean(0)
    return x.T @ x / len(x), t.T @ x / len(x)


def _condition(sizes):
    smallest = sizes.min()
    return float(sizes.max() / smallest) if smallest > 0 else math.inf


def chain_hessian(second: np.ndarray, cross: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The Hessian of E ||P x - t||^2 / 2, P the product of I + W_m ... W_1 over all blocks.

    Li et al. 2016, Demystifying ResNet, arXiv 1611.01186. Each column is the derivative of the gradient by one
    weight, taken by a step in the imaginary direction (Squire and Trapp 1998): exact to rounding.

    Args:
      second: E x x', [d, d].
      cross: E t x', [d, d].
      weights: [L, m, d, d], of L blocks with m layers under each shortcut.

    Returns:
      [n, n] float64, n = L m d^2, weights in the order block, layer, row, column.
    """
    count, (depth, length, size, _) = weights.size, weights.shape
    steps = 1j * _STEP * np.eye(count)
    weights = weights + steps.reshape(count, *weights.shape)
    gradient = np.zeros((count, depth, length, size, size))
    below, inside = _products(weights)
    upper = below[-1] @ second - cross
    for block in reversed(range(depth)):
        push = upper @ below[block].swapaxes(1, 2)
        for layer in reversed(range(length)):
            rest = inside[block][layer].swapaxes(1, 2)
            gradient[:, block, layer] = (push @ rest).imag / _STEP
            push = weights[:, block, layer].swapaxes(1, 2) @ push
        whole = np.eye(size) + inside[block][-1]
        upper = whole.swapaxes(1, 2) @ upper
    return gradient.reshape(count, count)


def _products(weights):
    # Of all blocks below each one, and of a block's layers below each one; the last is that of all.
    count, depth, length, size, _ = weights.shape
    eye = np.broadcast_to(np.eye(size, dtype=complex), (count, size, size))
    below, inside = [eye], []
    for block in range(depth):
        inside.append([eye])
        for layer in range(length):
            inside[-1].append(weights[:, block, layer] @ inside[-1][-1])
        below.append((np.eye(size) + inside[-1][-1]) @ below[-1])
    return below, inside


ZERO_WEIGHTS = Measure(
    "zero_weights",
    columns(
        *("zero_condition_1", "zero_condition_2", "zero_curvature_3"), readings=("init",), floor=0.0
    ),
    _measure,
    source="Li et al. 2016, Demystifying ResNet, theorems 1 and 2",
    cost=0.3,
    suits=lambda model: isinstance(model, models.MLP),
)
