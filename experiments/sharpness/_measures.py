"""What `experiments.sharpness` measures of one network: each stage goes into a file of its own."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from experiments.common.network import Network
from experiments.common.steps import or_told
from lsgeo import draws, geometry, models
from lsgeo.results import DoesNotApplyError, entries

COLUMNS = ("value", "lower", "upper")
ADAPTIVE = ("none", "magnitude")


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure of sharpness: the larger, the sharper."""

    measure: str
    value: float
    lower: float
    upper: float
    invariant_under: tuple[str, ...] = ()


Found = tuple[Any, list[Row], dict[str, Any]]  # a result, its rows, and further arrays for the file


@dataclasses.dataclass(frozen=True)
class Subject:
    """A network, the key of a stage, and what to spend."""

    network: Network
    key: jax.Array
    config: Any  # of experiments.sharpness

    def size(self, name: str, scaling: str) -> float:
        """The "radius" or the "noise", plain or in proportion to |w|."""
        return getattr(self.config, name if scaling == "none" else f"relative_{name}")


def measure(config: Any, network: Network, stage: str) -> dict[str, Any]:
    """Measures one stage, or says why it does not apply; its draws depend on the seed and its name alone."""
    key = draws.named(jax.random.key(config.seed), stage)
    return {
        **_entries([], [], {}),
        **or_told(lambda: _entries(*_found(STAGES[stage](Subject(network, key, config))))),
        "loss": network.value(),
        **entries(network, ("step", "arm")),
    }


def _found(stage):
    rows, texts, arrays = [], [], {}
    for found, more, further in stage:
        rows += more
        texts.append(str(found))
        arrays |= further
    return rows, texts, arrays


def _entries(rows, texts, arrays):
    return {
        "measures": np.array([row.measure for row in rows], str),
        **{f"{c}s": np.array([getattr(row, c) for row in rows], float) for c in COLUMNS},
        "invariances": np.array([", ".join(row.invariant_under) for row in rows], str),
        "text": "; ".join(texts),
        **arrays,
    }


def _hessian(subject):
    # The largest eigenvalue and the trace, of the Hessian and scaled by |w|.
    for scaling in ADAPTIVE:
        found = geometry.hessian_sharpness(
            *subject.network.problem, key=subject.key, scaling=scaling
        )
        top, trace = found.largest, found.trace
        first = _row("lambda_max", found, top, top, top + found.residual)
        yield found, [first, _row("trace", found, trace.value, *trace.interval())], {}


def _average(subject):
    # The expected increase under Gaussian noise, plain and in proportion to |w|.
    for scaling in ADAPTIVE:
        found = geometry.average_sharpness(
            *subject.network.problem,
            key=subject.key,
            radius=subject.size("noise", scaling),
            ball="gaussian",
            scaling=scaling,
            num_pairs=subject.config.num_pairs,
        )
        yield found, [_row("average case", found, found.value, *found.interval())], {}


def _worst(subject):
    # The largest increase found in the l2 ball, plain and in proportion to |w|, and in Keskar's box.
    config = subject.config
    spent = {"key": subject.key, "num_starts": config.num_starts, "num_steps": config.num_steps}
    for scaling in ADAPTIVE:
        radius = subject.size("radius", scaling)
        found = geometry.worst_sharpness(
            *subject.network.problem, radius=radius, scaling=scaling, **spent
        )
        ends = (found.value, found.value, found.value + found.gap)
        yield found, [_row("worst case", found, *ends)], {}
    found = geometry.keskar_sharpness(*subject.network.problem, **spent)
    yield found, [Row("Keskar", found.value, found.value, found.value + found.gap)], {}


def _sam(subject):
    # The increase over the one step of SAM, and of ASAM.
    for scaling in ADAPTIVE:
        radius = subject.size("radius", scaling)
        found = geometry.sam_sharpness(*subject.network.problem, radius=radius, scaling=scaling)
        yield found, [_row("SAM", found, *_around(found.value, found.rounding))], {}


def _pac_bayes(subject):
    # 1 / sigma^2 for the noise that raises the expected loss by `rise`, plain and in proportion to |w|.
    for scaling in ADAPTIVE:
        found = geometry.pac_bayes_sigma(
            *subject.network.problem,
            key=subject.key,
            target=subject.config.rise,
            scaling=scaling,
            num_pairs=subject.config.num_pairs,
        )
        inverse = _inverse_squares(found.sigma, found.upper, found.lower)
        yield found, [_row("PAC-Bayes 1 / σ²", found, *inverse)], {}


def _filter_radius(subject):
    # 1 / r^2 for the filter-normalised distance at which the loss has risen by `rise`.
    found = geometry.filter_radius(
        *subject.network.problem,
        key=subject.key,
        rise=subject.config.rise,
        num_directions=subject.config.num_directions,
    )
    inverse = _inverse_squares(found.median, found.upper, found.lower)
    row = Row("1 / filter radius²", *inverse, found.invariant_under)
    yield found, [row], {"radii": found.radii}


def _fisher_rao(subject):
    # The square of the Fisher-Rao norm, labels from the model.
    loss, network = _loss_of_data(subject.network), subject.network
    if not isinstance(loss, models.CrossEntropy):
        raise DoesNotApplyError("the Fisher-Rao norm is measured of networks with cross-entropy.")
    logits = models.Logits(loss.model, loss.constants)
    found = geometry.fisher_rao_norm(logits, network.params, network.batch)
    ends = _around(found.squared, 1.96 * found.standard_error)
    row = Row("Fisher-Rao", *ends, found.invariant_under)
    yield found, [row], {"degree": found.degree, "misfit": found.misfit}


def _learning_coefficient(subject):
    found = geometry.learning_coefficient(
        *subject.network.problem,
        key=subject.key,
        num_burn_in=subject.config.num_draws // 2,
        num_draws=subject.config.num_draws,
    )
    row = Row("learning coefficient", found.value, found.lower, found.upper)
    yield found, [row], {"drift": found.drift, "acceptance": found.acceptance}


def _singularities(subject):
    # Redundant units of an MLP, and the zero modes of those symmetries that hold.
    loss, params, batch = subject.network.problem
    inner = _loss_of_data(subject.network)
    model = inner.model
    if not isinstance(model, models.MLP) or model.activation != "relu" or model.scan:
        raise DoesNotApplyError("singularities are those of MLPs with ReLU that are not scanned.")
    chain = geometry.dense_chain(params, _order(params))
    found = geometry.symmetry_modes(loss, params, batch, symmetries=chain)
    variables = {"params": params, **inner.constants}
    seen = models.activations(inner.model, variables, batch["image"])
    preactivations = (value for name, value in seen.items() if "preactivation" in name)
    active = [geometry.linear_dependence(np.maximum(value, 0)) for value in preactivations]
    cosine = np.array([geometry.unit_overlap(params, one).mean_absolute for one in chain])
    weakest = np.array([geometry.unit_elimination(params, one).strengths.min() for one in chain])
    ranks = np.array([one.effective_rank for one in active])
    text = (
        f"{found}; mean |cosine| of units {np.mean(cosine):.3g}, weakest unit {weakest.min():.3g} of its "
        f"layer's strength, median effective rank of the activations {np.median(ranks):.3g}"
    )
    arrays = {
        "modes": found.count,
        "modes_tested": len(found.holds),
        "size": found.size,
        "mean_cosine": cosine,
        "weakest_strength": weakest,
        "effective_rank": ranks,
        "rank": np.array([one.rank for one in active]),
        "dead": np.array([one.dead for one in active]),
    }
    yield text, [], arrays


def _loss_of_data(network):
    # A loss with weight decay in it has that of the data inside.
    return getattr(network.loss, "loss", network.loss)


def _row(measure, found, value, lower, upper):
    name = measure if found.scaling == "none" else f"{measure}, |w|"
    return Row(name, value, lower, upper, found.invariant_under)


def _around(value, half):
    return value, value - half, value + half


def _inverse_squares(*lengths):
    with np.errstate(divide="ignore"):
        return tuple(float(1 / np.float64(length) ** 2) for length in lengths)


def _order(params):
    # The dense layers of an MLP from the input to the output.
    blocks = [name for name in params if re.fullmatch(r"block_\d+", name)]
    blocks.sort(key=models.block_place)
    inner = [(block, layer) for block in blocks for layer in sorted(params[block])]
    return ["stem", *("/".join(names) for names in inner if "dense" in names[1]), "head"]


STAGES: dict[str, Callable[[Subject], Iterator[Found]]] = {
    "hessian": _hessian,
    "average": _average,
    "worst": _worst,
    "sam": _sam,
    "pac_bayes": _pac_bayes,
    "filter_radius": _filter_radius,
    "fisher_rao": _fisher_rao,
    "learning_coefficient": _learning_coefficient,
    "singularities": _singularities,
}
