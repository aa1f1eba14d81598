"""What the branches of a network read and how they are told to change, from the first to the last (claim C23).

Where a stream is a sum, what a branch reads is the stream below it, and the gradient with respect to its output
is that of the stream above it. Networks that mix or normalise the stream have both all the same, and can be
compared by them.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import models
from lsgeo.models import skips
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject, first_examples

NUM_EXAMPLES = 64
COLUMNS = ("stream_growth", "log_branch_ratio", "branch_unevenness")


def _measure(subject: Subject) -> dict[str, float]:
    few = first_examples(subject.batch, NUM_EXAMPLES)
    read, gradients = _ends(subject.loss, subject.params, few)
    growth, ratio = _log_ratio(read[1], read[0]), _log_ratio(*gradients)
    return dict(zip(COLUMNS, (growth, ratio, abs(ratio)), strict=True))


@jax.jit
def _ends(loss, params, batch):
    # What the first and the last branch read, and the gradients with respect to their outputs.
    outs = jax.eval_shape(lambda: _watched(loss, params, batch, {})[1])
    last = len(outs) - 1
    added = {k: jnp.zeros(outs[k][1].shape, outs[k][1].dtype) for k in (0, last)}
    gradients, seen = jax.grad(lambda added: _watched(loss, params, batch, added), has_aux=True)(
        added
    )
    return [seen[k][0] for k in (0, last)], [gradients[k] for k in (0, last)]


def _watched(loss, params, batch, added):
    # The loss with numbers added to some branches' outputs, and what each branch read and gave.
    seen = []

    def step(call, args, kwargs, context):
        if not isinstance(context.module, skips.Skip) or context.method_name != "__call__":
            return call(*args, **kwargs)
        x, branch, *rest = args
        number = len(seen)

        def watched(h):
            out = branch(h)
            out = out + added[number] if number in added else out
            seen.append((h, out))
            return out

        return call(x, watched, *rest, **kwargs)

    with nn.intercept_methods(step):
        return loss(params, batch), seen


def _log_ratio(above: Any, below: Any) -> float:
    # Root mean squares, for streams of a ResNet's stages have different sizes.
    above, below = (np.sqrt(np.mean(np.square(np.asarray(x, np.float64)))) for x in (above, below))
    return math.log(above / below) if above > 0 and below > 0 else math.nan


def _suits(model):
    scanned, tokens = (getattr(model, name, False) for name in ("scan", "takes_tokens"))
    return not scanned and not tokens and not isinstance(model, models.DenseNet)


PLACEMENTS = Measure(
    "placements",
    columns(
        *COLUMNS,
        readings=("init", "matched"),
        smallest=Smallest(0.1, "nats: a tenth of a norm, from the first layer to the last"),
    ),
    _measure,
    source="Xiong et al. 2020, theorem 1 (gradients); Kimi Team 2026, figure 5 (both)",
    cost=0.1,
    suits=_suits,
)
