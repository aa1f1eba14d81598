"""What a surface is taken of: the loss under a batch norm policy, and the directions of each plane."""

import dataclasses
import math
from typing import Any

import jax
import numpy as np

from experiments.common.network import Network
from lsgeo import geometry, models, trees

# What a step of 1 along the first direction is.
UNITS = {
    "filter": "filter norms",
    "layer": "layer norms",
    "global": "norms of all weights",
    "raw": "standard deviations of each weight",
    "eigenvectors": "distance in the parameters",
    "gradient": "distance in the parameters",
    "other": "1: the other network",
    "three": "1: the second network",
    "pca": "1: the farthest checkpoint",
}
RANDOM = ("filter", "layer", "global", "raw")
POLICIES = ("frozen", "batch", "re-estimated")


@dataclasses.dataclass(frozen=True)
class Layout:
    """Directions of one plane, and what is known of it."""

    directions: tuple[Any, ...]
    points: np.ndarray  # (m, number of directions), where networks lie; the first one is the centre
    facts: dict[str, Any]


def num_planes(config: Any) -> int:
    """How many different planes a configuration has: one where nothing is drawn and nothing counted."""
    fixed = config.directions in ("three", "pca") or (
        config.dimensions == 1 and config.directions in ("gradient", "other")
    )
    return 1 if fixed else config.planes


def is_sample(config: Any) -> bool:
    """Says whether planes differ by chance, so that their spread gives an interval."""
    return config.directions != "eigenvectors" and num_planes(config) > 1


def layouts(config: Any, network: Network, loss: Any, others: list[Any]) -> list[Layout]:
    """Makes the directions of all planes; twins of one seed get the same random draws.

    `others` are the parameters that "other" and "three" lead to, or the trajectory of "pca".
    """
    kind, dimensions = config.directions, config.dimensions
    if kind == "eigenvectors":
        return _eigenvectors(config, network, loss)
    if kind == "three":
        return [_three(network.params, *others)]
    if kind == "pca":
        return [_principal(network.params, others, dimensions)]
    keys = [jax.random.fold_in(jax.random.key(config.seed), k) for k in range(num_planes(config))]
    if kind in RANDOM:
        return [_random(config, network, key) for key in keys]
    if kind == "gradient":
        first, slope = geometry.gradient_direction(loss, network.params, network.batch)
        points, facts = np.zeros((1, dimensions)), {"slope": slope}
    else:
        first = geometry.direction_towards(network.params, others[0], name="other")
        facts = {"distance": float(trees.norm(first))}
        points = np.concatenate([np.zeros((1, dimensions)), np.eye(1, dimensions)])
    if dimensions == 1:
        return [Layout((first,), points, facts)]
    return [Layout((first, _beside(first, network.params, key)), points, facts) for key in keys]


def chance_loss(network: Network) -> float:
    """The loss of a uniform guess; NaN where the loss is of no guess."""
    guesses = network.config.loss == "cross_entropy"
    return math.log(network.num_classes) if guesses else math.nan


def policy_loss(network: Network, policy: str) -> Any:
    """The loss with batch norm as `policy` says, at every point of the grid.

    Raises:
      ValueError: if the network has no batch norm to which it applies.
    """
    if policy == "frozen":
        return network.loss
    if not network.constants.get("batch_stats"):
        raise ValueError(
            f"`batch_stats` is {policy!r}, but this network has no batch norm ({network.arm}, "
            f"norm={network.config.norm!r}). Use 'frozen'."
        )
    make = _in_batch if policy == "batch" else Reestimated
    loss = network.loss
    # A loss with weight decay in it has that of the data inside.
    return dataclasses.replace(loss, loss=make(loss.loss)) if hasattr(loss, "loss") else make(loss)


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
class Reestimated:
    """A loss in evaluation mode with the batch statistics of its own examples, at any parameters."""

    data_loss: Any

    def __call__(self, params, batch):
        loss = self.data_loss
        variables = {"params": params, **loss.constants}
        stats = models.reestimate_batch_stats(loss.model, variables, batch["image"])
        return dataclasses.replace(loss, constants={**loss.constants, **stats})(params, batch)


def _in_batch(loss):
    return dataclasses.replace(loss, train=True)


def _random(config, network, key):
    found = geometry.random_directions(
        network.params,
        key=key,
        count=2,  # In one dimension too: the first is then that of the plane of the same seed.
        normalization=config.directions,
        small_leaves=config.small_leaves,
    )
    return Layout(found[: config.dimensions], np.zeros((1, config.dimensions)), {})


def _eigenvectors(config, network, loss):
    # Planes of a highest and a lowest one; lines take turns.
    count = num_planes(config)
    top, bottom = (count, count) if config.dimensions == 2 else ((count + 1) // 2, count // 2)
    found, pairs = geometry.eigenvector_directions(
        loss,
        network.params,
        network.batch,
        key=jax.random.key(config.seed),
        top=top,
        bottom=bottom,
    )
    order = np.argsort([*range(top), *np.arange(bottom) + 0.5], kind="stable")
    turns = [found[i] for i in order]
    values = np.concatenate([pairs.values[::-1][:top], pairs.values[:bottom]])[order]
    residuals = np.concatenate([pairs.residuals[::-1][:top], pairs.residuals[:bottom]])[order]
    size = config.dimensions
    return [
        Layout(
            tuple(turns[size * k : size * (k + 1)]),
            np.zeros((1, size)),
            {
                "eigenvalues": values[size * k : size * (k + 1)],
                "residuals": residuals[size * k : size * (k + 1)],
            },
        )
        for k in range(count)
    ]


def _three(first, second, third):
    plane = geometry.plane_through(first, second, third)
    unit = plane.corners[1, 0]
    scaled = tuple(
        jax.tree.map(lambda leaf: (unit * leaf).astype(leaf.dtype), direction)
        for direction in plane.directions
    )
    return Layout(scaled, plane.corners / unit, {"distance": unit})


def _principal(params, trajectory, dimensions):
    plane = geometry.principal_plane(trajectory)
    places = plane.coordinates - plane.project(params)
    unit = float(np.max(np.linalg.norm(places, axis=1)))
    scaled = tuple(
        jax.tree.map(lambda leaf: (unit * leaf).astype(leaf.dtype), direction)
        for direction in plane.directions[:dimensions]
    )
    points = np.concatenate([np.zeros((1, dimensions)), places[:, :dimensions] / unit])
    return Layout(
        scaled, points, {"distance": unit, "errors": plane.errors, "shares": plane.shares}
    )


def _beside(first, params, key):
    # A random direction at right angles to the first one, as long as it.
    draw = geometry.random_directions(params, key=key, count=1, normalization="raw")[0]
    aside = geometry.orthogonal(draw, first)
    factor = trees.norm(first) / trees.norm(aside)
    return jax.tree.map(lambda leaf: (factor * leaf).astype(leaf.dtype), aside)
