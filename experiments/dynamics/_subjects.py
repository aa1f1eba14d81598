"""What `experiments.dynamics` trains: the arms, from the same weights, at each learning rate."""

import dataclasses
from typing import Any

import jax
import optax

from experiments.common import twins
from experiments.common.fields import check_choice, check_least, check_positive
from experiments.common.trainee import Trainee
from lsgeo import geometry, models, study, training, trees
from lsgeo.geometry.dynamics.limits import LIMITED
from lsgeo.training.recipes import optimizers


@dataclasses.dataclass(frozen=True)
class Rated:
    """rate -> the transformation of a recipe's direction; equal ones share compiled steps."""

    direction: optimizers.Direction

    def __call__(self, rate: Any) -> optax.GradientTransformation:
        """Returns the optimiser with its learning rate."""
        return optax.chain(self.direction.transformation(), optax.scale(-rate))


@dataclasses.dataclass(frozen=True)
class Subject:
    """One network and how it is trained."""

    loss: Any
    params: Any
    batch: dict[str, jax.Array]
    arm: str
    optimizer: Rated
    learning_rate: float
    limit: float
    time_per_step: float  # of the gradient flow; 0 where training follows none
    top: int
    config: Any  # of experiments.dynamics


def subjects(config: Any) -> dict[str, Subject]:
    """All trainings, ARM_RATE; a ValueError for a bad field, a random loss, or one that does not fit."""
    _check(config)
    recipe = training.Recipe(
        optimizer=config.optimizer, learning_rate=1.0, momentum=config.momentum
    )
    optimizer = Rated(optimizers.direction_of(recipe))
    names = [field.name for field in dataclasses.fields(training.Description)]
    described = {name: getattr(config, name) for name in names if hasattr(config, name)}
    found = {}
    for name in study.parse_arms(config.arms):
        arm = study.ARMS[name]
        changed = twins.changes(arm, config.model, described.get("options", ""))
        trainee = Trainee(training.Description(**{**described, **changed}))
        _check_trainee(trainee)
        for rate in config.learning_rates:
            found[f"{name}_{rate:g}"] = Subject(
                trainee.loss,
                _scaled(trainee.start[0], config.init_scale),
                trainee.batch,
                arm.label,
                optimizer,
                rate,
                geometry.stability_limit(config.optimizer, rate, momentum=config.momentum),
                _time_per_step(config, rate),
                config.top or trainee.dataset.num_outputs,
                config,
            )
    return found


def _check_trainee(trainee):
    config = trainee.config
    if not trainee.dataset.num_classes and config.loss != "squared_error":
        raise ValueError(
            f"`dataset` {config.dataset} is a regression, which `loss` {config.loss!r} does not fit. Set "
            "loss='squared_error'."
        )
    if models.is_random(trainee.model):
        raise ValueError(
            f"`model` {config.model} draws random numbers in training, so that it has no full-batch "
            "trajectory. Take out its dropout."
        )


def _scaled(params, factor):
    def scale(path, leaf):
        return factor * leaf if trees.path_name(path).endswith("kernel") else leaf

    return jax.tree_util.tree_map_with_path(scale, params)


def _check(config):
    check_choice(config, optimizer=LIMITED)
    rates = tuple(config.learning_rates)
    names = {f"{rate:g}" for rate in rates}  # of their files
    if not rates or len(names) < len(rates) or not all(rate > 0 for rate in rates):
        raise ValueError(
            f"`learning_rates` must be positive, each once to six digits; got {rates}."
        )
    check_positive(config, "init_scale")
    check_least(config, num_steps=1, every=1, top=0, bottom=0, flow_gradients=0, stable_steps=0)


def _time_per_step(config, rate):
    if config.optimizer == "adam" or not config.flow_gradients:
        return 0.0
    return rate if config.optimizer == "sgd" else rate / (1 - config.momentum)
