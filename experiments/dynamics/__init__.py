"""Follows full-batch training: does it end at the edge of stability, and where does the gradient point?

Trains networks with and without skips from the same weights and records, along training, the loss, the
sharpness against the optimiser's limit (2 / learning rate for gradient descent), the top of the Hessian's
spectrum, the gradient's share in it, and the distance from the gradient flow.

python -m experiments.dynamics --config=configs/dynamics.py --workdir=runs/dynamics
"""

import dataclasses
import os

import jax
import jax.numpy as jnp

from experiments import _dynamics, train
from experiments.common import losses
from experiments.common.figures import save_figure
from experiments.common.launch import launch
from experiments.common.options import model_options
from lsgeo import geometry, models, plotting, runs, study, training, trees
from lsgeo.geometry.dynamics.limits import LIMITED
from lsgeo.training.recipes import optimizers


@dataclasses.dataclass
class Config:
    """Full-batch training of twins.

    Attributes:
      dataset: name of the data, see `lsgeo.data`.
      root: folder of the data's files; "" where they are bundled or synthetic.
      data_options: what only one dataset has, "option=value, ...".
      num_train: training examples; 0 takes all.
      model: a family, or a published network, of `lsgeo.models`.
      depth: blocks or layers, as the family counts them; 0 is the model's default.
      width: units per block, or channels of the first stage; 0 is the model's default.
      norm: normalisation; batch norm uses the statistics of the full batch.
      activation: nonlinearity. Smooth ones, such as tanh, have the sharpness follow its limit closely.
      initializer: initial weights.
      init_scale: what the initial kernels are multiplied by. From small ones the sharpness rises along
        training, from large ones it need not.
      options: what only one family has, "option=value, ...".
      arms: what is compared, of `lsgeo.study.ARMS` (plain, residual, scaled, identity-biased, learnable).
      loss: "squared_error" (1/2 ||f - onehot||^2, averaged over examples only) or "cross_entropy".
      optimizer: "sgd", "momentum" (heavy ball), "nesterov" or "adam".
      momentum: of the second and the third.
      learning_rates: each of them trains every arm.
      num_steps: updates.
      every: updates between two records.
      top: highest eigenvalues; 0 takes as many as there are classes.
      bottom: lowest eigenvalues.
      tol: bound on their residuals, relative to the largest |lambda|.
      flow_gradients: gradients for the gradient flow of each training, which is followed as far as they last;
        0 leaves it out. Adam follows none.
      stable_steps: steps of the trainings by which the largest stable learning rate is found; 0 leaves it
        out. Adam has none.
      seed: initial weights, and start vectors of the eigenvalues.
      data_seed: subset of the data.
    """

    dataset: str = "digits"
    root: str = ""
    data_options: str = ""
    num_train: int = 500
    model: str = "mlp"
    depth: int = 4
    width: int = 32
    norm: str = ""
    activation: str = "tanh"
    initializer: str = "xavier"
    init_scale: float = 0.5
    options: str = ""
    arms: str = "plain,residual"
    loss: str = "squared_error"
    optimizer: str = "sgd"
    momentum: float = 0.9
    learning_rates: tuple[float, ...] = (0.12,)
    num_steps: int = 1500
    every: int = 50
    top: int = 0
    bottom: int = 1
    tol: float = 1e-3
    flow_gradients: int = 40_000
    stable_steps: int = 100
    seed: int = 0
    data_seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Trains every arm at every rate into arrays/ARM_RATE.npz and draws figures/dynamics_RATE.svg.

    Args:
      config: Config.
      workdir: the run's directory.
      progress: progress(done, total, text), in steps of training.

    Returns:
      The Run. An entry has, one for each record: steps, loss, sharpness (of the preconditioned Hessian for
      Adam), values and residuals (the lowest eigenvalues, then the top ones, ascending), gradient_norm, share
      (of the squared gradient in the top vectors), kept (share of the top space that was in it at the record
      before), distance (from the gradient flow), travelled (by the flow), flow_error, flow_loss, num_matvecs;
      losses (of every step), limit (of the sharpness), learning_rate, top (their number), arm, status
      ("trained" or "diverged"), text, seconds. ARM_stable has the fields of `lsgeo.geometry.LargestStableRate`.

    Raises:
      ValueError: for a bad field, a model whose loss is random, or another configuration's directory.
    """
    subjects = _subjects(config)
    opened = runs.open_run(workdir, config)
    total = len(subjects) * config.num_steps
    for i, (name, subject) in enumerate(subjects.items()):

        def report(step, text, first=i * config.num_steps):
            if progress is not None:
                progress(first + step, total, text)

        _dynamics.follow(opened, name, subject, report)
    stable = _stable(opened, config, subjects) if config.stable_steps else []
    for rate in config.learning_rates:
        _draw(opened, [name for name, s in subjects.items() if s.learning_rate == rate], rate)
    if progress is not None:
        for name in [*subjects, *stable]:
            stored = opened.load(name)
            print(f"{stored['arm']}, {stored['text']}")
        print(f"results in {opened.path / 'arrays'}, figures in {opened.path / 'figures'}")
    return opened


def _subjects(config):
    _check(config)
    recipe = training.Recipe(
        optimizer=config.optimizer, learning_rate=1.0, momentum=config.momentum
    )
    optimizer = _dynamics.Rated(optimizers.direction_of(recipe))
    shared = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(train.Config)
        if hasattr(config, field.name)
    }
    trained = train.Config(**shared)
    dataset = train.load_data(trained)
    if not dataset.num_classes and config.loss != "squared_error":
        raise ValueError(
            f"`dataset` {config.dataset} is a regression, which `loss` {config.loss!r} does not fit. Set "
            "loss='squared_error'."
        )
    batch = jax.tree.map(jnp.asarray, dataset.train)
    twins = study.Twins(
        config.model,
        model_options(config),
        arms=study.parse_arms(config.arms),
        seed=config.seed,
    )
    found = {}
    for arm in twins.arms:
        model = twins.create(arm, dataset.num_outputs)
        if models.is_random(model):
            raise ValueError(
                f"`model` {config.model} draws random numbers in training, so that it has no full-batch "
                "trajectory. Take out its dropout."
            )
        variables = models.init(model, batch["image"], key=twins.keys()[0])
        params = _scaled(variables.pop("params"), config.init_scale)
        for rate in config.learning_rates:
            found[f"{arm}_{rate:g}"] = _dynamics.Subject(
                losses.data_loss(trained, model, variables, train=True),
                params,
                batch,
                study.ARMS[arm].label,
                optimizer,
                rate,
                geometry.stability_limit(config.optimizer, rate, momentum=config.momentum),
                _time_per_step(config, rate),
                config.top or dataset.num_outputs,
                config,
            )
    return found


def _scaled(params, factor):
    def scale(path, leaf):
        return factor * leaf if trees.path_name(path).endswith("kernel") else leaf

    return jax.tree_util.tree_map_with_path(scale, params)


def _check(config):
    if config.optimizer not in LIMITED:
        raise ValueError(
            f"Unknown `optimizer`: {config.optimizer!r}. Choose one of: {', '.join(LIMITED)}."
        )
    rates = tuple(config.learning_rates)
    names = {f"{rate:g}" for rate in rates}  # of their files
    if not rates or len(names) < len(rates) or not all(rate > 0 for rate in rates):
        raise ValueError(
            f"`learning_rates` must be positive, each once to six digits; got {rates}."
        )
    if not config.init_scale > 0:
        raise ValueError(f"`init_scale` must be positive; got {config.init_scale}.")
    least = {"num_steps": 1, "every": 1, "top": 0, "bottom": 0}
    least |= {"flow_gradients": 0, "stable_steps": 0}
    for name, smallest in least.items():
        if getattr(config, name) < smallest:
            raise ValueError(f"`{name}` must be at least {smallest}; got {getattr(config, name)}.")


def _time_per_step(config, rate):
    if config.optimizer == "adam" or not config.flow_gradients:
        return 0.0
    return rate if config.optimizer == "sgd" else rate / (1 - config.momentum)


def _stable(opened, config, subjects):
    if config.optimizer == "adam":
        return []
    names = {}
    for name, subject in subjects.items():
        names.setdefault(f"{name.rpartition('_')[0]}_stable", subject)
    for name, subject in names.items():
        _dynamics.stable_rate(opened, name, subject)
    return list(names)


def _draw(opened, names, rate):
    stored = [opened.load(name) for name in names]
    arms = {entry["arm"]: entry for entry in stored}
    figure, axes = plotting.new_figure(width=11.0, height=6.0, columns=3, rows=2)
    plotting.dynamics_panels(arms, axes.ravel())
    save_figure(opened, f"dynamics_{rate:g}", figure)


if __name__ == "__main__":
    launch(run, config_file="configs/dynamics.py")
