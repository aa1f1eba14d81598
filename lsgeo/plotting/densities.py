"""Eigenvalue densities of twins."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes

from lsgeo.plotting._names import label_ends, wrapped
from lsgeo.plotting.style import arm_style, dress

POINTS_PER_BANDWIDTH = 3


class Density(Protocol):
    """What is drawn of a spectral density: nodes, weights and the smoothed curve."""

    nodes: np.ndarray  # (num_probes, num_steps)
    weights: np.ndarray  # (num_probes, num_steps)
    size: int

    def density(self, grid: np.ndarray) -> np.ndarray:
        """Returns the smoothed density at the points of grid."""


def spectral_densities(
    arms: Mapping[str, Density | Sequence[Density]],
    ax: Axes,
    *,
    unit: str = "nats / parameter²",
    x_scale: str = "linear",
) -> None:
    """Draws the eigenvalue densities of twins over one another, on one log axis.

    A line is the median over an arm's seeds, its band reaches from the lowest to the highest seed.
    Ticks along the top mark the lowest and the highest eigenvalue found for every seed, which a
    median of curves would hide. The axis ends a little under the height that a single eigenvalue
    has.

    Args:
      arms: per arm or other label ("skip", "my model", ...) its density, or those of its seeds.
      ax: matplotlib Axes.
      unit: unit of the eigenvalues, that of loss / parameter^2.
      x_scale: "linear", or "symlog" where the arms' ranges differ by orders of magnitude.

    Raises:
      ValueError: for an unknown scale, or an arm without seeds.
    """
    if x_scale not in ("linear", "symlog"):
        raise ValueError(f'`x_scale` must be "linear" or "symlog"; got {x_scale!r}.')
    arms = {name: [seeds] if hasattr(seeds, "nodes") else seeds for name, seeds in arms.items()}
    for name, seeds in arms.items():
        if not seeds:
            raise ValueError(f"`arms` must have at least one density per arm; {name!r} has none.")
    everything = [seed for seeds in arms.values() for seed in seeds]
    grid = _grid(arms)
    ax.set_yscale("log")
    if x_scale == "symlog":
        linear = 2 * min(_bandwidth(seed) for seed in everything)
        ax.set_xscale("symlog", linthresh=linear)
        ax.set_xticks(_ticks(linear, grid[0], grid[-1]))
        ax.minorticks_off()
    heights = {name: _draw(name, seeds, grid, ax) for name, seeds in arms.items()}
    alone = min(1 / (seed.size * np.sqrt(2 * np.pi) * _bandwidth(seed)) for seed in everything)
    ax.set_ylim(alone / 3, 3 * max(heights.values()))
    ax.set_xlim(grid[0], grid[-1])
    dress(ax, x=f"eigenvalue of the Hessian ({unit})", y=f"density (per {unit})")
    for rank, (name, seeds) in enumerate(arms.items()):
        _rug(seeds, ax, 0.985 - min(0.045, 0.9 / len(arms)) * rank, arm_style(name).color)
    _name_arms(arms, ax)


def _ticks(linear, low, high):
    # Zero, and the powers of ten that are far enough from it for their labels to stand apart.
    powers = np.arange(math.ceil(math.log10(3 * linear)), 60)
    decades = 10.0**powers
    ticks = np.concatenate([-decades[::-1], [0.0], decades])
    return ticks[(ticks >= low) & (ticks <= high)]


def _draw(name, seeds, grid, ax):
    style = arm_style(name)
    curves = np.stack([seed.density(grid) for seed in seeds])
    ax.fill_between(grid, curves.min(0), curves.max(0), color=style.color, alpha=0.22, linewidth=0)
    ax.plot(grid, np.median(curves, axis=0), color=style.color, linestyle=style.line, linewidth=1.5)
    return curves.max()


def _name_arms(arms, ax):
    top, bottom = np.log(ax.get_ylim()[1]), np.log(ax.get_ylim()[0])
    steps = range(len(arms))
    heights = [np.exp(top - (0.02 + 0.1 * rank) * (top - bottom)) for rank in steps]
    label_ends(
        ax,
        [
            (
                height,
                wrapped(name) if len(seeds) == 1 else f"{wrapped(name)}\n({len(seeds)} seeds)",
                arm_style(name).color,
            )
            for height, (name, seeds) in zip(heights, arms.items(), strict=True)
        ],
    )


def _rug(seeds, ax, height, color):
    ends = [end for seed in seeds for end in _range(seed)]
    ax.plot(
        ends,
        np.full(len(ends), height),
        linestyle="none",
        marker="|",
        markersize=6,
        markeredgewidth=1.0,
        color=color,
        transform=ax.get_xaxis_transform(),
    )


def _grid(arms):
    # Each arm's own range at its own fineness: its curves are as narrow as its range is small.
    pieces = []
    for seeds in arms.values():
        ends, width = [_range(seed) for seed in seeds], min(_bandwidth(seed) for seed in seeds)
        low, high = (
            min(low for low, _ in ends) - 5 * width,
            max(high for _, high in ends) + 5 * width,
        )
        pieces.append(np.linspace(low, high, int(POINTS_PER_BANDWIDTH * (high - low) / width) + 1))
    return np.unique(np.concatenate(pieces))


def _range(seed):
    real = np.asarray(seed.nodes)[np.asarray(seed.weights) > 0]
    return real.min(), real.max()


def _bandwidth(seed):
    low, high = _range(seed)
    return 0.01 * ((high - low) or abs(high) or 1.0)
