"""Searches for critical points from trajectories of networks with and without skips, and counts their kinds.

A search ends where the gradient norm ends falling; what is there is classified afterwards: minimum, saddle,
gradient-flat (no critical point), not critical (the search did not arrive). By default it trains its own small
twins.

python -m experiments.critical_points --config=configs/critical_points.py --workdir=runs/critical
python -m experiments.critical_points --config=configs/critical_points.py --config.run=runs/skip
  --config.twin=runs/no-skip --workdir=runs/critical
"""

import dataclasses
import os
import pathlib

import jax
import numpy as np

from experiments import _critical_points, train
from experiments.common.figures import save_figure
from experiments.common.launch import launch
from experiments.common.network import choose_checkpoints, load_network, training_config
from lsgeo import plotting, runs, study

SKIPS = ("identity", "none")


def _small():
    return train.Config(
        dataset="gaussian-mixture",
        data_options="dim=4, num_classes=3, separation=2.0",
        num_train=200,
        num_test=100,
        depth=3,
        width=4,
        activation="tanh",
        loss="squared_error",
        learning_rate=5e-3,
        max_steps=1000,
        loss_levels=(),
        snapshot_steps=(30, 100, 300),
        save_every=0,
    )


@dataclasses.dataclass
class Config:
    """Searches from the checkpoints of one training run, of two, or of twins of its own.

    Attributes:
      run: directory of a run of experiments.train; "" trains twins with and without skips in WORKDIR/train.
      twin: directory of its twin's; "" for none.
      network: configuration of that training, where `run` is "", without a skip.
      num_networks: twins that are trained, of seeds from that of `network` on.
      checkpoints: names such as "init", "step_100", "end"; () takes all.
      num_starts: searches from each checkpoint: from the checkpoint itself, then from noisy copies of it.
      noise: standard deviation of that noise, relative to the root mean square of each parameter array.
      num_examples: training examples of the loss, the first ones; 0 takes all.
      method: "newton_mr" or "gradient_norm", which find saddles as they find minima, "saddle_free", which
        leaves saddles, or several of them, separated by commas.
      tol: a search ends where the gradient norm is no more than this share of the first one.
      num_steps: its steps at most.
      inner_steps: products of each step at most; "gradient_norm" has one.
      gradient_tol: a point is critical where a Newton step can gain at most this share of the loss.
      flat_tol: eigenvalues within flat_tol * max |lambda| are the near-kernel, where a gradient is "flat".
      curvature_tol: eigenvalues within curvature_tol * max |lambda| count as zero, also in the index.
      failure_probability: of the lower bound on the lowest eigenvalue.
      ratio: of the index law, parameters over rows of the Jacobian; 0 takes parameters / (examples * outputs).
      figure: whether figures/critical_points.svg is drawn.
      seed: noise of the starts, and start vectors of the eigenvalues.
    """

    run: str = ""
    twin: str = ""
    network: train.Config = dataclasses.field(default_factory=_small)
    num_networks: int = 2
    checkpoints: tuple[str, ...] = ()
    num_starts: int = 1
    noise: float = 0.1
    num_examples: int = 0
    method: str = "newton_mr"
    tol: float = 1e-6
    num_steps: int = 300
    inner_steps: int = 30
    gradient_tol: float = 1e-4
    flat_tol: float = 1e-3
    curvature_tol: float = 1e-3
    failure_probability: float = 0.01
    ratio: float = 0.0
    figure: bool = True
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Searches from each start into arrays/SIDE_CHECKPOINT_START_METHOD.npz; what is there is left alone.

    Args:
      config: Config.
      workdir: the run's directory; it gets "summary" and figures/critical_points.svg.
      progress: progress(done, total, text).

    Returns:
      The Run. An entry has kind, loss, gradient_norm, newton_gain, kernel_share, lambda_min, lambda_max,
      threshold, index with its bounds, size (parameters), rows, losses and gradient_norms of the search, its
      converged and reason, start_loss, start_gradient_norm, num_gradients, num_matvecs, message, arm, method,
      step, seconds. "summary" is that of `_critical_points.summary`.

    Raises:
      ValueError: for a bad field, a run without these checkpoints, or the directory of another configuration or
        of other networks.
    """
    methods = _check(config)
    opened = runs.open_run(workdir, config)
    sides = _sides(config, opened.path, progress)
    starts = [
        (side, path, name, number, method)
        for side, path in sides
        for name in choose_checkpoints(path, tuple(config.checkpoints))
        for number in range(config.num_starts)
        for method in methods
    ]
    entries = []
    for i, (side, path, *start) in enumerate(starts):
        entries.append(_entry(config, opened, side, path, *start, i // len(methods)))
        if progress is not None:
            where = ", ".join(map(str, (side, *start)))
            progress(i + 1, len(starts), f"{where}: {entries[-1]['message']}")
    found = _critical_points.summary(config, entries)
    opened.save("summary", found)
    if config.figure:
        _draw(config, opened, entries, found)
    if progress is not None:
        print("\n".join(_critical_points.table(found)))
        print(f"results in {opened.path / 'arrays'}, figures in {opened.path / 'figures'}")
    return opened


def _check(config):
    methods = [name.strip() for name in config.method.split(",")]
    for name in methods:
        if name not in _critical_points.METHODS:
            raise ValueError(
                f"Unknown `method`: {name!r}. Choose from: {', '.join(_critical_points.METHODS)}, "
                "separated by commas."
            )
    if len(set(methods)) < len(methods):
        raise ValueError(f"`method` must name each method once; got {config.method!r}.")
    for name in ("num_networks", "num_starts", "num_steps", "inner_steps"):
        if getattr(config, name) < 1:
            raise ValueError(f"`{name}` must be at least 1; got {getattr(config, name)}.")
    for name in ("noise", "ratio"):
        if not 0 <= getattr(config, name) < float("inf"):
            raise ValueError(f"`{name}` must be 0 or positive; got {getattr(config, name)}.")
    for name in ("tol", "gradient_tol", "flat_tol", "curvature_tol", "failure_probability"):
        if not 0 < getattr(config, name) < 1:
            raise ValueError(
                f"`{name}` must lie strictly between 0 and 1; got {getattr(config, name)}."
            )
    if config.twin and not config.run:
        raise ValueError(f"`twin` is {config.twin} but `run` is empty. Give both, or `run` alone.")
    if not config.run and config.network.skip:
        raise ValueError(
            f"`network` has skip={config.network.skip!r}, but its twins are trained with and without. Leave "
            "it out, or give a training run of your own as `run`."
        )
    return methods


def _sides(config, path: pathlib.Path, progress) -> list[tuple[str, str | pathlib.Path]]:
    if config.run:
        return [("run", config.run)] + ([("twin", config.twin)] if config.twin else [])
    sides = []
    for number in range(config.num_networks):
        for skip in SKIPS:
            label = study.arm_of(skip, "").folder
            side = f"{label}-{number}"
            seed = config.network.seed + number
            trained = dataclasses.replace(config.network, skip=skip, seed=seed)
            train.run(trained, path / "train" / side, progress)
            sides.append((side, path / "train" / side))
    return sides


def _entry(config, opened, side, path, name, number, method, i):
    file = f"{side}_{name}_{number}_{method}"
    network = load_network(path, name, config.num_examples)
    if opened.has(file):
        _critical_points.refuse_other(opened, file, network)
    else:
        key = jax.random.fold_in(jax.random.key(config.seed), i)
        opened.save(file, _critical_points.measure(config, network, method, number, key))
    return opened.load(file)


def _draw(config, opened, entries, found):
    methods = [str(name) for name in found["methods"]]
    figure, (left, *others) = plotting.new_figure(
        width=4.8 + 2.9 * len(methods), height=3.8, columns=1 + len(methods)
    )
    laws = _critical_points.laws_of(config, found)
    positive = np.array([entry["loss"] for entry in entries if entry["loss"] > 0])
    grid = np.geomspace(positive.min() / 2, positive.max() * 1.2, 200) if positive.size else []
    plotting.index_against_loss(
        _critical_points.points_of(entries),
        left,
        curves={arm: (grid, law(grid)) for arm, law in laws.items()},
        unit="nats per example" if _is_cross_entropy(config) else "½ squared error per example",
    )
    for j, (ax, method) in enumerate(zip(others, methods, strict=True)):
        counts = {
            str(arm): dict(zip(map(str, found["kinds"]), row.tolist(), strict=True))
            for arm, row in zip(found["arms"], found["counts"][:, j], strict=True)
        }
        plotting.kinds_of_points(counts, ax, title=method.replace("_", " "))
    save_figure(opened, "critical_points", figure)


def _is_cross_entropy(config):
    trained = training_config(config.run) if config.run else config.network
    return trained.loss == "cross_entropy"


if __name__ == "__main__":
    launch(run, config_file="configs/critical_points.py")
