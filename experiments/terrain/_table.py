"""What `experiments.terrain` reads off one surface, and how it is averaged."""

import dataclasses
import math
from typing import Any

import jax
import numpy as np

from experiments.common.network import Network
from lsgeo import geometry, plotting
from lsgeo.geometry import terrain

Groups = dict[str, list[list[float]]]  # figure -> network -> plane
SHARE, SIZE, ANY = (0.0, 1.0), (0.0, math.inf), (-math.inf, math.inf)


@dataclasses.dataclass(frozen=True)
class Scalar:
    """One figure of a surface: what it is called, its unit, and the values that its mean can have."""

    label: str
    unit: str
    bounds: tuple[float, float]


def scalars(windows: tuple[int, ...]) -> dict[str, Scalar]:
    """Every column of the table, by name; the last one belongs to a network, not to a surface."""
    rough = {
        f"roughness_{w}": Scalar(f"roughness, {w} points", "share of the spread", SIZE)
        for w in windows
    }
    return {
        "non_convex_fraction": Scalar("curves down in a direction", "share of points", SHARE),
        "negative_laplacian": Scalar("curves down on average", "share of points", SHARE),
        "convexity_radius": Scalar("convexity radius", "filter norms", SIZE),
        "negative_curvature": Scalar("|λ_min / λ_max| of the plane", "mean ratio", SHARE),
        "hull_deficit": Scalar("height above convex hull", "share of height", SHARE),
        "basin_area": Scalar("better than chance", "share of area", SHARE),
        **rough,
        "further_minima": Scalar("further minima", "number", SIZE),
        "log_smoothness": Scalar("gradient smoothness", "log10 of nats / parameter²", ANY),
    }


def measure(
    surface: geometry.Surface, config: Any, chance: float, key: jax.Array
) -> dict[str, Any]:
    """All figures of one surface, its merge tree and the null."""
    radius = terrain.convexity_radius(surface, test=config.test)
    hessian = terrain.plane_hessian(surface)
    rough = terrain.roughness(surface, windows=config.windows)
    tree = terrain.merge_tree(surface, neighbours=config.neighbours)
    null = terrain.persistence_null(
        surface,
        key=key,
        threshold=config.threshold,
        num_fields=config.num_fields,
        neighbours=config.neighbours,
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
        "p_more": null.p_more,
        "p_fewer": null.p_fewer,
        "barrier": null.threshold,
        **{f"tree_{f.name}": getattr(tree, f.name) for f in dataclasses.fields(tree)},
    }


def scalars_figure(
    groups: dict[str, Groups], rows: list[dict[str, Any]], windows: tuple[int, ...]
) -> Any:
    """Draws every figure of `groups` with the intervals of `rows`, as `table` takes and gives them."""
    intervals = {(row["figure"], row["networks"]): _interval(row) for row in rows}
    drawn = scalars(windows)
    columns = math.ceil(len(drawn) / 2)
    figure, axes = plotting.new_figure(width=2.3 * columns, height=5.6, columns=columns, rows=2)
    for ax in axes.ravel()[len(drawn) :]:
        ax.set_axis_off()
    cut = {(row["figure"], row["networks"]): row["num_censored"] for row in rows}
    for ax, (name, scalar) in zip(axes.ravel(), drawn.items(), strict=False):
        lower = sum(cut[name, arm] for arm in groups)
        plotting.nested_values(
            {arm: values[name] for arm, values in groups.items()},
            {arm: intervals[name, arm] for arm in groups},
            ax,
            label=scalar.label + (f"\nat least: {lower} reach the edge" if lower else ""),
            unit=scalar.unit,
        )
    return figure


def _interval(row):
    # Of fewer than three networks an interval knows its bounds alone, which would hide the values.
    known = row["num_seeds"] >= 3
    return (row["value"], *((row["lower"], row["upper"]) if known else (-math.inf, math.inf)))


def minima_figure(planes: dict[str, list[list[dict[str, Any]]]]) -> Any:
    """Draws the merge tree of each arm's plane with most minima, all minima, and the null.

    Args:
      planes: arm -> network -> the entries of its planes.
    """
    flat = {
        arm: [entry for entries in networks for entry in entries]
        for arm, networks in planes.items()
    }
    figure, axes = plotting.new_figure(
        width=4.6 * max(2, len(flat)), height=7.2, columns=max(2, len(flat)), rows=2
    )
    for ax in axes[0][len(flat) :]:
        ax.set_axis_off()
    for ax, (arm, entries) in zip(axes[0], flat.items(), strict=False):
        trees = [tree_of(entry) for entry in entries]
        most = max(range(len(trees)), key=lambda k, t=trees: len(t[k].births))
        plotting.merge_tree_branches(
            trees[most], ax, arm=arm, top=float(np.nanmax(entries[most]["values"]))
        )
    plotting.persistence_diagram(
        {arm: [tree_of(entry) for entry in entries] for arm, entries in flat.items()}, axes[1][0]
    )
    counts = {
        arm: [(e["further_minima"], e["null_counts"]) for e in entries]
        for arm, entries in flat.items()
    }
    plotting.minima_against_null(counts, axes[1][1])
    return figure


def tree_of(entry: dict[str, Any]) -> terrain.MergeTree:
    """The merge tree of a stored plane."""
    return terrain.MergeTree(
        **{f.name: entry[f"tree_{f.name}"] for f in dataclasses.fields(terrain.MergeTree)}
    )


def values(networks: list[tuple[float, list[dict[str, Any]]]], windows: tuple[int, ...]) -> Groups:
    """Collects the figures of one arm's networks, each (smoothness, entries of its planes)."""
    names = [name for name in scalars(windows) if name != "log_smoothness"]
    found = {name: [[e[name] for e in entries] for _, entries in networks] for name in names}
    with np.errstate(divide="ignore"):
        found["log_smoothness"] = [[float(np.log10(smoothness))] for smoothness, _ in networks]
    return found


def line(network: Network, entry: dict[str, Any]) -> str:
    """Says what one plane shows."""
    return (
        f"{network.arm}, loss {network.value():.3g}: curves down at {entry['non_convex_fraction']:.3g} of the "
        f"points, convex up to {entry['convexity_radius']:.2g}, {entry['further_minima']:g} further minima"
    )


def censored(arms: dict[str, list]) -> dict[str, int]:
    """Planes of each arm, as `values` takes it, whose convexity radius is at least what it is said to be."""
    return {
        arm: sum(int(entry["radius_censored"]) for _, entries in networks for entry in entries)
        for arm, networks in arms.items()
    }


def table(
    groups: dict[str, Groups], windows: tuple[int, ...], key: jax.Array, cut: dict[str, int]
) -> list[dict[str, Any]]:
    """One row per figure and arm, and with two arms the difference of the pairs.

    Args:
      groups: arm -> figure -> one list per network, of a number per plane.
      windows: of the roughness.
      key: of the resamples.
      cut: arm -> convexity radii that are lower bounds, and so their mean; of `censored`.
    """
    rows = []
    for name, scalar in scalars(windows).items():
        sides = {arm: (values[name], scalar.bounds) for arm, values in groups.items()}
        if len(groups) == 2:
            first, second = (values for values, _ in sides.values())
            if len(first) == len(second):
                pairs = [np.subtract(a, b).tolist() for a, b in zip(first, second, strict=True)]
                sides[" - ".join(sides)] = (pairs, ANY)
        for arm, (values, bounds) in sides.items():
            found = terrain.nested_interval(values, key=key, bounds=bounds)
            lost = cut.get(arm, sum(cut.values())) if name == "convexity_radius" else 0
            facts = {**dataclasses.asdict(found), "num_censored": lost}
            rows.append({"figure": name, "networks": arm, **facts})
    return rows
