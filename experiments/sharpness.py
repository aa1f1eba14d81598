"""Measures the sharpness of a trained network, and of its twin, in every way of the literature.

python -m experiments.sharpness --config=configs/sharpness.py --config.run=runs/skip
  --config.twin=runs/no-skip --workdir=runs/sharpness
"""

import dataclasses
import os
import time

import jax

from experiments._sharpness import STAGES, Row, Subject, can_measure, rows_of
from experiments.common.figures import save_figure
from experiments.common.launch import launch
from experiments.common.network import choose_checkpoints, load_network
from lsgeo import plotting, runs


@dataclasses.dataclass
class Config:
    """Sharpness of the checkpoints of one training run, or of two.

    Attributes:
      run: directory of a run of experiments.train.
      twin: directory of its twin's, measured with the same draws; "" for none.
      checkpoints: names such as "init", "loss_0.5", "end"; () takes all. With a twin, those that both have.
      stages: what is measured: "hessian" (lambda_max, trace), "average", "worst" (and Keskar's), "sam",
        "pac_bayes", "filter_radius", "fisher_rao" (with cross-entropy), "learning_coefficient",
        "singularities" (of MLPs with ReLU); () takes all that the network has.
      num_examples: training examples of the loss, the first ones; 0 takes all.
      radius: of the ball of "worst" and "sam", in units of the parameters.
      relative_radius: the same where the perturbation is in proportion to |w|.
      noise: standard deviation of the noise of "average", in units of the parameters.
      relative_noise: the same in proportion to |w|.
      rise: increase of the loss that "pac_bayes" and "filter_radius" look for, in nats.
      num_pairs: pairs of perturbations of "average" and "pac_bayes".
      num_starts: starts of the gradient ascent of "worst".
      num_steps: its steps.
      num_directions: directions of "filter_radius".
      num_draws: steps of each of four chains of "learning_coefficient", after half as many to settle.
      figure: whether figures/sharpness_CHECKPOINT.svg is drawn.
      seed: draws.
    """

    run: str = ""
    twin: str = ""
    checkpoints: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    num_examples: int = 256
    radius: float = 0.05
    relative_radius: float = 0.5
    noise: float = 0.01
    relative_noise: float = 0.1
    rise: float = 0.1
    num_pairs: int = 16
    num_starts: int = 4
    num_steps: int = 20
    num_directions: int = 20
    num_draws: int = 200
    figure: bool = True
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Measures each checkpoint into arrays/CHECKPOINT_STAGE.npz; what is there is left alone.

    Args:
      config: Config.
      workdir: the run's directory.
      progress: progress(done, total, text).

    Returns:
      The Run. An entry has measures, values, lowers, uppers and invariances, one per figure of sharpness (the
      larger, the sharper), text, loss, step, arm, seconds; those of the twin are called twin_....

    Raises:
      ValueError: for a bad field, a run without these checkpoints, or another configuration's directory.
    """
    for name in config.stages:
        if name not in STAGES:
            raise ValueError(
                f"Unknown name in `stages`: {name!r}. Choose from: {', '.join(STAGES)}."
            )
    names = _names(config)
    opened = runs.open_run(workdir, config)
    sides = [("", config.run)] + ([("twin_", config.twin)] if config.twin else [])
    points = [(name, prefix, path) for name in names for prefix, path in sides]
    stages = config.stages or tuple(STAGES)
    total = len(points) * len(stages)
    for i, (name, prefix, path) in enumerate(points):
        network = load_network(path, name, config.num_examples)
        for j, stage in enumerate(stages):
            if progress is not None:
                progress(i * len(stages) + j, total, f"{stage} of {name}, {network.arm}")
            _measure(opened, f"{prefix}{name}_{stage}", config, network, stage)
    if progress is not None:
        progress(total, total, "sharpness")
    if config.figure:
        for name in names:
            _draw(opened, name, [prefix for prefix, _ in sides], stages)
    if progress is not None:
        _report(opened, points, stages)
    return opened


def load_rows(sharpness_run: runs.Run, checkpoint: str, prefix: str = "") -> list[Row]:
    """Reads all figures of a checkpoint, in the order of the stages; prefix "twin_" for the twin's."""
    files = [f"{prefix}{checkpoint}_{stage}" for stage in STAGES]
    return [
        row
        for file in files
        if sharpness_run.has(file)
        for row in rows_of(sharpness_run.load(file))
    ]


def _names(config):
    names = choose_checkpoints(config.run, tuple(config.checkpoints))
    if not config.twin:
        return names
    both = [n for n in names if n in choose_checkpoints(config.twin, tuple(config.checkpoints))]
    if not both:
        raise ValueError(
            f"`run` {config.run} and `twin` {config.twin} have no checkpoint in common; compare them at "
            "another one, such as 'end'."
        )
    return both


def _measure(opened, file, config, network, stage):
    if opened.has(file):
        stored = opened.load(file)["network_sha256"]
        if stored != network.sha256:
            raise ValueError(
                f"`workdir` {opened.path} holds {file} of other weights: the training run was repeated since. "
                "Use another --workdir, or delete that directory."
            )
        return
    if not can_measure(network, stage):
        if config.stages:
            raise ValueError(
                f'`stages` holds {stage!r}, which this network does not have: "singularities" is for MLPs '
                'with ReLU, not scanned, "fisher_rao" for networks with cross-entropy. Leave it out.'
            )
        return
    started = time.monotonic()
    key = jax.random.fold_in(jax.random.key(config.seed), list(STAGES).index(stage))
    result = STAGES[stage](Subject(network, key, config))
    facts = {
        "loss": network.value(),
        "step": network.step,
        "arm": network.arm,
        "network_sha256": network.sha256,
    }
    opened.save(file, {**result, **facts, "seconds": time.monotonic() - started})


def _draw(opened, name, prefixes, stages):
    arms = {}
    for prefix in prefixes:
        rows = load_rows(opened, name, prefix)
        if rows:
            file = next(f for s in stages if opened.has(f := f"{prefix}{name}_{s}"))
            arms[str(opened.load(file)["arm"])] = rows
    if not arms:
        return
    figure, ax = plotting.new_figure(height=1.2 + 0.28 * max(map(len, arms.values())))
    plotting.sharpness_battery(arms, ax)
    save_figure(opened, f"sharpness_{name}", figure)


def _report(opened, points, stages):
    for name, prefix, _ in points:
        files = [f for stage in stages if opened.has(f := f"{prefix}{name}_{stage}")]
        for file in files:
            stored = opened.load(file)
            print(f"{name}, {stored['arm']}, loss {stored['loss']:.4g}: {stored['text']}")
    print(f"results in {opened.path / 'arrays'}, figures in {opened.path / 'figures'}")


if __name__ == "__main__":
    launch(run, config_file="configs/sharpness.py")
