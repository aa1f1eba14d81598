"""From samples to the curves of a figure."""

import math
from collections.abc import Callable, Mapping, Sequence

from lsgeo.study.laws import _fits
from lsgeo.study.laws._table import Table
from lsgeo.study.laws._words import place
from lsgeo.study.laws.records import Curve, Fitted

SHARPNESS_COLUMNS = ("sharpness_limit", "lambda_max")
TOLD = ("plain", "residual", "scaled")  # arms of the sentences; the figures have all


def sharpness_column(table: Table, kinds: Sequence[tuple[str, str, str]]) -> str:
    """The metric of sharpness that all networks have which are laid beside each other.

    The value at a rate of 0 where plain, skipped and scaled networks have it at three depths, else that at the
    study's own rate. Never both: their ratio would show the rate. Networks that lack the one that is chosen are
    then left out.

    Args:
      table: rows.
      kinds: family, norm and arm of each.
    """
    extrapolated, measured = SHARPNESS_COLUMNS

    def depths(kind, column):
        return len(table.points(*kind, "matched", column))

    asked = [kind for kind in kinds if kind[2] in TOLD and depths(kind, measured) >= _fits.FEWEST]
    whole = asked and all(depths(kind, extrapolated) >= _fits.FEWEST for kind in asked)
    return extrapolated if whole else measured


def over(series: _fits.Series, name: tuple[str, str, str, str]) -> Curve:
    """A curve over x on two logarithmic axes, with its exponent.

    Args:
      series: log y by log x and pair.
      name: label, arm, family and norm.
    """
    exponent = _fits.slopes(series).fitted() if len(series) >= _fits.FEWEST else None
    samples = {math.exp(x): _fits.sample_of(points) for x, points in sorted(series.items())}
    # Depths are whole numbers again.
    return curve({float(f"{x:.12g}"): s for x, s in samples.items()}, name, exponent=exponent)


def curve(
    samples: Mapping[float, _fits.Sample],
    name: tuple[str, str, str, str],
    *,
    scale: Callable[[float], float] = math.exp,
    predicted: Sequence[float] | None = None,
    exponent: Fitted | None = None,
    panel: str = "",
) -> Curve:
    """A curve of means over pairs.

    A place with one or two pairs has its mean and no interval; one whose bounds pull to both sides has no
    number.

    Args:
      samples: by x, in the order in which they are drawn.
      name: label, arm, family and norm.
      scale: from the samples' unit to that of the figure.
      predicted: at each x, in the unit of the figure.
      exponent: of the curve.
      panel: of the figure; "" is that of its family and norm.
    """
    values, lower, upper, sides = [], [], [], []
    for sample in samples.values():
        found = sample.fitted()
        clear = sample.values and len(sample.sides) < 2
        mean = sum(sample.values.values()) / len(sample.values) if clear else math.nan
        values.append(scale(mean))
        lower.append(scale(found.lower) if math.isfinite(found.lower) else math.nan)
        upper.append(scale(found.upper) if math.isfinite(found.upper) else math.nan)
        sides.append(next(iter(sample.sides), 0) if clear else 0)
    return Curve(
        *name,
        tuple(samples),
        tuple(values),
        tuple(lower),
        tuple(upper),
        tuple(bool(side) for side in sides),
        None if predicted is None else tuple(predicted),
        exponent,
        tuple(sides),
        panel or place(name[2], name[3]),
    )
