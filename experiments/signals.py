"""Measures what signals and gradients go through at initialisation, with and without skip connections.

Over depths, skip types and seeds: gradient norm of the first block over the last one, correlation of
the input gradients between examples, moment ratio of the input-output Jacobian, and how much the last
block changes the stream. Nothing is trained.

python -m experiments.signals --config=configs/signals.py --workdir=runs/signals
"""

import dataclasses
import os
import time

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.figures import save_figure
from experiments.common.launch import launch
from experiments.common.network import ARMS
from lsgeo import data, models, plotting, runs
from lsgeo.geometry import input_gradients, jacobian_spectrum
from lsgeo.plotting.style import new_figure
from lsgeo.signals import gradient_norms

PANELS = {
    "gradient_ratio": ("gradient norm, first / last block", "ratio"),
    "input_gradient_correlation": ("input-gradient correlation", "cosine"),
    "moment_ratio": ("spread of Jacobian", "moment ratio"),
    "change": ("last block's change / stream", "ratio"),
}


@dataclasses.dataclass
class Config:
    """Signals in networks at initialisation.

    Attributes:
      dataset: name of the data, see `lsgeo.data`.
      model: name of the model family, whose blocks keep one width.
      depths: numbers of blocks (6 n + 2 for a resnet).
      width: units, or channels of the first stage.
      skips: skip types that figures have a name for: "none", "identity", "scaled", "rezero".
      norm: normalisation, the same in all arms; batch norm has the statistics of the examples.
      num_seeds: networks for each depth and skip type.
      num_examples: training examples that are looked at.
      seed: of the first network; the others follow.
    """

    dataset: str = "digits"
    model: str = "mlp"
    depths: tuple[int, ...] = (2, 4, 8, 16, 32)
    width: int = 64
    skips: tuple[str, ...] = ("none", "identity", "scaled")
    norm: str = "none"
    num_seeds: int = 5
    num_examples: int = 64
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Measures every network into arrays/SKIP_DEPTH.npz and draws figures/signals.svg.

    Args:
      config: Config.
      workdir: the run's directory.
      progress: progress(done, total, text).

    Returns:
      The Run. An entry has, one value per seed: gradient_ratio, input_gradient_correlation,
      moment_ratio, change, loss; and kernels [seeds, kernels of the blocks], the gradient norms.

    Raises:
      ValueError: for a bad field, or another configuration's directory.
    """
    _check(config)
    dataset = data.load(config.dataset, num_train=config.num_examples)
    networks = {
        f"{skip}_{depth}": _create(config, dataset, skip, depth)
        for skip in config.skips
        for depth in config.depths
    }
    opened = runs.open_run(workdir, config, provenance={"data_sha256": dataset.sha256})
    for done, (name, model) in enumerate(networks.items()):
        if not opened.has(name):
            opened.save(name, _measure(config, model, dataset))
        if progress is not None:
            progress(done + 1, len(networks), name)
    _draw(config, opened)
    return opened


def _check(config):
    for name in ("num_seeds", "num_examples"):
        if getattr(config, name) < 1:
            raise ValueError(f"`{name}` must be at least 1; got {getattr(config, name)}.")
    for name in ("depths", "skips"):
        if not getattr(config, name):
            raise ValueError(f"`{name}` must not be empty.")
    if min(config.depths) < 2:
        raise ValueError(
            f"`depths` must be at least 2: a ratio needs two blocks; got {config.depths}."
        )
    for skip in config.skips:
        if skip not in ARMS:
            known = ", ".join(ARMS)
            raise ValueError(f"`skips` may hold {known}; got {skip!r}.")


def _create(config, dataset, skip, depth):
    return models.create(
        config.model,
        depth=depth,
        width=config.width,
        skip=skip,
        norm=config.norm,
        num_classes=dataset.num_classes,
    )


def _measure(config, model, dataset):
    started = time.monotonic()
    batch = jax.tree.map(jnp.asarray, dataset.train)
    seeds = range(config.seed, config.seed + config.num_seeds)
    entries = [_signals(model, batch, jax.random.key(seed)) for seed in seeds]
    measured = {name: np.stack([entry[name] for entry in entries]) for name in entries[0]}
    return {**measured, "seconds": time.monotonic() - started}


def _signals(model, batch, key):
    images = batch["image"]
    variables = models.init(model, images, key=key)
    params = variables.pop("params")
    constants = {
        **variables,
        **models.reestimate_batch_stats(model, {"params": params, **variables}, images),
    }
    norms = gradient_norms(models.CrossEntropy(model, constants), [params], batch)
    blocks = [name for name in norms.names if "block_" in name and name.endswith("kernel")]
    blocks.sort(key=models.block_place)
    logits = models.Logits(model, constants)
    found = _activations(model, {"params": params, **constants}, images)
    streams = sorted((name for name in found if name.endswith("/stream")), key=models.block_place)
    before, after = _last_change(found, streams)
    jacobian = jacobian_spectrum(_one_logits(logits, params, images), images[0])
    gradients = input_gradients(_first_logit(logits, params), images)
    return {
        "gradient_ratio": norms.ratio(blocks[0], blocks[-1])[0],
        "input_gradient_correlation": gradients.correlation,
        "moment_ratio": jacobian.moment_ratio,
        "change": float(jnp.linalg.norm(after - before) / jnp.linalg.norm(after)),
        "loss": norms.loss[0],
        "kernels": np.array([norms.norms[0, norms.names.index(name)] for name in blocks]),
    }


def _last_change(found, streams):
    # Below and above the last block that keeps the stream's shape.
    for below, above in zip(streams[-2::-1], streams[:0:-1], strict=True):
        if found[below].shape == found[above].shape:
            return found[below], found[above]
    raise ValueError(
        "`model` has no block behind the first that keeps the stream's shape, whose change could be "
        "measured. Take a deeper network, or another family."
    )


@jax.jit
def _apply(logits, params, images):
    return logits(params, {"image": images})


def _first_logit(logits, params):
    return lambda images: _apply(logits, params, images)[:, 0]


def _one_logits(logits, params, images):
    return lambda image: _apply(logits, params, image[None])[0]


def _activations(model, variables, images):
    return jax.jit(models.activations, static_argnums=0)(model, variables, images)


def _draw(config, opened):
    figure, axes = new_figure(width=9.6, height=6.6, columns=2, rows=2)
    for ax, (metric, (label, unit)) in zip(axes.ravel(), PANELS.items(), strict=True):
        values = {
            ARMS[skip]: {depth: opened.load(f"{skip}_{depth}")[metric] for depth in config.depths}
            for skip in config.skips
        }
        plotting.metric_by_depth(values, ax, label=label, unit=unit)
    save_figure(opened, "signals", figure)


if __name__ == "__main__":
    launch(run, config_file="configs/signals.py")
