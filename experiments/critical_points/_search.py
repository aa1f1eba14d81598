"""One search for a critical point and what was found; and the table of all of them."""

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

import lsgeo
from experiments.common.network import Network
from lsgeo import geometry, runs, trees

KINDS = ("minimum", "saddle", "undecided", "gradient-flat", "not critical")
CRITICAL = KINDS[:3]
METHODS = {
    "newton_mr": geometry.newton_mr,
    "gradient_norm": geometry.minimize_gradient_norm,
    "saddle_free": geometry.saddle_free_newton,
}
DENSE = 1024  # rows up to which the index is that of the dense matrix


@dataclasses.dataclass(frozen=True)
class Point:
    """A point as the figure draws it; index, lower and upper are shares of the eigenvalues."""

    arm: str
    kind: str
    loss: float
    index: float
    lower: float
    upper: float


def start_of(network: Network, number: int, noise: float, key: jax.Array) -> Any:
    """The checkpoint itself for the first start, and for others with noise in proportion to each leaf."""
    if number == 0:
        return network.params
    leaves, treedef = jax.tree.flatten(network.params)
    keys = jax.random.split(key, len(leaves))
    moved = [
        leaf + noise * jnp.sqrt(jnp.mean(leaf**2)) * jax.random.normal(one, leaf.shape, leaf.dtype)
        for leaf, one in zip(leaves, keys, strict=True)
    ]
    return jax.tree.unflatten(treedef, moved)


def measure(
    config: Any, network: Network, method: str, number: int, key: jax.Array
) -> dict[str, Any]:
    """Searches from one start by one method, and classifies the end."""
    started = time.monotonic()
    first, second = jax.random.split(key)
    problem = (network.loss, start_of(network, number, config.noise, first), network.batch)
    inner = {} if method == "gradient_norm" else {"inner_steps": config.inner_steps}
    found = METHODS[method](*problem, tol=config.tol, num_steps=config.num_steps, **inner)
    point = lsgeo.classify_critical_point(
        network.loss,
        found.params,
        network.batch,
        key=second,
        gradient_tol=config.gradient_tol,
        flat_tol=config.flat_tol,
        curvature_tol=config.curvature_tol,
        failure_probability=config.failure_probability,
    )
    size = trees.space_of(found.params).size
    index = (point.index_lower, point.index, point.index_upper)
    if size <= DENSE:
        index = 3 * (_dense_index(network, found.params, point.threshold),)
    return {
        "kind": point.kind,
        "loss": point.loss,
        "gradient_norm": point.gradient_norm,
        "newton_gain": point.newton_gain,
        "kernel_share": point.kernel_share,
        "lambda_min": point.curvature.value,
        "lambda_max": point.curvature.upper_end,
        "threshold": point.threshold,
        "index_lower": index[0],
        "index": index[1],
        "index_upper": index[2],
        "size": size,
        "start_loss": float(found.losses[0]),
        "start_gradient_norm": float(found.gradient_norms[0]),
        "losses": found.losses,
        "gradient_norms": found.gradient_norms,
        "num_gradients": found.num_gradients,
        "num_matvecs": found.num_matvecs + point.num_matvecs,
        "converged": found.converged,
        "reason": found.reason,
        "message": str(point),
        "arm": network.arm,
        "method": method,
        "rows": len(jax.tree.leaves(network.batch)[0]) * network.num_classes,
        "step": network.step,
        "network_sha256": network.sha256,
        "seconds": time.monotonic() - started,
    }


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


def points_of(entries: Sequence[dict[str, Any]]) -> list[Point]:
    """The points for the figure."""
    return [
        Point(
            str(entry["arm"]),
            str(entry["kind"]),
            entry["loss"],
            entry["index"] / entry["size"],
            entry["index_lower"] / entry["size"],
            entry["index_upper"] / entry["size"],
        )
        for entry in entries
    ]


def table(found: dict[str, Any]) -> list[str]:
    """The summary in words: a line for each arm and method, and one for each arm's law."""
    lines = []
    for i, arm in enumerate(found["arms"]):
        for j, method in enumerate(found["methods"]):
            numbers = zip(found["counts"][i, j], found["kinds"], strict=True)
            share, low, high = (found[f"flat_{name}"][i, j] for name in ("share", "lower", "upper"))
            lines.append(
                f"{arm}, {method}: {', '.join(f'{n} {kind}' for n, kind in numbers)}; share of "
                f"gradient-flat {share:.2f} [{low:.2f}, {high:.2f}]"
            )
        fitted = "fewer than three critical points, or no saddle, to fit"
        if np.isfinite(found["units"][i]):
            fitted = f"unit of loss {found['units'][i]:.3g}, misfit {found['misfits'][i]:.2g}"
        lines.append(f"{arm}, index law of ratio {found['ratios'][i]:.3g}: {fitted}")
    return lines


def laws_of(config: Any, found: dict[str, Any]) -> dict[str, geometry.IndexLaw]:
    """The fitted laws by arm, where there is one."""
    return {
        str(arm): geometry.index_law(ratio, unit=unit, threshold=config.curvature_tol)
        for arm, ratio, unit in zip(found["arms"], found["ratios"], found["units"], strict=True)
        if np.isfinite(unit)
    }


def refuse_other(opened: runs.Run, name: str, network: Network) -> None:
    """Raises a ValueError if an entry is of other weights."""
    if opened.load(name)["network_sha256"] != network.sha256:
        raise ValueError(
            f"`workdir` {opened.path} holds {name} of other weights: the training run was repeated since. "
            "Use another --workdir, or delete that directory."
        )


def _dense_index(network, params, threshold):
    values = np.linalg.eigvalsh(lsgeo.hessian(network.loss, params, network.batch).to_dense())
    return int(np.sum(values < -threshold))


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
