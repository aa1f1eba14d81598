"""Shows what a network's layers hold and hand on, with skips and without.

CKA between its layers, branches cut in the backward pass, effective depth, residual alignment, and which
earlier features the layers of a DenseNet read. Without --config.run it trains what it measures: twins with
and without skips, the same at other depths, and a DenseNet.

python -m experiments.representations --config=configs/representations.py --workdir=runs/representations
python -m experiments.representations --config=configs/representations.py --config.run=runs/skip
  --config.twin=runs/no-skip --workdir=runs/representations
"""

import dataclasses
import os
import pathlib

import numpy as np

from experiments import _representations, train
from experiments.common.figures import save_figure
from experiments.common.launch import launch
from experiments.common.network import choose_checkpoints, load_network
from lsgeo import plotting, runs

SKIPS = ("identity", "none")


def _mlp():
    return train.Config(
        depth=16,
        width=32,
        norm="layer",
        options="scan=True",
        num_train=300,
        max_steps=2000,
        weight_decay=1e-2,
        loss_levels=(),
        eval_every=200,
    )


def _densenet():
    return train.Config(
        model="densenet",
        depth=13,
        width=6,
        options="growth=4",
        num_train=300,
        max_steps=150,
        learning_rate=3e-3,
        loss_levels=(),
        eval_every=50,
    )


@dataclasses.dataclass
class Config:
    """Representations of one trained network, or of a pair, and of a DenseNet.

    Attributes:
      run: directory of a run of experiments.train; "" trains `network` with and without skips in
        WORKDIR/train.
      twin: directory of its twin's, drawn beside it; "" for none.
      densenet: directory of a DenseNet's run; "" trains `dense_network`, where `run` is "" too.
      network: configuration of the twins that are trained; their skip is "identity" and "none".
      dense_network: configuration of the DenseNet that is trained.
      depths: depths at which the twins are trained as well, for the largest singular value of a branch against
        depth; () for none. Of `run`, none.
      checkpoint: of the runs.
      num_examples: training examples, the first ones; 0 takes all.
      num_jacobians: those among them at which the branches' Jacobians are taken.
      num_directions: top singular vectors of a Jacobian that are compared.
      threshold: singular values above this share of the largest count as rank.
      seed: start of the iteration for singular vectors.
    """

    run: str = ""
    twin: str = ""
    densenet: str = ""
    network: train.Config = dataclasses.field(default_factory=_mlp)
    dense_network: train.Config = dataclasses.field(default_factory=_densenet)
    depths: tuple[int, ...] = (2, 4, 8)
    checkpoint: str = "end"
    num_examples: int = 300
    num_jacobians: int = 32
    num_directions: int = 1
    threshold: float = 0.1
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Measures each network into a file of its own and draws figures/representations.svg.

    Args:
      config: Config.
      workdir: the run's directory.
      progress: progress(done, total, text).

    Returns:
      The Run. "run" and "twin" (the networks without skips, where they are trained here) have arm, blocks,
      cka with its error and the biased estimate (of the stream below each block and above the last),
      branches, lesion_norms, lesion_cosines and lesion_shares, effective_depth with its error; of the chain
      above the last change of the stream's shape, if there is one, line, equispaced, singular_values, ranks,
      alignment, consecutive and chance, with skips also forward_depth and path_depth. "densenet" has
      sources, targets, mean_weights, norms, relative, loss_changes, layers and cka. "depth_SKIP_L" have the
      alignment's entries.

    Raises:
      ValueError: for a bad field, a missing checkpoint, a network without blocks, or the directory of another
        configuration or of other weights.
    """
    _check(config)
    opened = runs.open_run(workdir, config)
    jobs = _jobs(config, pathlib.Path(workdir) / "train")
    for done, (name, (source, training)) in enumerate(jobs.items()):
        if training is not None:
            train.run(training, source, progress and _within(progress, name))
        _measure(opened, name, source, config)
        if progress is not None:
            progress(done + 1, len(jobs), f"{name}: {opened.load(name)['message']}")
    _draw(opened, list(jobs))
    return opened


def load_slope(opened: runs.Run, skip: str) -> tuple[float, float, float]:
    """Slope of log singular value on log depth over all trained depths, with its 95 % interval."""
    depths, values = zip(*sorted(_strengths(opened, skip).items()), strict=True)
    return _representations.slope(depths, [np.mean(value) for value in values])


def _check(config):
    if config.num_jacobians < 1 or 0 < config.num_examples < max(5, config.num_jacobians):
        raise ValueError(
            f"`num_examples` must be at least 5 and `num_jacobians`, or 0 for all; got {config.num_examples} "
            f"and {config.num_jacobians}."
        )
    if config.twin and not config.run:
        raise ValueError(
            f"`twin` is {config.twin!r}, but there is no `run` whose twin it could be."
        )
    for source in filter(None, (config.run, config.twin, config.densenet)):
        choose_checkpoints(source, (config.checkpoint,))


def _jobs(config, folder):
    # name -> (directory of a training run, its configuration where it is trained here)
    if config.run:
        named = {"run": config.run, "twin": config.twin, "densenet": config.densenet}
        return {name: (source, None) for name, source in named.items() if source}
    jobs = {}
    for name, skip in zip(("run", "twin"), SKIPS, strict=True):
        jobs[name] = folder / skip, dataclasses.replace(config.network, skip=skip)
    for depth in config.depths:
        for skip in SKIPS if depth != config.network.depth else ():
            training = dataclasses.replace(config.network, skip=skip, depth=depth)
            jobs[f"depth_{skip}_{depth}"] = folder / f"{skip}-{depth}", training
    own = None if config.densenet else config.dense_network
    jobs["densenet"] = config.densenet or folder / "densenet", own
    return jobs


def _within(progress, name):
    return lambda step, total, text="": progress(step, total, f"training {name}: {text}")


def _measure(opened, name, source, config):
    network = _representations.load(source, config.checkpoint, config.num_examples)
    if opened.has(name):
        if opened.load(name)["network_sha256"] != network.sha256:
            raise ValueError(
                f"`workdir` {opened.path} holds {name} of other weights: the network was trained again "
                "since. Use another --workdir, or delete that directory."
            )
        return
    if name == "densenet":
        start = load_network(source, "init", config.num_examples).params
        found = _representations.reuse(network, start)
    elif name.startswith("depth_"):
        found = _representations.measure_alignment(network, config)
    else:
        found = _representations.measure(network, config)
    depth = getattr(network.model, "depth", 0)
    facts = {"arm": network.arm, "depth": depth, "network_sha256": network.sha256}
    opened.save(name, {**found, **facts, "train_loss": network.value()})


def _strengths(opened, skip):
    # depth -> largest singular value of a branch, mean over the branches, one for each example
    names = ["run" if skip == SKIPS[0] else "twin"]
    names += [p.stem for p in sorted(opened.path.glob(f"arrays/depth_{skip}_*.npz"))]
    entries = [opened.load(name) for name in names if opened.has(name)]
    return {
        int(entry["depth"]): entry["singular_values"][..., 0].mean(1)
        for entry in entries
        if "singular_values" in entry
    }


def _draw(opened, names):
    pair = [(str(e["arm"]), e) for e in (opened.load(n) for n in ("run", "twin") if n in names)]
    panels = plotting.representation_panels(pair)
    strengths = {"skip": _strengths(opened, "identity"), "no skip": _strengths(opened, "none")}
    if any(name.startswith("depth_") for name in names):
        panels.append(lambda ax: plotting.branch_strength(strengths, ax))
    if "densenet" in names:
        panels += plotting.reuse_panels(opened.load("densenet"))
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = plotting.new_figure(
        width=3.5 * columns, height=3.3 * rows, columns=columns, rows=rows
    )
    axes = np.ravel(axes)
    for ax, panel in zip(axes, panels, strict=False):
        panel(ax)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    save_figure(opened, "representations", figure)


if __name__ == "__main__":
    launch(run, config_file="configs/representations.py", shorthands=("run", "twin"))
