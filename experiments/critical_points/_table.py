"""The table and the figure of `experiments.critical_points`: kinds of points, and the law of the index."""

import functools
import types
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from experiments.common.network import training_config
from lsgeo import geometry, plotting

KINDS = ("minimum", "saddle", "undecided", "gradient-flat", "not critical")
CRITICAL = KINDS[:3]


def summary(config: Any, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Counts the kinds for each arm and method, and fits the index law to each arm's critical points.

    Returns:
      arms (a,), methods (m,), kinds (k,), counts (a, m, k); of the gradient-flat ones flat_share (a, m) with
      its 95 % interval of Wilson (flat_lower, flat_upper); ratios, units and misfits (a,) of the law, NaN
      where an arm has fewer than three critical points with a positive loss, or none with a negative
      eigenvalue.
    """
    arms, methods = (
        list(dict.fromkeys(str(e[name]) for e in entries)) for name in ("arm", "method")
    )
    counts = np.zeros((len(arms), len(methods), len(KINDS)), np.int64)
    for e in entries:
        place = arms.index(e["arm"]), methods.index(e["method"]), KINDS.index(e["kind"])
        counts[place] += 1
    flat, totals = counts[..., KINDS.index("gradient-flat")], counts.sum(-1)
    ends = [
        stats.binomtest(int(k), int(n)).proportion_ci(method="wilson")
        for k, n in zip(flat.ravel(), totals.ravel(), strict=True)
    ]
    by_arm = [[e for e in entries if e["arm"] == arm] for arm in arms]
    ratios = [config.ratio or part[0]["size"] / part[0]["rows"] for part in by_arm]
    laws = [_law(config, part, ratio) for part, ratio in zip(by_arm, ratios, strict=True)]
    return {
        "arms": np.array(arms),
        "methods": np.array(methods),
        "kinds": np.array(KINDS),
        "counts": counts,
        "flat_share": flat / totals,
        "flat_lower": np.reshape([end.low for end in ends], flat.shape),
        "flat_upper": np.reshape([end.high for end in ends], flat.shape),
        "ratios": np.array(ratios),
        "units": np.array([law.unit if law else np.nan for law in laws]),
        "misfits": np.array([law.misfit if law else np.nan for law in laws]),
    }


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The summary in words: a line for each arm and method, and one for each arm's law."""
    for i, arm in enumerate(found["arms"]):
        for j, method in enumerate(found["methods"]):
            numbers = zip(found["counts"][i, j], found["kinds"], strict=True)
            share, low, high = (found[f"flat_{name}"][i, j] for name in ("share", "lower", "upper"))
            yield (
                f"{arm}, {method}: {', '.join(f'{n} {kind}' for n, kind in numbers)}; share of "
                f"gradient-flat {share:.2f} [{low:.2f}, {high:.2f}]"
            )
        fitted = "fewer than three critical points, or no saddle, to fit"
        if np.isfinite(found["units"][i]):
            fitted = f"unit of loss {found['units'][i]:.3g}, misfit {found['misfits'][i]:.2g}"
        yield f"{arm}, index law of ratio {found['ratios'][i]:.3g}: {fitted}"


def draw(config: Any, entries: Sequence[dict[str, Any]], found: dict[str, Any]) -> Figure:
    """Draws the index of each critical point against its loss, and the kinds of points by method."""
    methods = [str(name) for name in found["methods"]]
    figure, (left, *others) = plotting.new_figure(
        width=4.8 + 2.9 * len(methods), height=3.8, columns=1 + len(methods)
    )
    trained = training_config(config.run) if config.run else config.network
    in_nats = trained.loss == "cross_entropy"
    positive = np.array([entry["loss"] for entry in entries if entry["loss"] > 0])
    grid = np.geomspace(positive.min() / 2, positive.max() * 1.2, 200) if positive.size else []
    laws = zip(found["arms"], found["ratios"], found["units"], strict=True)
    law = functools.partial(geometry.index_law, threshold=config.curvature_tol)
    plotting.index_against_loss(
        [_point(entry) for entry in entries],
        left,
        curves={str(a): (grid, law(r, unit=u)(grid)) for a, r, u in laws if np.isfinite(u)},
        unit="nats per example" if in_nats else "½ squared error per example",
    )
    for j, (ax, method) in enumerate(zip(others, methods, strict=True)):
        counts = {
            str(arm): dict(zip(map(str, found["kinds"]), row.tolist(), strict=True))
            for arm, row in zip(found["arms"], found["counts"][:, j], strict=True)
        }
        plotting.kinds_of_points(counts, ax, title=method.replace("_", " "))
    return figure


def _point(entry):
    # As the figure draws it: index, lower and upper are shares of the eigenvalues.
    names = {"index": "index", "index_lower": "lower", "index_upper": "upper"}
    shares = {name: entry[one] / entry["size"] for one, name in names.items()}
    return types.SimpleNamespace(arm=entry["arm"], kind=entry["kind"], loss=entry["loss"], **shares)


def _law(config, entries, ratio):
    points = [e for e in entries if e["kind"] in CRITICAL and e["loss"] > 0]
    if len(points) < 3 or not any(e["index"] for e in points):
        return None
    return geometry.fit_index_law(
        [e["loss"] for e in points],
        [e["index"] / e["size"] for e in points],
        ratio=ratio,
        threshold=config.curvature_tol,
    )
