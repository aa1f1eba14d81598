"""Evaluates the loss on planes, or lines, through a trained network, and through its twin.

python -m experiments.surface --config=configs/surface.py --config.run=runs/skip
  --config.twin=runs/no-skip --workdir=runs/surface
"""

import dataclasses
import os
from typing import Any

import numpy as np

from experiments import _surface
from experiments._surface_files import Rows, draw, summarize
from experiments._surface_files import load_lines as load_lines
from experiments._surface_files import load_surfaces as load_surfaces
from experiments.common.launch import launch
from experiments.common.network import load_network
from experiments.common.trajectory import load_trajectory
from lsgeo import geometry, runs
from lsgeo.operators.evaluation import evaluate


@dataclasses.dataclass
class Config:
    """Surfaces of one checkpoint, or of two.

    Attributes:
      run: directory of a run of experiments.train.
      twin: directory of its twin's, measured along the same draws; "" for none.
      checkpoint: "init", "loss_LEVEL" or "end".
      directions: random ones, scaled by "filter" (Li et al. 2018), by "layer", by "global" norm, or "raw";
        Hessian "eigenvectors" (plane k of the k-th highest and the k-th lowest, lines in turn); the
        "gradient"; towards the "other" network, or the plane through "three"; the principal components of
        the run's checkpoints, "pca". What has one direction takes a random one at right angles, of the
        same length, as its second.
      other: directory of the other network's run, for "other" and "three".
      third: directory of the third network's run, for "three".
      small_leaves: biases and norm parameters in random directions: "zero" holds them still, "keep"
        scales each of them as one filter.
      dimensions: 2 for planes, 1 for lines along the first direction.
      x_min: first coordinate; in units of the directions, such as filter norms: 1 moves every filter by
        its own length. 1 is the other network, or the farthest checkpoint.
      x_max: last coordinate along the first direction.
      y_min: first coordinate along the second direction.
      y_max: last coordinate along the second direction.
      resolution: points per axis; an odd number on a symmetric range includes the network itself.
      nx: points along the first direction, if not `resolution`.
      ny: points along the second direction, if not `resolution`.
      planes: pairs of directions, or lines. Where neither direction is drawn or counted, there is one.
      batch_stats: batch norm statistics at every point: "frozen" at the network's, those of the examples as
        one "batch" in training mode, or "re-estimated" from them for evaluation mode.
      num_examples: training examples of the loss, the first ones; 0 takes all.
      chunk: points per compiled call; more help networks whose loss takes less than a millisecond.
      figure: whether figures/surface_K.svg, or figures/lines.svg, is drawn.
      seed: random directions.
    """

    run: str = ""
    twin: str = ""
    checkpoint: str = "end"
    directions: str = "filter"
    other: str = ""
    third: str = ""
    small_leaves: str = "zero"
    dimensions: int = 2
    x_min: float = -1.0
    x_max: float = 1.0
    y_min: float = -1.0
    y_max: float = 1.0
    resolution: int = 25
    nx: int = 0
    ny: int = 0
    planes: int = 3
    batch_stats: str = "frozen"
    num_examples: int = 0
    chunk: int = 1
    figure: bool = False
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Evaluates every plane into `workdir`, row by row, and continues there after a kill.

    Args:
      config: Config.
      workdir: the run's directory; it gets one "plane_K" with xs, ys, values [ny, nx] per plane (one
        "line_K" with xs, values [nx] per line) and one "summary"; those of the twin are called twin_....
        Beside the values are points (where networks lie, the centre first) and what the directions have:
        eigenvalues, slope or distance.
      progress: progress(rows done, rows, text).

    Returns:
      The Run; its "summary" has non_convex_fraction (of planes), basin_area (share of the plane with a loss
      below chance), finite_fraction, max_loss, one entry per plane each, each with NAME_mean and the ends
      NAME_lower, NAME_upper of its 95 % interval over planes (Student; NaN where planes are no sample); and
      centre_loss, chance_loss (NaN without cross-entropy), checkpoint_step, num_examples, arm, batch_stats
      (the policy, or "none").

    Raises:
      ValueError: for a bad field, a run without that checkpoint, networks of different architectures on one
        plane, or a directory of another configuration or of another network.
    """
    axes = _check(config)
    sides = [("", config.run)] + ([("twin_", config.twin)] if config.twin else [])
    networks = {prefix: _load(config, path) for prefix, path in sides}
    others = {prefix: _others(config, path) for prefix, path in sides}
    _check_arms(config, networks)
    losses = {p: _surface.policy_loss(n, config.batch_stats) for p, n in networks.items()}
    shas = {p: " ".join([n.sha256, *others[p].shas]) for p, n in networks.items()}
    digest = " ".join(shas.values())
    opened = runs.open_run(workdir, config, provenance={"network_sha256": digest})
    for index, (prefix, network) in enumerate(networks.items()):
        if opened.has(f"{prefix}summary"):
            continue
        report = _report(progress, index, len(sides), axes, config)
        known = (network, losses[prefix], others[prefix].params, shas[prefix])
        _measure(opened, prefix, config, *known, axes, report)
    if config.figure:
        draw(opened, config, list(networks))
    return opened


def _measure(opened, prefix, config, network, loss, others, shas, axes, report):
    for k, layout in enumerate(_surface.layouts(config, network, loss, others)):
        rows = Rows(opened, prefix, k, axes, shas, layout)
        geometry.slice_along(
            loss,
            network.params,
            network.batch,
            layout.directions[::-1],
            axes=axes[::-1],
            chunk=config.chunk,
            finished=rows.finished,
            on_row=rows.add,
            progress=report(k),
        )
    statistics = summarize(
        opened, prefix, _surface.chance_loss(network), _surface.is_sample(config)
    )
    facts = {
        "centre_loss": float(evaluate(loss, network.params, network.batch)),
        "chance_loss": _surface.chance_loss(network),
        "checkpoint_step": network.step,
        "num_examples": len(network.batch["image"]),
        "num_classes": network.num_classes,
        "arm": network.arm,
        "batch_stats": config.batch_stats if network.constants.get("batch_stats") else "none",
    }
    opened.save(f"{prefix}summary", {**statistics, **facts})


def _load(config, path):
    return load_network(path, config.checkpoint, config.num_examples)


@dataclasses.dataclass(frozen=True)
class _Others:
    # The networks that directions are made of, beside the one at the centre.
    params: list[Any]
    shas: list[str]


def _others(config, path):
    if config.directions == "pca":
        found = load_trajectory(path, config.num_examples)
        return _Others(found.points, [found.sha256])
    paths = {"other": [config.other], "three": [config.other, config.third]}
    networks = [_load(config, one) for one in paths.get(config.directions, [])]
    return _Others([n.params for n in networks], [n.sha256 for n in networks])


def _check(config):
    for name, least in (("resolution", 3), ("planes", 1), ("chunk", 1)):
        if getattr(config, name) < least:
            raise ValueError(f"`{name}` must be at least {least}; got {getattr(config, name)}.")
    for name in ("nx", "ny"):
        if getattr(config, name) < 3 and getattr(config, name) != 0:
            raise ValueError(
                f"`{name}` must be at least 3, or 0 for `resolution`; got {getattr(config, name)}."
            )
    if config.dimensions not in (1, 2):
        raise ValueError(f"`dimensions` must be 1 or 2; got {config.dimensions}.")
    for name, choices in (
        ("directions", _surface.UNITS),
        ("batch_stats", _surface.POLICIES),
        ("small_leaves", ("zero", "keep")),
    ):
        if getattr(config, name) not in choices:
            raise ValueError(
                f"Unknown `{name}`: {getattr(config, name)!r}. Choose one of: {', '.join(choices)}."
            )
    _check_others(config)
    for axis in "xy":
        low, high = getattr(config, f"{axis}_min"), getattr(config, f"{axis}_max")
        if not low < high:
            raise ValueError(f"`{axis}_min` must be below `{axis}_max`; got {low} and {high}.")
    return (
        np.linspace(config.x_min, config.x_max, config.nx or config.resolution),
        np.linspace(config.y_min, config.y_max, config.ny or config.resolution),
    )[: config.dimensions]


def _check_others(config):
    kind, wanted = config.directions, {"other": ["other"], "three": ["other", "third"]}
    for name in ("other", "third"):
        if bool(getattr(config, name)) != (name in wanted.get(kind, [])):
            raise ValueError(
                f"`{name}` is {getattr(config, name)!r}, and `directions` is {kind!r}: 'other' leads to the "
                "network of `other`, 'three' also needs `third`, all else needs neither."
            )
    if config.twin and kind in wanted:
        raise ValueError(
            f"`twin` cannot be on a plane that leads to `other`; make one run each (`directions` is {kind!r})."
        )
    if kind == "three" and config.dimensions == 1:
        raise ValueError("`dimensions` must be 2 for the plane through 'three' networks; got 1.")


def _check_arms(config, networks):
    arms = [network.arm for network in networks.values()]
    if config.figure and len(set(arms)) < len(arms):
        raise ValueError(
            f"`run` and `twin` are both called {arms[0]!r} in figures. Take networks of different skip types, "
            "make one run for each, or set `figure` to False."
        )


def _report(progress, index, sides, axes, config):
    planes, rows = _surface.num_planes(config), len(axes[1]) if len(axes) == 2 else 1
    if progress is None:
        return lambda k: None
    return lambda k: (
        lambda done, _: progress(
            (index * planes + k) * rows + done,
            sides * planes * rows,
            f"rows, plane {k + 1} of {planes}" + (", twin" if index else ""),
        )
    )


if __name__ == "__main__":
    launch(run, config_file="configs/surface.py")
