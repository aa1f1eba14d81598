"""What is measured of one network at initialisation, and the figure of all."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.figures import save_figure
from experiments.common.steps import or_told
from lsgeo import data, models, plotting, results, runs, study
from lsgeo.geometry import input_gradients, jacobian_spectrum
from lsgeo.results import DoesNotApplyError
from lsgeo.signals import gradient_norms

PANELS = {
    "gradient_ratio": ("gradient norm, first / last block", "ratio"),
    "input_gradient_correlation": ("input-gradient correlation", "cosine"),
    "moment_ratio": ("spread of Jacobian", "moment ratio"),
    "change": ("last block's change / stream", "ratio"),
}


def measure(config: Any, model: Any, dataset: data.Dataset) -> dict[str, np.ndarray]:
    """Every quantity of `PANELS`, the loss and the gradient norms, one value for each seed."""
    batch = jax.tree.map(jnp.asarray, dataset.train)
    seeds = range(config.seed, config.seed + config.num_seeds)
    entries = [_signals(model, batch, jax.random.key(seed)) for seed in seeds]
    told = [or_told(functools.partial(_change, entry.pop("streams"))) for entry in entries]
    changes = [{"change": math.nan, **change} for change in told]
    return {**results.columns(entries), **results.columns(changes)}


def _signals(model, batch, key):
    images = batch["image"]
    variables = models.init(model, images, key=key)
    params = variables.pop("params")
    stats = models.reestimate_batch_stats(model, {"params": params, **variables}, images)
    constants = {**variables, **stats}
    norms = gradient_norms(models.CrossEntropy(model, constants), [params], batch)
    blocks = [name for name in norms.names if "block_" in name and name.endswith("kernel")]
    blocks.sort(key=models.block_place)
    logits = models.Logits(model, constants)
    activations = jax.jit(models.activations, static_argnums=0)
    apply = functools.partial(_apply, logits, params)
    jacobian = jacobian_spectrum(lambda image: apply(image[None])[0], images[0])
    gradients = input_gradients(lambda images: apply(images)[:, 0], images)
    return {
        "gradient_ratio": norms.ratio(blocks[0], blocks[-1])[0],
        "input_gradient_correlation": gradients.correlation,
        "moment_ratio": jacobian.moment_ratio,
        "streams": activations(model, {"params": params, **constants}, images),
        "loss": norms.loss[0],
        "kernels": np.array([norms.norms[0, norms.names.index(name)] for name in blocks]),
    }


def _change(found):
    before, after = _last(found)
    return {"change": float(jnp.linalg.norm(after - before) / jnp.linalg.norm(after))}


def _last(found):
    # Below and above the last block that keeps the stream's shape.
    streams = sorted((name for name in found if name.endswith("/stream")), key=models.block_place)
    for below, above in zip(streams[-2::-1], streams[:0:-1], strict=True):
        if found[below].shape == found[above].shape:
            return found[below], found[above]
    raise DoesNotApplyError("no block behind the first keeps the shape of the stream.")


@jax.jit
def _apply(logits, params, images):
    return logits(params, {"image": images})


def _label(skip):
    # A skip type that no arm has goes by its own name.
    arm = study.arm_of(skip)
    return arm.label if arm else skip


def draw(config: Any, opened: runs.Run) -> None:
    """Draws figures/signals.svg, one panel for each quantity of `PANELS`."""
    figure, axes = plotting.new_figure(width=9.6, height=6.6, columns=2, rows=2)
    for ax, (metric, (label, unit)) in zip(axes.ravel(), PANELS.items(), strict=True):
        values = {
            _label(skip): {d: opened.load(f"{skip}_{d}")[metric] for d in config.depths}
            for skip in config.skips
        }
        if any(np.isfinite(seeds).any() for arm in values.values() for seeds in arm.values()):
            plotting.metric_by_depth(values, ax, label=label, unit=unit)
        else:
            ax.set_axis_off()
            ax.set_title(f"{label}: defined at none of these depths", fontsize="medium")
    save_figure(opened, "signals", figure)
