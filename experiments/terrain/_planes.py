"""What `experiments.terrain` measures of a network: its random planes, and how smooth its gradient is."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from experiments.common.network import Network
from lsgeo import geometry, results, runs
from lsgeo.geometry import terrain

# The smoothness of a network, and the entries of its planes.
Measured = tuple[float, list[dict[str, Any]]]


def measure(
    config: Any,
    opened: runs.Run,
    side: str,
    networks: Sequence[Network],
    step: Callable[[str], None],
) -> list[Measured]:
    """Measures the networks of one side, each plane into a file; what is there is left alone."""
    measured = []
    for k, network in enumerate(networks):
        entries = []
        for p in range(config.planes):
            compute = functools.partial(plane, config, network, k, p)
            entries.append(opened.stage(f"{side}_{k}_plane_{p}", network.sha256, compute))
            step(_line(network, entries[-1]))
        compute = functools.partial(_smoothness, config, network)
        smooth = opened.stage(f"{side}_{k}", network.sha256, compute)
        measured.append((smooth["smoothness"], entries))
    return measured


def check(config: Any) -> None:
    """Raises a ValueError for a bad field, without a network: on a flat plane."""
    flat = geometry.Surface(*[_axis(config)] * 2, np.ones((config.resolution,) * 2))
    one = dataclasses.replace(config, num_fields=min(config.num_fields, 1))
    figures(flat, one, 1.0, jax.random.key(0))


def plane(config: Any, network: Network, k: int, p: int) -> dict[str, Any]:
    """The p-th plane of the k-th network of a side; both sides have the same directions."""
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(config.seed), k), p)
    draw, fields = jax.random.split(key)
    directions = geometry.filter_normalized_directions(
        network.params, key=draw, loss=network.loss, batch=network.batch
    )
    xs = _axis(config)
    surface = geometry.surface(*network.problem, directions, xs=xs, ys=xs)
    return {**results.entries(surface), **figures(surface, config, network.chance_loss, fields)}


def figures(
    surface: geometry.Surface, config: Any, chance: float, key: jax.Array
) -> dict[str, Any]:
    """All figures of one surface, its merge tree and the null."""
    radius = terrain.convexity_radius(surface, test=config.test)
    hessian = terrain.plane_hessian(surface)
    rough = terrain.roughness(surface, windows=config.windows)
    tree = terrain.merge_tree(surface, neighbours=config.neighbours)
    null = terrain.persistence_null(
        surface, key=key, **results.entries(config, ("threshold", "num_fields", "neighbours"))
    )
    return {
        "non_convex_fraction": hessian.non_convex_fraction(),
        "negative_laplacian": surface.non_convex_fraction(),
        "convexity_radius": radius.value,
        "radius_censored": radius.censored,
        "negative_curvature": float(np.mean(hessian.ratio())),
        "hull_deficit": terrain.hull_deficit(surface).relative,
        "basin_area": surface.basin_area(chance),
        **{f"roughness_{w}": v for w, v in zip(config.windows, rough.relative, strict=True)},
        "further_minima": null.count,
        "null_counts": null.counts,
        **results.entries(null, ("p_more", "p_fewer")),
        "barrier": null.threshold,
        **results.entries(tree, prefix="tree_"),
    }


def _axis(config):
    return np.linspace(-config.extent, config.extent, config.resolution)


def _smoothness(config, network):
    found = terrain.gradient_smoothness(*network.problem, steps=config.steps)
    return {
        "smoothness": found.value,
        **results.entries(found, ("steps", "values", "gradient_norm")),
        "loss": network.value(),
        "step": network.step,
    }


def _line(network, entry):
    return (
        f"{network.arm}, loss {network.value():.3g}: curves down at {entry['non_convex_fraction']:.3g} of the "
        f"points, convex up to {entry['convexity_radius']:.2g}, {entry['further_minima']:g} further minima"
    )
