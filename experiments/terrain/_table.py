"""The table of `experiments.terrain`: what is averaged over planes and networks, and how sure that is."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from experiments.terrain._planes import Measured
from lsgeo.geometry import terrain

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


def values(measured: Sequence[Measured], name: str) -> list[list[float]]:
    """One figure of an arm: a list for each network, with a number for each plane, or one in all."""
    if name != "log_smoothness":
        return [[entry[name] for entry in entries] for _, entries in measured]
    with np.errstate(divide="ignore"):
        return [[float(np.log10(smoothness))] for smoothness, _ in measured]


def rows(
    arms: Mapping[str, Sequence[Measured]], windows: tuple[int, ...], key: jax.Array
) -> list[dict[str, Any]]:
    """One row per figure and arm, and with two arms the difference of the pairs; `key` is of the resamples."""
    # Planes whose convexity radius is at least what it is said to be; so is the mean.
    cut = {
        arm: sum(int(e["radius_censored"]) for _, es in part for e in es)
        for arm, part in arms.items()
    }
    found = []
    for name, scalar in scalars(windows).items():
        sides = {arm: (values(part, name), scalar.bounds) for arm, part in arms.items()}
        if len(arms) == 2:
            first, second = (part for part, _ in sides.values())
            if len(first) == len(second):
                pairs = [np.subtract(a, b).tolist() for a, b in zip(first, second, strict=True)]
                sides[" - ".join(sides)] = (pairs, ANY)
        for arm, (part, bounds) in sides.items():
            interval = terrain.nested_interval(part, key=key, bounds=bounds)
            lost = cut.get(arm, sum(cut.values())) if name == "convexity_radius" else 0
            facts = {**dataclasses.asdict(interval), "num_censored": lost}
            found.append({"figure": name, "networks": arm, **facts})
    return found


def line(row: Mapping[str, Any]) -> str:
    """One row in words."""
    ends = f"[{row['lower']:.3g}, {row['upper']:.3g}]"
    cut = f", {row['num_censored']} at the edge" if row["num_censored"] else ""
    return f"{row['figure']:>20}  {row['networks']:<22} {row['value']:.3g} {ends}{cut}"
