"""What the spectra of a run say: their distances, a line for each, and the figure."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

import lsgeo
from experiments.common.figures import save_figure
from experiments.spectrum._point import load_density
from lsgeo import plotting, runs

ENDS = ("value", "lower", "upper")


def compare(opened: runs.Run, names: Sequence[str]) -> dict[str, Any]:
    """The Wasserstein-1 distance of each spectrum to the one before."""
    densities = [load_density(opened.load(name)) for name in names]
    found = [lsgeo.wasserstein_1(a, b) for a, b in itertools.pairwise(densities)]
    return {
        "names": names,
        **{f"wasserstein_1_{end}": [getattr(one, end) for one in found] for end in ENDS},
    }


def lines(opened: runs.Run, names: Sequence[str], instruments: Sequence[str]) -> Iterator[str]:
    """One line for each spectrum, what an instrument found, and each distance."""
    for name in names:
        yield _line(name, opened.load(name))
        for instrument in instruments:
            yield f"  {instrument}: {opened.load(f'{name}_{instrument}')['text']}"
    if len(names) > 1:
        stored = opened.load("comparison")
        for i, (before, after) in enumerate(itertools.pairwise(names)):
            value, low, high = (stored[f"wasserstein_1_{end}"][i] for end in ENDS)
            yield f"{before} to {after}: Wasserstein-1 {value:.4g} in [{low:.4g}, {high:.4g}]"


def _line(name, stored):
    return (
        f"{name}: loss {stored['loss']:.4g}; eigenvalues {stored['lambda_min']:.4g} (±"
        f"{stored['residuals'][0]:.1g}) to {stored['lambda_max']:.4g} (±{stored['residuals'][-1]:.1g}); "
        f"trace {stored['trace']:.4g} ± {stored['trace_error']:.2g}; "
        f"{stored['negative_mass']:.2%} of the curvature is negative ({stored['total_matvecs']} products)"
    )


def draw(opened: runs.Run, names: Sequence[str]) -> None:
    """Draws figures/density.svg, one density beside the other."""
    columns = min(len(names), 3)
    rows = math.ceil(len(names) / columns)
    figure, axes = plotting.new_figure(
        width=max(7.3, 3.6 * columns), height=3.4 * rows, columns=columns, rows=rows
    )
    for ax in np.ravel(axes)[len(names) :]:
        ax.set_axis_off()
    for name, ax in zip(names, np.ravel(axes), strict=False):
        stored = opened.load(name)
        arms = {stored["arm"]: [load_density(stored)]}
        plotting.spectral_densities(arms, ax, unit="nats / parameter²", x_scale="symlog")
        ax.set_title(name)
    save_figure(opened, "density", figure)
