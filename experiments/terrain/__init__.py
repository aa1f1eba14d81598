"""Measures the terrain around trained networks and their twins: convexity, roughness, minima, with intervals.

Several networks, each seen on several random planes; twins see the same directions. Without `runs` it trains
its own.

python -m experiments.terrain --config=configs/terrain.py --workdir=runs/terrain
python -m experiments.terrain --config.runs=runs/skip-0,runs/skip-1,runs/skip-2
  --config.twins=runs/plain-0,runs/plain-1,runs/plain-2 --workdir=runs/terrain
"""

import dataclasses
import math
import os

import jax
import numpy as np

from experiments import _results, _surface, _terrain, train
from experiments.common.figures import save_figure
from experiments.common.launch import launch
from experiments.common.network import load_network
from lsgeo import geometry, runs
from lsgeo.geometry import terrain

SIDES = ("runs", "twins")


def _small():
    return train.Config(
        depth=20,
        width=64,
        norm="layer",
        skip="scaled",
        num_train=0,
        max_steps=1000,
        stop_loss=0.01,
        loss_levels=(),
        eval_every=100,
        save_every=0,
    )


@dataclasses.dataclass
class Config:
    """The terrain of networks of several seeds, and of their twins.

    Attributes:
      runs: directories of runs of experiments.train, one per seed, separated by commas; "" trains `num_seeds`
        pairs of twins in WORKDIR/train.
      twins: directories of their twins, in the same order; "" for none.
      network: configuration of that training, where `runs` is "".
      twin_skip: skip type of the twins that are trained.
      num_seeds: pairs that are trained; an interval needs three.
      checkpoint: of every run.
      num_examples: training examples of the loss, the first ones; 0 takes all.
      planes: pairs of random directions per network.
      resolution: points per axis.
      extent: the planes reach from -extent to extent, in filter norms.
      test: of the convexity radius, "chords" or "hessian".
      windows: of the roughness, in points.
      threshold: barrier that makes a minimum count, in normal scores, see `lsgeo.geometry.persistence_null`.
      num_fields: random fields of the null.
      neighbours: 8, or 4, of a point in the merge tree.
      steps: step sizes of the gradient smoothness.
      seed: random directions, fields and resamples.
    """

    runs: str = ""
    twins: str = ""
    network: train.Config = dataclasses.field(default_factory=_small)
    twin_skip: str = "none"
    num_seeds: int = 3
    checkpoint: str = "end"
    num_examples: int = 0
    planes: int = 3
    resolution: int = 21
    extent: float = 1.0
    test: str = "chords"
    windows: tuple[int, ...] = (3, 5, 9)
    threshold: float = 0.1
    num_fields: int = 199
    neighbours: int = 8
    steps: tuple[float, ...] = (1e-4, 1e-3, 1e-2)
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Measures each plane into arrays/SIDE_K_plane_P.npz; what is there is left alone.

    Args:
      config: Config.
      workdir: the run's directory; it gets table.csv, "summary", figures/terrain.svg and
        figures/minima.svg.
      progress: progress(done, total, text).

    Returns:
      The Run. "summary" holds the table: figure, networks (an arm, or the difference of both by pairs), value,
      lower, upper, between, within, num_censored (convexity radii that reach the edge, of which the mean is a
      lower bound); a plane's file xs, ys, values, every figure, the merge tree of its losses
      and the null; SIDE_K the loss and the smoothness of a network.

    Raises:
      ValueError: for a bad field, unequal numbers of runs and twins, or the directory of another
        configuration or of other networks.
    """
    _check(config)
    paths = {side: part for side in SIDES if (part := _split(getattr(config, side)))}
    paths = paths or _train(config, runs.open_run(workdir, config), progress)
    sides = _load(config, paths)
    opened = runs.open_run(workdir, config)
    total = sum(map(len, sides.values())) * config.planes
    arms: dict[str, list] = {}
    done = 0
    for side, networks in sides.items():
        measured = arms.setdefault(networks[0].arm, [])
        for k, network in enumerate(networks):
            entries = []
            for plane in range(config.planes):
                entries.append(_plane(config, opened, side, k, network, plane))
                done += 1
                if progress is not None:
                    progress(done, total, _terrain.line(network, entries[-1]))
            measured.append((_smoothness(config, opened, side, k, network), entries))
    groups = {arm: _terrain.values(networks, config.windows) for arm, networks in arms.items()}
    cut = _terrain.censored(arms)
    rows = _terrain.table(groups, config.windows, jax.random.key(config.seed), cut)
    opened.save("summary", {name: np.array([row[name] for row in rows]) for name in rows[0]})
    _results.write_csv(opened.path / "table.csv", rows)
    save_figure(opened, "terrain", _terrain.scalars_figure(groups, rows, config.windows))
    planes = {arm: [entries for _, entries in networks] for arm, networks in arms.items()}
    save_figure(opened, "minima", _terrain.minima_figure(planes))
    if progress is not None:
        _report(rows, opened)
    return opened


def _check(config):
    least = {"num_seeds": 1, "planes": 1, "resolution": max(config.windows, default=3)}
    for name, number in least.items():
        if getattr(config, name) < number:
            raise ValueError(f"`{name}` must be at least {number}; got {getattr(config, name)}.")
    if not 0 < config.extent < math.inf:
        raise ValueError(f"`extent` must be positive and finite; got {config.extent}.")
    if not config.steps or not 0 < min(config.steps) <= max(config.steps) < math.inf:
        raise ValueError(f"`steps` must be positive and finite; got {config.steps}.")
    first, second = (_split(getattr(config, side)) for side in SIDES)
    if second and len(first) != len(second):
        raise ValueError(
            f"`runs` and `twins` must be pairs; got {len(first)} and {len(second)} directories."
        )
    if not first and config.twin_skip == config.network.skip:
        raise ValueError(
            f"`twin_skip` is the skip of `network` itself, {config.twin_skip!r}; twins differ in it."
        )
    # A plane without a network, so that a bad field is met before the first training.
    flat = geometry.Surface(*[_axis(config)] * 2, np.ones((config.resolution,) * 2))
    one = dataclasses.replace(config, num_fields=min(config.num_fields, 1))
    _terrain.measure(flat, one, 1.0, jax.random.key(0))


def _axis(config):
    return np.linspace(-config.extent, config.extent, config.resolution)


def _split(text):
    return [part.strip() for part in text.split(",") if part.strip()]


def _train(config, opened, progress):
    paths = {side: [] for side in SIDES}
    for side, skip in zip(SIDES, (config.network.skip, config.twin_skip), strict=True):
        for k in range(config.num_seeds):
            paths[side].append(opened.path / "train" / f"{side}_{k}")
            one = dataclasses.replace(config.network, skip=skip, seed=config.network.seed + k)
            train.run(one, paths[side][-1], progress)
    return paths


def _load(config, paths):
    sides = {
        side: [load_network(path, config.checkpoint, config.num_examples) for path in part]
        for side, part in paths.items()
    }
    kinds = {side: sorted({network.arm for network in part}) for side, part in sides.items()}
    for side, found in kinds.items():
        if len(found) > 1:
            raise ValueError(
                f"`{side}` are networks of several kinds, {found}; give one kind each."
            )
    if len(kinds) == 2 and kinds["runs"] == kinds["twins"]:
        raise ValueError(
            f"`runs` and `twins` are both networks with {kinds['runs'][0]!r}; twins differ in their skip."
        )
    return sides


def _plane(config, opened, side, k, network, plane):
    name = f"{side}_{k}_plane_{plane}"
    if not opened.has(name):
        # The same for both twins.
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(config.seed), k), plane)
        draw, fields = jax.random.split(key)
        directions = geometry.filter_normalized_directions(network.params, key=draw)
        xs = _axis(config)
        surface = geometry.surface(
            network.loss, network.params, network.batch, directions, xs=xs, ys=xs
        )
        figures = _terrain.measure(surface, config, _surface.chance_loss(network), fields)
        grid = {"xs": xs, "ys": xs, "values": surface.values}
        opened.save(name, {**grid, **figures, "network_sha256": network.sha256})
    return _stored(opened, name, network)


def _smoothness(config, opened, side, k, network):
    name = f"{side}_{k}"
    if not opened.has(name):
        found = terrain.gradient_smoothness(
            network.loss, network.params, network.batch, steps=config.steps
        )
        opened.save(
            name,
            {
                "smoothness": found.value,
                "steps": found.steps,
                "values": found.values,
                "gradient_norm": found.gradient_norm,
                "loss": network.value(),
                "step": network.step,
                "network_sha256": network.sha256,
            },
        )
    return _stored(opened, name, network)["smoothness"]


def _stored(opened, name, network):
    entry = opened.load(name)
    if entry["network_sha256"] != network.sha256:
        raise ValueError(
            f"`workdir` {opened.path} holds {name} of other weights: the training run was repeated since. Use "
            "another --workdir, or delete that directory."
        )
    return entry


def _report(rows, opened):
    for row in rows:
        ends = f"[{row['lower']:.3g}, {row['upper']:.3g}]"
        cut = f", {row['num_censored']} at the edge" if row["num_censored"] else ""
        print(f"{row['figure']:>20}  {row['networks']:<22} {row['value']:.3g} {ends}{cut}")
    print(f"table in {opened.path / 'table.csv'}, figures in {opened.path / 'figures'}")


if __name__ == "__main__":
    launch(run, config_file="configs/terrain.py")
