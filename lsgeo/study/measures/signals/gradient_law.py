"""The parameter-free law of the stream's gradient in He-initialised MLPs, and how far off they are (C5).

In a block x -> c x + a W relu(x), W of variance 2 / n, the gradient's squared norm is multiplied on its way
down by a factor of mean s = c^2 + a^2 and variance v / n, v = 4 c^2 a^2 + 5 a^4, as relu's derivative is 0
or 1 with equal probability. To first order in 1 / n the logarithm of its norm then moves by log(s) / 2 - v
/ (4 n s^2) a block, with the standard deviation sqrt(v / n) / (2 s). Without a skip, c = 0 and a = 1, that
is Hanin and Nica's (2018): the gradient of the first block's stream over the last one's has E log = -(5 /
4) (L - 1) / n, and sd sqrt(5 (L - 1) / n) / 2. With the bare skip it grows by log(2) / 2 a block, with the
branch times 1 / sqrt(L) by 1 / 2 in all. With a shortcut, masks of neighbouring blocks are alike, which the
standard deviation leaves out: there it is a lower bound.
"""

import dataclasses
import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import models
from lsgeo.models import initializers, skips
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.signals.gradient_flow import block_names, mean_log
from lsgeo.study.measures.subject import Subject, first_examples

NUM_DRAWS = 256  # initialisations of the network that a mean is taken over
NUM_EXAMPLES = 8


@dataclasses.dataclass(frozen=True)
class StreamLaw:
    """What log(gradient of the first block's stream / that of the last one's) is at initialisation.

    Attributes:
      mean: in nats, over initial weights.
      deviation: standard deviation of one network and example; a lower bound with a shortcut.
    """

    mean: float
    deviation: float


def stream_law(shortcut: float, branch: float, depth: int, width: int) -> StreamLaw:
    """The law above.

    Args:
      shortcut: c.
      branch: a.
      depth: blocks, L.
      width: units, n.
    """
    size = shortcut**2 + branch**2
    variance = (4 * shortcut**2 * branch**2 + 5 * branch**4) / width
    step = math.log(size) / 2 - variance / (4 * size**2)
    return StreamLaw((depth - 1) * step, math.sqrt((depth - 1) * variance) / (2 * size))


def factors(model: nn.Module) -> tuple[float, float] | None:
    """The shortcut's and the branch's factor of an MLP that the law is about; None of any other network."""
    if not isinstance(model, models.MLP) or model.depth < 2 or model.scan:
        return None
    options = model.block, model.norm, model.activation, model.initializer
    choice = skips.parse(model.skip)
    if options != ("one_layer", "none", "relu", "he") or choice.partial:
        return None
    skip = choice.skip
    if isinstance(skip, skips.scales.Constant):
        return skip.scale, 1 - skip.scale if skip.convex else 1.0
    known = {
        skips.scales.NoSkip: (0.0, 1.0),
        skips.scales.Identity: (1.0, 1.0),
        skips.scales.Scaled: (1.0, model.depth**-0.5),
    }
    return known.get(type(skip))


def _measure(subject: Subject) -> dict[str, float]:
    model, few = subject.model, first_examples(subject.batch, NUM_EXAMPLES)
    law = stream_law(*factors(model), model.depth, model.width)
    names = block_names(subject.params)
    drawn = _redrawn(subject.params, subject.key)
    first, last = _norms_of_draws(subject.loss, drawn, few, names[0], names[-1])
    first, last = (np.asarray(norms, np.float64) for norms in (first, last))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(last > 0, first / last, np.nan)
    by_draw = np.array([mean_log(row[~np.isnan(row)]) for row in ratios])
    by_draw = by_draw[~np.isnan(by_draw)]
    mean = float(by_draw.mean()) if len(by_draw) else math.nan
    return {
        "stream_log_ratio_predicted": law.mean,
        "stream_log_ratio_deviation": law.deviation,
        "stream_log_ratio_redrawn": mean,
        "stream_log_ratio_error": float(by_draw.std(ddof=1) / math.sqrt(len(by_draw))),
        "stream_law_misfit": mean - law.mean,
    }


def _redrawn(params, key):
    # The weights of as many networks, each leaf with a new first axis; biases start at zero.
    draw = initializers.kernel("he", "branch", num_blocks=1, branch_layers=1)
    leaves, shape = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    drawn = [
        jax.vmap(lambda k, leaf=leaf: draw(k, leaf.shape, leaf.dtype))(
            jax.random.split(k, NUM_DRAWS)
        )
        if leaf.ndim > 1
        else jnp.zeros((NUM_DRAWS, *leaf.shape), leaf.dtype)
        for leaf, k in zip(leaves, keys, strict=True)
    ]
    return jax.tree.unflatten(shape, drawn)


@functools.partial(jax.jit, static_argnums=(3, 4))
def _norms_of_draws(loss, drawn, batch, first, last):
    def of_one(params):
        streams = (models.stream_gradient(loss, params, batch, name) for name in (first, last))
        return tuple(jnp.linalg.norm(stream, axis=-1) for stream in streams)

    return jax.lax.map(of_one, drawn, batch_size=32)


GRADIENT_LAW = Measure(
    "gradient_law",
    (
        *columns(
            "stream_log_ratio_predicted",
            "stream_log_ratio_deviation",
            "stream_log_ratio_redrawn",
            "stream_log_ratio_error",
            readings=("init",),
        ),
        *columns(
            "stream_law_misfit",
            readings=("init",),
            smallest=Smallest(0.1, "nats: a tenth of a norm, as for the ratio itself"),
        ),
    ),
    _measure,
    source="Hanin and Nica 2018 (no skip); with a shortcut by the same count, to first order in 1 / n",
    cost=0.3,
    suits=lambda model: factors(model) is not None,
)
