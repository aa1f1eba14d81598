"""The sweep of `experiments.gate`: each gate, their summary and its figure."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

import lsgeo
from experiments.common.data import load_data
from experiments.common.fields import check_choice, check_least
from experiments.common.network import Network, training_config
from experiments.common.options import create_model
from lsgeo import models, plotting, results

POLICIES = ("re-estimated", "frozen")
PANELS = {
    "loss": ("training loss", "nats per example"),
    "accuracy": ("training accuracy", "share"),
    "lambda_max": ("largest eigenvalue", "nats / parameter²"),
}


def check(config: Any) -> None:
    """Raises a ValueError for a bad field, or a network without gates."""
    check_least(config, num_gates=2)
    check_choice(config, batch_stats=POLICIES)
    trained = training_config(config.run) if config.run else config.network
    dataset = load_data(trained)
    model = create_model(trained, dataset)
    if "gates" not in models.shapes(model, dataset.train["image"]):
        where = f"`run` {config.run}" if config.run else "`network`"
        raise ValueError(
            f"{where} has skip={model.skip!r}, which has no gate. Train with skip='gated'."
        )


def measure(config: Any, network: Network, gate: float) -> dict[str, Any]:
    """Loss, accuracy and both ends of the spectrum with all gates at one value."""
    constants = models.set_gates(network.constants, gate)
    if config.batch_stats == "re-estimated":
        variables = {"params": network.params, **constants}
        constants |= models.reestimate_batch_stats(network.model, variables, network.batch["image"])
    there = dataclasses.replace(network, constants=constants)
    loss, accuracy = _evaluate(there.loss, there.predict, there.params, there.batch)
    pairs = lsgeo.extreme_eigenpairs(
        lsgeo.hessian(*there.problem),
        key=jax.random.key(config.seed),
        tol=config.tol,
    )
    ends = {"min": 0, "max": -1}
    return {
        "gate": gate,
        "loss": loss,
        "accuracy": accuracy,
        **{f"lambda_{end}": pairs.values[i] for end, i in ends.items()},
        **{f"residual_{end}": pairs.residuals[i] for end, i in ends.items()},
        "converged": bool(np.all(pairs.converged)),
        "num_matvecs": pairs.num_matvecs,
    }


@jax.jit
def _evaluate(loss, predict, params, batch):
    return loss(params, batch), models.accuracy(predict(params, batch), batch)


def summary(config: Any, network: Network, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The curves over all gates, and the gates that training left."""
    curves = results.columns(entries)
    leaves = jax.tree.leaves(network.constants["gates"])
    return {
        **{name: curves[name] for name in ("gate", *PANELS)},
        "trained_gates": np.concatenate([np.ravel(leaf) for leaf in leaves]),
        "batch_stats": config.batch_stats if "batch_stats" in network.constants else "none",
        "step": network.step,
    }


def line(entry: dict[str, Any]) -> str:
    """Says what one gate shows."""
    return (
        f"gate {entry['gate']:.3g}: loss {entry['loss']:.4g}, accuracy {entry['accuracy']:.3f}, largest "
        f"eigenvalue {entry['lambda_max']:.4g}"
    )


def draw(summary: dict[str, Any], arm: str) -> Figure:
    """Draws the curves."""
    figure, axes = plotting.new_figure(width=9.6, columns=len(PANELS))
    trained = float(np.mean(summary["trained_gates"]))
    for ax, (name, (label, unit)) in zip(axes, PANELS.items(), strict=True):
        curves, words = {arm: summary[name]}, {"label": label, "unit": unit}
        plotting.gate_sweep(summary["gate"], curves, ax, trained=trained, **words)
    return figure
