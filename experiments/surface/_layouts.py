"""What a surface is taken of, and must not be: the loss under a policy, the directions of each plane."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from experiments.common import losses
from experiments.common.fields import check_choice, check_least
from experiments.common.network import Network
from lsgeo import geometry, results, trees

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
LED_TO = {"other": ("other",), "three": ("other", "third")}  # the networks that directions need


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
    return [Layout((first, _beside(first, network, key)), points, facts) for key in keys]


def policy_loss(network: Network, policy: str) -> Any:
    """The loss with batch norm as `policy` says, at every point of the grid."""
    if policy == "frozen":
        return network.loss
    if not network.constants.get("batch_stats"):
        raise ValueError(
            f"`batch_stats` is {policy!r}, but this network has no batch norm ({network.arm}, "
            f"norm={network.config.norm!r}). Use 'frozen'."
        )
    loss = network.loss
    # A loss with weight decay in it has that of the data inside.
    inner = getattr(loss, "loss", loss)
    made = dataclasses.replace(inner, train=True) if policy == "batch" else Reestimated(inner)
    return made if inner is loss else dataclasses.replace(loss, loss=made)


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
class Reestimated:
    """A loss in evaluation mode with the batch statistics of its own examples, at any parameters."""

    data_loss: Any

    def __call__(self, params: Any, batch: Any) -> jax.Array:
        return losses.reestimated(self.data_loss, params, batch)(params, batch)


def _random(config, network, key):
    found = geometry.random_directions(
        network.params,
        key=key,
        count=2,  # In one dimension too: the first is then that of the plane of the same seed.
        normalization=config.directions,
        small_leaves=config.small_leaves,
        loss=network.loss,
        batch=network.batch,
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
    ends = {"eigenvalues": pairs.values, "residuals": pairs.residuals}
    ends = {name: np.concatenate([one[::-1][:top], one[:bottom]]) for name, one in ends.items()}
    turns = order.reshape(count, config.dimensions)
    return [
        Layout(
            tuple(found[i] for i in turn),
            np.zeros((1, config.dimensions)),
            {name: one[turn] for name, one in ends.items()},
        )
        for turn in turns
    ]


def _three(first, second, third):
    plane = geometry.plane_through(first, second, third)
    unit = float(plane.corners[1, 0])
    scaled = tuple(_times(unit, direction) for direction in plane.directions)
    return Layout(scaled, plane.corners / unit, {"distance": unit})


def _principal(params, trajectory, dimensions):
    plane = geometry.principal_plane(trajectory)
    places = plane.coordinates - plane.project(params)
    unit = float(np.max(np.linalg.norm(places, axis=1)))
    scaled = tuple(_times(unit, direction) for direction in plane.directions[:dimensions])
    points = np.concatenate([np.zeros((1, dimensions)), places[:, :dimensions] / unit])
    return Layout(
        scaled, points, {"distance": unit, **results.entries(plane, ("errors", "shares"))}
    )


def _beside(first, network, key):
    # A random direction at right angles to the first one, as long as it.
    (draw,) = geometry.random_directions(
        network.params,
        key=key,
        count=1,
        normalization="raw",
        loss=network.loss,
        batch=network.batch,
    )
    aside = geometry.orthogonal(draw, first)
    return _times(trees.norm(first) / trees.norm(aside), aside)


def _times(factor, direction):
    return jax.tree.map(lambda leaf: (factor * leaf).astype(leaf.dtype), direction)


def check(config: Any) -> None:
    """Raises a ValueError for a bad field, by its name."""
    check_least(config, resolution=3, planes=1, chunk=1)
    for name in ("nx", "ny"):
        if (count := getattr(config, name)) < 3 and count != 0:
            raise ValueError(f"`{name}` must be at least 3, or 0 for `resolution`; got {count}.")
    if config.dimensions not in (1, 2):
        raise ValueError(f"`dimensions` must be 1 or 2; got {config.dimensions}.")
    check_choice(config, directions=UNITS, batch_stats=POLICIES, small_leaves=("zero", "keep"))
    _check_others(config)
    for axis in "xy":
        low, high = getattr(config, f"{axis}_min"), getattr(config, f"{axis}_max")
        if not low < high:
            raise ValueError(f"`{axis}_min` must be below `{axis}_max`; got {low} and {high}.")


def _check_others(config):
    kind = config.directions
    for name in ("other", "third"):
        if bool(getattr(config, name)) != (name in LED_TO.get(kind, ())):
            raise ValueError(
                f"`{name}` is {getattr(config, name)!r}, and `directions` is {kind!r}: 'other' leads to the "
                "network of `other`, 'three' also needs `third`, all else needs neither."
            )
    if config.twin and kind in LED_TO:
        raise ValueError(
            f"`twin` cannot be on a plane that leads to `other`; make one run each (`directions` is {kind!r})."
        )
    if kind == "three" and config.dimensions == 1:
        raise ValueError("`dimensions` must be 2 for the plane through 'three' networks; got 1.")


def check_arms(config: Any, networks: Iterable[Network]) -> None:
    """Raises a ValueError where a figure could not tell two networks apart."""
    arms = [network.arm for network in networks]
    if config.figure and len(set(arms)) < len(arms):
        raise ValueError(
            f"`run` and `twin` are both called {arms[0]!r} in figures. Take networks of different skip types, "
            "make one run for each, or set `figure` to False."
        )
