"""Networks that a reader lays side by side, as data that is small enough to travel in the page."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import special

NUM_BINS = 96
NUM_STEPS = 64


@dataclasses.dataclass(frozen=True)
class Density:
    """A density on bins that are equally wide in asinh(eigenvalue / scale).

    Attributes:
      scale: eigenvalue at which the bins turn from linear to logarithmic.
      low: asinh(first edge / scale).
      high: asinh(last edge / scale).
      values: density in each bin, in 1 / eigenvalue.
      lowest: lowest eigenvalue of each seed.
      highest: highest eigenvalue of each seed.
    """

    scale: float
    low: float
    high: float
    values: np.ndarray
    lowest: tuple[float, ...]
    highest: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Plane:
    """The loss on a square plane through one network.

    Attributes:
      half: half the width of the plane, in filter norms.
      values: losses [n, n], the rows from the lowest y to the highest.
      chance: loss of guessing; NaN where there is none.
      seed: of the network.
    """

    half: float
    values: np.ndarray
    chance: float
    seed: int


@dataclasses.dataclass(frozen=True)
class Curve:
    """A training curve: the median loss over seeds at some steps."""

    steps: np.ndarray
    losses: np.ndarray


@dataclasses.dataclass(frozen=True)
class Network:
    """All seeds of one network.

    Attributes:
      family: name of its family.
      norm: normalisation.
      depth: depth.
      arm: in words, "without skips".
      num_seeds: networks behind the medians.
      densities: by reading, "init", "matched", "end".
      plane: loss around it.
      curve: of its training.
    """

    family: str
    norm: str
    depth: int
    arm: str
    num_seeds: int
    densities: Mapping[str, Density] = dataclasses.field(default_factory=dict)
    plane: Plane | None = None
    curve: Curve | None = None


@dataclasses.dataclass(frozen=True)
class Explorer:
    """What can be laid side by side.

    Attributes:
      networks: networks, the two that are shown first at the front.
      matched_loss: training loss at which they are compared.
      unit: of eigenvalues.
    """

    networks: Sequence[Network]
    matched_loss: float
    unit: str = "nats / parameter²"

    def __post_init__(self):
        """Refuses an explorer without networks, and two of one name."""
        names = [(n.family, n.norm, n.depth, n.arm) for n in self.networks]
        if not names:
            raise ValueError("`networks` must hold at least one network; got none.")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"`networks` must differ in name; got {twice} twice.")

    def plain(self) -> dict:
        """The data as JSON has it: rounded, losses and densities as hundredths of a decade."""
        return {
            "matchedLoss": self.matched_loss,
            "unit": self.unit,
            "networks": [_plain_network(network) for network in self.networks],
        }


def pooled_density(densities: Sequence) -> Density:
    """Pools the spectral densities of some seeds on common bins.

    Every node is smoothed with a Gaussian of 1 % of its spectrum's range, as in the figures, and its share
    of each bin is integrated, so that an outlier between two bins is not lost. The mean over seeds is
    taken, for a median would drop outliers that lie elsewhere in every seed. Values end at a third of what
    one eigenvalue would have if it were spread over the whole range.

    Args:
      densities: `lsgeo.SpectralDensity` of the seeds.

    Returns:
      Density.
    """
    ends = [(float(d.nodes.min()), float(d.nodes.max())) for d in densities]
    widths = [0.01 * (high - low or max(abs(low), abs(high)) or 1.0) for low, high in ends]
    scale = 2 * min(widths)
    low = min(low - 3 * width for (low, _), width in zip(ends, widths, strict=True))
    high = max(high + 3 * width for (_, high), width in zip(ends, widths, strict=True))
    places = np.linspace(np.arcsinh(low / scale), np.arcsinh(high / scale), NUM_BINS + 1)
    edges = scale * np.sinh(places)
    shares = [_shares(d, edges, width) for d, width in zip(densities, widths, strict=True)]
    floor = min(1 / (3 * d.size * (high - low)) for d in densities)
    values = np.maximum(np.mean(shares, axis=0) / np.diff(edges), floor)
    lowest, highest = zip(*ends, strict=True)
    return Density(scale, float(places[0]), float(places[-1]), values, lowest, highest)


def median_curve(curves: Sequence[tuple[Sequence[int], Sequence[float]]]) -> Curve:
    """Takes the median of training curves at up to 64 steps, close together where training starts.

    Between two records the logarithm of the loss is interpolated. A curve that ends earlier keeps its last
    loss, and a loss that is not finite counts as infinite.

    Args:
      curves: (steps, losses) of each seed, steps ascending.

    Returns:
      Curve.
    """
    last = max(steps[-1] for steps, _ in curves)
    grid = np.unique(np.round(np.geomspace(1, last + 1, NUM_STEPS)).astype(int) - 1)
    values = []
    for steps, losses in curves:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.exp(np.interp(grid, steps, np.log(losses)))
        values.append(np.where(np.isnan(found), math.inf, found))
    return Curve(grid, np.median(values, axis=0))


def _shares(density, edges, width):
    nodes, weights = density.nodes.reshape(-1), density.weights.reshape(-1)
    below = special.ndtr((edges[:, None] - nodes) / width)
    return np.diff(below, axis=0) @ weights / len(density.weights)


def _plain_network(network):
    plain = {
        "family": network.family,
        "norm": network.norm,
        "depth": network.depth,
        "arm": network.arm,
        "seeds": network.num_seeds,
        "density": {role: _plain_density(d) for role, d in network.densities.items()},
    }
    if network.plane is not None:
        plain["plane"] = {
            "half": network.plane.half,
            "size": len(network.plane.values),
            "values": hundredths(network.plane.values),
            "chance": rounded(network.plane.chance),
            "seed": network.plane.seed,
        }
    if network.curve is not None:
        plain["curve"] = {
            "steps": [int(step) for step in network.curve.steps],
            "values": hundredths(network.curve.losses),
        }
    return plain


def _plain_density(density):
    return {
        "scale": rounded(density.scale),
        "low": rounded(density.low),
        "high": rounded(density.high),
        "values": hundredths(density.values),
        "lowest": [rounded(x) for x in density.lowest],
        "highest": [rounded(x) for x in density.highest],
    }


def hundredths(values: np.ndarray) -> list[int | None]:
    """100 log10 of values, as whole numbers; None is not finite or not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = 100 * np.log10(np.asarray(values, np.float64).reshape(-1))
    return [round(x) if math.isfinite(x) else None for x in logs.tolist()]


def rounded(value: float, digits: int = 4) -> float | None:
    """A value with some digits; None is not finite."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None
