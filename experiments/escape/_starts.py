"""The starts of `experiments.escape`: where each of them is built, and what kind of point it is."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

import lsgeo
from experiments.common.fields import check_least, check_names, check_positive
from lsgeo import data, models, study
from lsgeo.results import entries

STARTS = {"minimum": "bad minimum", "plateau": "dead layer", "saddle": "zero point"}


@dataclasses.dataclass(frozen=True)
class Problem:
    """The data, and the best that a linear classifier makes of them."""

    batch: dict[str, jax.Array]
    num_classes: int
    classifier: study.LinearClassifier
    sha256: str


def check(config: Any) -> tuple[str, ...]:
    """Returns the arms; raises a ValueError for a bad field."""
    arms = study.parse_arms(config.arms)
    for field in ("starts", "momenta", "batch_sizes"):
        values = getattr(config, field)
        if not values or len(set(values)) < len(values):
            raise ValueError(f"`{field}` must name at least one, each once; got {values!r}.")
    check_names(config, starts=STARTS)
    for momentum in config.momenta:
        if not 0 <= momentum < 1:
            raise ValueError(f"`momenta` must be at least 0 and below 1; got {momentum}.")
    check_positive(config, "minimum_rate", "plateau_rate", "saddle_rate")
    check_least(config, num_seeds=1, depth=1, width=1, pool=1, num_steps=1, every=1)
    if min(config.batch_sizes) < 0:
        raise ValueError(f"`batch_sizes` must be at least 0; got {min(config.batch_sizes)}.")
    if config.num_steps % config.every:
        raise ValueError(
            f"`num_steps` {config.num_steps} must be a multiple of `every`, {config.every}."
        )
    if config.modulo == 1 or config.modulo < 0:
        raise ValueError(f"`modulo` must be 0, or at least 2; got {config.modulo}.")
    return arms


def load(config: Any) -> Problem:
    """Loads the data of a configuration, pixels averaged and labels modulo `modulo`."""
    dataset = data.load(config.dataset, num_train=config.num_train or None, seed=config.data_seed)
    if not dataset.num_classes:
        raise ValueError(f"`dataset` {config.dataset} is a regression; take one with classes.")
    classes = config.modulo or dataset.num_classes
    image = _pooled(dataset.train["image"], config.pool)
    label = dataset.train["label"] % classes
    batch = {"image": jnp.asarray(image), "label": jnp.asarray(label)}
    classifier = study.fit_linear(batch, classes)
    return Problem(batch, classes, classifier, dataset.sha256)


def _pooled(image, side):
    if side == 1:
        return image
    if image.ndim != 4 or image.shape[1] % side or image.shape[2] % side:
        raise ValueError(
            f"`pool` is {side}, which does not divide inputs of shape {image.shape[1:]}. Take 1, or a divisor."
        )
    count, height, width, channels = image.shape
    squares = image.reshape(count, height // side, side, width // side, side, channels)
    return squares.mean((2, 4))


def loss_of(config: Any, problem: Problem, start: str, arm: str) -> models.CrossEntropy:
    """The loss of one arm's network; at the saddle with tanh, for ReLU has no Hessian there."""
    activation = "tanh" if start == "saddle" else "relu"
    options = {"depth": config.depth, "width": config.width, "activation": activation}
    twins = study.Twins("mlp", options, arms=study.parse_arms(config.arms))
    return models.CrossEntropy(twins.create(arm, problem.num_classes))


def starts_of(config: Any, problem: Problem, start: str, arm: str) -> Any:
    """One start for each seed, on a leading axis; arms share their draws."""
    model, batch = loss_of(config, problem, start, arm).model, problem.batch
    build = {
        "minimum": lambda key: study.linear_minimum(
            model, batch, problem.classifier, key=key, margin=config.margin
        ),
        "plateau": lambda key: study.dead_layer(model, batch, key=key, margin=config.margin),
        "saddle": lambda key: study.zero_point(model, batch, key=key, scale=config.scale),
    }[start]
    keys = jax.random.split(jax.random.key(config.seed), config.num_seeds)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(build, keys))


def optimizer_of(config: Any, start: str, momentum: float) -> optax.GradientTransformation:
    """Gradient descent at the start's learning rate, times 1 - momentum where there is one."""
    rate = getattr(config, f"{start}_rate") * (1 - momentum)
    return optax.sgd(rate, momentum=momentum or None)


def describe(config: Any, problem: Problem, start: str, arm: str) -> dict[str, Any]:
    """What kind of point the first seed starts at, or, at the saddle, starts next to."""
    loss = loss_of(config, problem, start, arm)
    one = dataclasses.replace(config, num_seeds=1, scale=1e-6)
    params = jax.tree.map(lambda leaf: leaf[0], starts_of(one, problem, start, arm))
    point = lsgeo.classify_critical_point(
        loss, params, problem.batch, key=jax.random.key(config.seed)
    )
    curvature = point.curvature
    return {
        **entries(point, ("kind", "loss", "gradient_norm")),
        "lambda_min": curvature.value,
        "lambda_min_bound": curvature.lower_bound,
        "lambda_max": curvature.upper_end,
        "stability": getattr(config, f"{start}_rate") * curvature.upper_end / 2,
        "label_signal": study.label_signal(problem.batch, problem.num_classes),
        "linear_loss": problem.classifier.loss,
    }
