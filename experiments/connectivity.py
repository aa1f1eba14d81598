"""Looks for paths of low loss between two runs of one configuration that differ in their seed.

The straight line before and after the units of one network are matched to the other's, a fitted curve
before and after, a nudged elastic band, and the curvature along the matched curve.

python -m experiments.connectivity --config=configs/connectivity.py --config.run=runs/a \
  --config.other=runs/b --workdir=runs/connectivity
"""

import dataclasses
import functools
import os
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import _paths
from experiments.common.launch import launch
from experiments.common.network import load_network
from lsgeo import geometry, models, runs, trees


@dataclasses.dataclass
class Config:
    """Paths between two networks.

    Attributes:
      run: directory of a run of experiments.train.
      other: directory of another run, of the same configuration but for the seed.
      checkpoint: "init", "loss_LEVEL" or "end".
      num_examples: training examples of the loss, the first ones; 0 takes all.
      matching: "weights" or "activations", by what units are matched.
      num_starts: starts of the weight matching.
      curve: "bezier" or "polygonal".
      num_bends: inner control points of the curve.
      curve_steps: updates of the curve.
      curve_learning_rate: of Adam.
      batch_size: examples of an update of the curve; 0 takes all.
      num_pivots: networks of the elastic band between the ends.
      band_steps: updates of the band, each with one gradient of all examples per pivot.
      band_learning_rate: of Adam.
      num_points: points of every path, both ends included.
      curvature_points: points of the matched curve whose curvature is measured.
      seed: of matching, curve and curvature.
    """

    run: str = ""
    other: str = ""
    checkpoint: str = "end"
    num_examples: int = 0
    matching: str = "weights"
    num_starts: int = 10
    curve: str = "bezier"
    num_bends: int = 1
    curve_steps: int = 1000
    curve_learning_rate: float = 1e-2
    batch_size: int = 100
    num_pivots: int = 9
    band_steps: int = 100
    band_learning_rate: float = 3e-3
    num_points: int = 25
    curvature_points: int = 5
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Measures every path into arrays/NAME.npz and draws figures/connectivity.svg; what is there is kept.

    Args:
      config: Config.
      workdir: the run's directory.
      progress: progress(stages done, stages, text).

    Returns:
      The Run. "matching" has the permutations, distances and sizes of the groups. Each of the paths "line",
      "line_matched", "curve", "curve_matched" and "band_matched" has ts, losses, lengths, distance,
      above_mean, above_chord, resolution, num_evaluations, message. "curvature" has ts, lowest, highest,
      residuals.

    Raises:
      ValueError: for a bad field, runs that differ in more than the seed, or another configuration's
        directory.
    """
    _check(config)
    pair = _Pair(config)
    opened = runs.open_run(workdir, config)
    stages = ("matching", *_paths.PATHS, "curvature")
    for done, name in enumerate(stages):
        if not opened.has(name):
            started = time.monotonic()
            measured = _measure(config, pair, opened, name, _steps(progress, done, name))
            seconds = time.monotonic() - started
            opened.save(name, {**measured, "networks": pair.sha256, "seconds": seconds})
        elif opened.load(name)["networks"] != pair.sha256:
            raise ValueError(
                f"`workdir` {opened.path} holds {name} of other weights: a training run was repeated "
                "since. Use another --workdir, or delete that directory."
            )
        if progress is not None:
            progress(done + 1, len(stages), opened.load(name)["message"])
    _paths.draw(opened, pair.one.arm)
    return opened


class _Pair:
    # Both networks, and the loss at any point between them.

    def __init__(self, config):
        load = functools.partial(
            load_network, checkpoint=config.checkpoint, num_examples=config.num_examples
        )
        self.one, self.other = load(config.run), load(config.other)
        self.sha256 = f"{self.one.sha256} {self.other.sha256}"

    def at(self, params):
        # Batch statistics of these parameters; those of the ends mean nothing between them.
        loss = self.one.loss
        variables = {"params": params, **loss.constants}
        stats = models.reestimate_batch_stats(loss.model, variables, self.one.batch["image"])
        return dataclasses.replace(loss, constants={**loss.constants, **stats})

    @functools.cached_property
    def groups(self):
        loss = self.one.loss
        few = jax.tree.map(lambda leaf: leaf[:16], self.one.batch)
        predict = models.Logits(loss.model, loss.constants)
        return geometry.permutation_groups(predict, self.one.params, few, key=jax.random.key(0))


def _steps(progress, done, name):
    if progress is None:
        return None
    total = len(_paths.PATHS) + 2
    return lambda step, steps: progress(done, total, f"{name}: step {step} of {steps}")


def _measure(config, pair, opened, name, steps):
    key = jax.random.key(config.seed)
    if name == "matching":
        return _match(config, pair, key)
    start, end = pair.one.params, _end(pair, opened, name)
    if name == "curvature":
        curve = _curve(config, start, opened.load("curve_matched")["points"])
        found = geometry.curvature_along(
            pair.one.loss,
            curve,
            pair.one.batch,
            key=key,
            num_points=config.curvature_points,
            at=pair.at,
            progress=steps,
        )
        return {**_paths.fields(found), "message": str(found)}
    return _path(config, pair, name.split("_")[0], (start, end), key, steps)


def _path(config, pair, kind, ends, key, steps):
    batch, options = pair.one.batch, {"at": pair.at}
    if kind == "line":
        barrier = geometry.linear_barrier(
            pair.one.loss, *ends, batch, num_points=config.num_points, **options
        )
        return {**_paths.of_barrier(barrier), "message": f"line: {barrier}"}
    options["progress"] = steps
    training = dataclasses.replace(pair.one.loss, train=True)
    if kind == "curve":
        found = geometry.fit_curve(
            training,
            *ends,
            batch,
            key=key,
            optimizer=_adam(config.curve_learning_rate),
            num_steps=config.curve_steps,
            kind=config.curve,
            num_bends=config.num_bends,
            batch_size=config.batch_size,
            num_points=config.num_points,
            **options,
        )
        points = jax.vmap(functools.partial(trees.ravel, trees.space_of(ends[0])))(
            found.curve.points
        )
        return {**_paths.of_barrier(found.barrier), "points": points, "message": str(found)}
    found = geometry.nudged_elastic_band(
        training,
        *ends,
        batch,
        optimizer=_adam(config.band_learning_rate),
        num_pivots=config.num_pivots,
        num_steps=config.band_steps,
        **options,
    )
    return {**_paths.of_barrier(found.barrier), "forces": found.forces, "message": str(found)}


# One object for each rate: both curves then share a compiled step.
_adam = functools.cache(optax.adam)


def _match(config, pair, key):
    one, other = pair.one, pair.other
    if config.matching == "weights":
        found = geometry.match_weights(
            pair.groups, one.params, other.params, key=key, num_starts=config.num_starts
        )
    else:
        predict, own = (models.Logits(n.loss.model, n.loss.constants) for n in (one, other))
        found = geometry.match_activations(
            pair.groups, predict, one.params, other.params, one.batch, own_predict=own
        )
    return {
        "permutations": np.concatenate(found.permutations),
        "sizes": np.array(pair.groups.sizes),
        "distances": found.distances,
        "distance": found.distance,
        "distance_before": found.distance_before,
        "message": str(found),
    }


def _end(pair, opened, name):
    if name in ("line", "curve"):
        return pair.other.params
    stored = opened.load("matching")
    permutations = np.split(stored["permutations"], np.cumsum(stored["sizes"])[:-1])
    return pair.groups.permute(pair.other.params, permutations)


def _curve(config, params, rows):
    return geometry.Curve(trees.unravel(trees.space_of(params), jnp.asarray(rows)), config.curve)


def _check(config):
    if config.matching not in ("weights", "activations"):
        raise ValueError(f"`matching` must be 'weights' or 'activations'; got {config.matching!r}.")
    for name in ("run", "other"):
        if not getattr(config, name):
            raise ValueError(f"`{name}` must be the directory of a training run; got nothing.")
    one, other = runs.load_config(config.run), runs.load_config(config.other)
    for field in sorted(one.keys() | other.keys()):
        if field != "seed" and one.get(field) != other.get(field):
            raise ValueError(
                f"`other` must be a run of the same configuration as `run` but for the seed; `{field}` is "
                f"{one.get(field)!r} in {config.run} and {other.get(field)!r} in {config.other}."
            )
    if one.get("seed") == other.get("seed"):
        raise ValueError(f"`run` and `other` have the same seed, {one.get('seed')}.")


if __name__ == "__main__":
    launch(run, config_file="configs/connectivity.py")
