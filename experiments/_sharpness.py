"""What `experiments.sharpness` measures of one network: each stage returns arrays for one file."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from experiments.common.network import Network
from lsgeo import geometry, models

ADAPTIVE = ("none", "magnitude")


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure of sharpness: the larger, the sharper."""

    measure: str
    value: float
    lower: float
    upper: float
    invariant_under: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Subject:
    """A network, the key of a stage, and what to spend."""

    network: Network
    key: jax.Array
    config: Any  # of experiments.sharpness

    @property
    def problem(self) -> tuple[Any, Any, Any]:
        return self.network.loss, self.network.params, self.network.batch

    def radius(self, scaling: str) -> float:
        return self.config.radius if scaling == "none" else self.config.relative_radius

    def noise(self, scaling: str) -> float:
        return self.config.noise if scaling == "none" else self.config.relative_noise


def hessian(subject: Subject) -> dict[str, Any]:
    """The largest eigenvalue and the trace, of the Hessian and scaled by |w|."""
    rows, texts = [], []
    for scaling in ADAPTIVE:
        found = geometry.hessian_sharpness(*subject.problem, key=subject.key, scaling=scaling)
        under, ends = found.invariant_under, (found.largest, found.largest + found.residual)
        rows.append(Row(_named("lambda_max", scaling), found.largest, *ends, under))
        trace = found.trace
        rows.append(Row(_named("trace", scaling), trace.value, *trace.interval(), under))
        texts.append(str(found))
    return _stored(rows, texts)


def average(subject: Subject) -> dict[str, Any]:
    """The expected increase under Gaussian noise, plain and in proportion to |w|."""
    rows, texts = [], []
    for scaling in ADAPTIVE:
        found = geometry.average_sharpness(
            *subject.problem,
            key=subject.key,
            radius=subject.noise(scaling),
            ball="gaussian",
            scaling=scaling,
            num_pairs=subject.config.num_pairs,
        )
        name = _named("average case", scaling)
        rows.append(Row(name, found.value, *found.interval(), found.invariant_under))
        texts.append(str(found))
    return _stored(rows, texts)


def worst(subject: Subject) -> dict[str, Any]:
    """The largest increase found in the l2 ball, plain and in proportion to |w|, and in Keskar's box."""
    rows, texts = [], []
    budget = {"num_starts": subject.config.num_starts, "num_steps": subject.config.num_steps}
    for scaling in ADAPTIVE:
        found = geometry.worst_sharpness(
            *subject.problem,
            key=subject.key,
            radius=subject.radius(scaling),
            scaling=scaling,
            **budget,
        )
        ends = (found.value, found.value + found.gap)
        rows.append(Row(_named("worst case", scaling), found.value, *ends, found.invariant_under))
        texts.append(str(found))
    found = geometry.keskar_sharpness(*subject.problem, key=subject.key, **budget)
    rows.append(Row("Keskar", found.value, found.value, found.value + found.gap))
    return _stored(rows, [*texts, str(found)])


def sam(subject: Subject) -> dict[str, Any]:
    """The increase over the one step of SAM, and of ASAM."""
    rows, texts = [], []
    for scaling in ADAPTIVE:
        found = geometry.sam_sharpness(
            *subject.problem, radius=subject.radius(scaling), scaling=scaling
        )
        ends = (found.value - found.rounding, found.value + found.rounding)
        rows.append(Row(_named("SAM", scaling), found.value, *ends, found.invariant_under))
        texts.append(str(found))
    return _stored(rows, texts)


def pac_bayes(subject: Subject) -> dict[str, Any]:
    """1 / sigma^2 for the noise that raises the expected loss by `rise`, plain and in proportion to |w|."""
    rows, texts = [], []
    for scaling in ADAPTIVE:
        found = geometry.pac_bayes_sigma(
            *subject.problem,
            key=subject.key,
            target=subject.config.rise,
            scaling=scaling,
            num_pairs=subject.config.num_pairs,
        )
        ends = _inverse_squares(found.sigma, found.upper, found.lower)
        rows.append(Row(_named("PAC-Bayes 1 / σ²", scaling), *ends, found.invariant_under))
        texts.append(str(found))
    return _stored(rows, texts)


def filter_radius(subject: Subject) -> dict[str, Any]:
    """1 / r^2 for the filter-normalised distance at which the loss has risen by `rise`."""
    found = geometry.filter_radius(
        *subject.problem,
        key=subject.key,
        rise=subject.config.rise,
        num_directions=subject.config.num_directions,
    )
    ends = _inverse_squares(found.median, found.upper, found.lower)
    row = Row("1 / filter radius²", *ends, found.invariant_under)
    return {**_stored([row], [str(found)]), "radii": found.radii}


def fisher_rao(subject: Subject) -> dict[str, Any]:
    """The square of the Fisher-Rao norm, labels from the model."""
    _, params, batch = subject.problem
    loss = _loss_of_data(subject.network)
    found = geometry.fisher_rao_norm(models.Logits(loss.model, loss.constants), params, batch)
    width = 1.96 * found.standard_error
    ends = (found.squared - width, found.squared + width)
    row = Row("Fisher-Rao", found.squared, *ends, found.invariant_under)
    return {**_stored([row], [str(found)]), "degree": found.degree, "misfit": found.misfit}


def learning_coefficient(subject: Subject) -> dict[str, Any]:
    """The local learning coefficient."""
    found = geometry.learning_coefficient(
        *subject.problem,
        key=subject.key,
        num_burn_in=subject.config.num_draws // 2,
        num_draws=subject.config.num_draws,
    )
    row = Row("learning coefficient", found.value, found.lower, found.upper)
    return {**_stored([row], [str(found)]), "drift": found.drift, "acceptance": found.acceptance}


def singularities(subject: Subject) -> dict[str, Any]:
    """Redundant units of an MLP, and the zero modes of those symmetries that hold."""
    loss, params, batch = subject.problem
    chain = geometry.dense_chain(params, _order(params))
    found = geometry.symmetry_modes(loss, params, batch, symmetries=chain)
    overlaps = [geometry.unit_overlap(params, one) for one in chain]
    strengths = [geometry.unit_elimination(params, one).strengths for one in chain]
    network = _loss_of_data(subject.network)
    variables = {"params": params, **network.constants}
    seen = models.activations(network.model, variables, batch["image"])
    active = [
        geometry.linear_dependence(np.maximum(value, 0))
        for name, value in seen.items()
        if "preactivation" in name
    ]
    cosine = np.array([one.mean_absolute for one in overlaps])
    weakest = np.array([one.min() for one in strengths])
    ranks = np.array([one.effective_rank for one in active])
    text = (
        f"{found}; mean |cosine| of units {np.mean(cosine):.3g}, weakest unit {weakest.min():.3g} of its "
        f"layer's strength, median effective rank of the activations {np.median(ranks):.3g}"
    )
    return {
        **_stored([], [text]),
        "modes": found.count,
        "modes_tested": len(found.holds),
        "size": found.size,
        "mean_cosine": cosine,
        "weakest_strength": weakest,
        "effective_rank": ranks,
        "rank": np.array([one.rank for one in active]),
        "dead": np.array([one.dead for one in active]),
    }


def can_measure(network: Network, stage: str) -> bool:
    """Says whether a stage is defined for this network."""
    loss = _loss_of_data(network)
    if stage == "fisher_rao":
        return isinstance(loss, models.CrossEntropy)
    if stage == "singularities":
        model = loss.model
        return isinstance(model, models.MLP) and model.activation == "relu" and not model.scan
    return True


def rows_of(stored: dict[str, Any]) -> list[Row]:
    """Makes the rows of a saved stage again."""
    columns = (stored[name] for name in ("measures", "values", "lowers", "uppers", "invariances"))
    return [
        Row(
            str(name),
            float(v),
            float(low),
            float(high),
            tuple(filter(None, str(under).split(", "))),
        )
        for name, v, low, high, under in zip(*map(np.atleast_1d, columns), strict=True)
    ]


def _loss_of_data(network):
    # A loss with weight decay in it has that of the data inside.
    return getattr(network.loss, "loss", network.loss)


def _stored(rows, texts):
    return {
        "measures": np.array([row.measure for row in rows], dtype=str),
        "values": np.array([row.value for row in rows], dtype=float),
        "lowers": np.array([row.lower for row in rows], dtype=float),
        "uppers": np.array([row.upper for row in rows], dtype=float),
        "invariances": np.array([", ".join(row.invariant_under) for row in rows], dtype=str),
        "text": "; ".join(texts),
    }


def _named(measure, scaling):
    return measure if scaling == "none" else f"{measure}, |w|"


def _inverse_squares(*lengths):
    with np.errstate(divide="ignore"):
        return tuple(float(1 / np.float64(length) ** 2) for length in lengths)


def _order(params):
    # The dense layers of an MLP from the input to the output.
    blocks = sorted(
        (name for name in params if re.fullmatch(r"block_\d+", name)),
        key=lambda name: int(name.rpartition("_")[2]),
    )
    inner = [
        f"{block}/{layer}"
        for block in blocks
        for layer in sorted(params[block])
        if "dense" in layer
    ]
    return ["stem", *inner, "head"]


STAGES: dict[str, Callable[[Subject], dict[str, Any]]] = {
    function.__name__: function
    for function in (
        hessian,
        average,
        worst,
        sam,
        pac_bayes,
        filter_radius,
        fisher_rao,
        learning_coefficient,
        singularities,
    )
}
