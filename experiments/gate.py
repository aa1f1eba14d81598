"""Measures how much skip a trained network needs: its loss, accuracy and sharpness at every gate from 0 to 1.

A network with the skip type "gated" has g S(x) + F(x) in each block. Its weights stay as training left them;
g goes from 0, no skip, to 1, the whole one, in all blocks at once. Nothing is compiled for a gate.

python -m experiments.gate --config=configs/gate.py --workdir=runs/gate
python -m experiments.gate --config=configs/gate.py --config.run=runs/gated --workdir=runs/gate
"""

import dataclasses
import functools
import os
import pathlib

import jax
import numpy as np

import lsgeo
from experiments import train
from experiments.common.figures import save_figure
from experiments.common.launch import launch
from experiments.common.network import load_network, training_config
from experiments.common.options import create_model
from lsgeo import models, plotting, runs

POLICIES = ("re-estimated", "frozen")
PANELS = {
    "loss": ("training loss", "nats per example"),
    "accuracy": ("training accuracy", "share"),
    "lambda_max": ("largest eigenvalue", "nats / parameter²"),
}


def _gated():
    return train.Config(
        depth=16,
        width=32,
        norm="layer",
        skip="gated",
        max_steps=400,
        loss_levels=(),
        eval_every=100,
    )


@dataclasses.dataclass
class Config:
    """A sweep of the gates of one network.

    Attributes:
      run: directory of a run of experiments.train with the skip type "gated"; "" trains one in WORKDIR/train.
      network: configuration of that training, where `run` is "".
      checkpoint: of the run.
      num_gates: gates from 0 to 1, both included.
      num_examples: training examples that are measured on, the first ones; 0 takes all.
      batch_stats: batch norm statistics at each gate, "re-estimated" on those examples or "frozen" at those of
        the checkpoint, which belong to another gate. Without batch norm they are the same.
      tol: bound on the residual of the largest eigenvalue, relative to the largest |lambda|.
      seed: start vector of the eigenvalue.
    """

    run: str = ""
    network: train.Config = dataclasses.field(default_factory=_gated)
    checkpoint: str = "end"
    num_gates: int = 11
    num_examples: int = 0
    batch_stats: str = "re-estimated"
    tol: float = 1e-3
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Measures each gate into arrays/gate_K.npz; those that are there are left alone.

    Args:
      config: Config.
      workdir: the run's directory; it gets "summary" with all gates, and figures/gate.svg.
      progress: progress(done, total, text).

    Returns:
      The Run. An entry has gate, loss, accuracy, lambda_max and lambda_min with their residuals,
      converged, num_matvecs, seconds; "summary" has the first four for all gates, trained_gates (one for each
      block, of the checkpoint), batch_stats (the policy, or "none") and step.

    Raises:
      ValueError: for a bad field, a network without gates, or the directory of another configuration or of
        another network.
    """
    _check(config)
    opened = runs.open_run(workdir, config)
    trained = config.run
    if not trained:
        trained = pathlib.Path(workdir) / "train"
        train.run(config.network, trained, progress)
    network = load_network(trained, config.checkpoint, config.num_examples)
    gates, entries = np.linspace(0, 1, config.num_gates), []
    for k, gate in enumerate(gates):
        measure = functools.partial(_measure, config, network, gate)
        entries.append(opened.stage(f"gate_{k:03d}", network.sha256, measure))
        if progress is not None:
            progress(k + 1, len(gates), _line(entries[-1]))
    opened.save("summary", _summary(config, network, entries))
    _draw(opened, network.arm)
    return opened


def _check(config):
    if config.num_gates < 2:
        raise ValueError(f"`num_gates` must be at least 2; got {config.num_gates}.")
    if config.batch_stats not in POLICIES:
        raise ValueError(
            f"Unknown `batch_stats`: {config.batch_stats!r}. Choose one of: {', '.join(POLICIES)}."
        )
    trained = training_config(config.run) if config.run else config.network
    dataset = train.load_data(trained)
    model = create_model(trained, dataset)
    if "gates" not in models.shapes(model, dataset.train["image"]):
        where = f"`run` {config.run}" if config.run else "`network`"
        raise ValueError(
            f"{where} has skip={model.skip!r}, which has no gate. Train with skip='gated'."
        )


def _measure(config, network, gate):
    constants = models.set_gates(network.constants, gate)
    if config.batch_stats == "re-estimated":
        variables = {"params": network.params, **constants}
        constants |= models.reestimate_batch_stats(network.model, variables, network.batch["image"])
    there = dataclasses.replace(network, constants=constants)
    loss, accuracy = _evaluate(there.loss, there.predict, there.params, there.batch)
    pairs = lsgeo.extreme_eigenpairs(
        lsgeo.hessian(there.loss, there.params, **there.data),
        key=jax.random.key(config.seed),
        tol=config.tol,
    )
    return {
        "gate": gate,
        "loss": loss,
        "accuracy": accuracy,
        "lambda_max": pairs.values[-1],
        "lambda_min": pairs.values[0],
        "residual_max": pairs.residuals[-1],
        "residual_min": pairs.residuals[0],
        "converged": bool(np.all(pairs.converged)),
        "num_matvecs": pairs.num_matvecs,
    }


@jax.jit
def _evaluate(loss, predict, params, batch):
    return loss(params, batch), models.accuracy(predict(params, batch), batch)


def _summary(config, network, entries):
    measured = ("gate", *PANELS)
    leaves = jax.tree.leaves(network.constants["gates"])
    return {
        **{name: np.array([entry[name] for entry in entries]) for name in measured},
        "trained_gates": np.concatenate([np.ravel(leaf) for leaf in leaves]),
        "batch_stats": config.batch_stats if "batch_stats" in network.constants else "none",
        "step": network.step,
    }


def _line(entry):
    return (
        f"gate {entry['gate']:.3g}: loss {entry['loss']:.4g}, accuracy {entry['accuracy']:.3f}, largest "
        f"eigenvalue {entry['lambda_max']:.4g}"
    )


def _draw(opened, arm):
    summary = opened.load("summary")
    figure, axes = plotting.new_figure(width=9.6, columns=len(PANELS))
    for ax, (name, (label, unit)) in zip(axes, PANELS.items(), strict=True):
        plotting.gate_sweep(
            summary["gate"],
            {arm: summary[name]},
            ax,
            label=label,
            unit=unit,
            trained=float(np.mean(summary["trained_gates"])),
        )
    save_figure(opened, "gate", figure)


if __name__ == "__main__":
    launch(run, config_file="configs/gate.py")
