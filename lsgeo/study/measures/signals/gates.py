"""Gates: what learned skips have learned, block by block (claim C12).

A block's gate is the weight of its branch: |alpha| of "rezero" and "skipinit", the mean |gamma| of
"layerscale", the mean of T or g over examples and units of "highway" and the gates of He et al. 2016. Of
hyper-connections it is the product of all blocks' mixing matrices that tells whether the streams grow, and
whether they stay apart.
Each type says in its attribute `learned` how its gate is read; one that has none has NaN here.
"""

import functools
import math

import flax.linen as nn
import numpy as np

from lsgeo import models
from lsgeo.models import skips
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject

NUM_EXAMPLES = 64
COLUMNS = (
    "gate_mean",
    "gate_depth_slope",
    "stream_row_min",
    "stream_row_max",
    "stream_column_min",
    "stream_column_max",
    "stream_gain",
    "stream_contrast",
)


def _measure(subject: Subject) -> dict[str, float]:
    found = dict.fromkeys(COLUMNS, math.nan)
    learned = skips.parse(subject.model.skip).skip.learned
    if learned is None:
        return found
    images = subject.batch["image"][:NUM_EXAMPLES]
    gates = learned.read(subject.model, subject.variables, images)
    if not gates.size:
        return found
    if gates.ndim == 3:
        # From the streams of the input to those of the last block: H_L ... H_1.
        return found | _sums(functools.reduce(lambda before, matrix: matrix @ before, gates))
    places = np.linspace(0, 1, len(gates))
    slope = float(np.polyfit(places, gates, 1)[0]) if len(gates) > 1 else math.nan
    return found | {"gate_mean": float(gates.mean()), "gate_depth_slope": slope}


def _sums(product):
    rows, columns = product.sum(1), product.sum(0)
    size = np.abs(product)
    return {
        "stream_row_min": float(rows.min()),
        "stream_row_max": float(rows.max()),
        "stream_column_min": float(columns.min()),
        "stream_column_max": float(columns.max()),
        "stream_gain": float(max(size.sum(1).max(), size.sum(0).max())),
        # Of a doubly stochastic product the first singular value is 1, the streams' mean.
        "stream_contrast": float(np.linalg.svd(product, compute_uv=False)[1])
        if len(product) > 1
        else math.nan,
    }


def _suits(model: nn.Module) -> bool:
    one_by_one = isinstance(getattr(model, "skip", None), str) and not getattr(model, "scan", False)
    return one_by_one and not isinstance(model, models.DenseNet)  # Concatenation has no gate.


GATES = Measure(
    "gates",
    (
        *columns(
            "stream_gain",
            smallest=Smallest(0.1, "a tenth of a gain over the whole depth", ratio=True),
        ),
        *columns(
            "stream_contrast",
            smallest=Smallest(0.1, "a tenth of what keeps the streams apart"),
            floor=0.0,
        ),
        *columns(*COLUMNS[:-2]),
    ),
    _measure,
    source="Bachlechner et al. 2021 (alpha), Srivastava et al. 2015, eq. 3 (T), Xie et al. 2025 (mixtures)",
    cost=0.1,
    suits=_suits,
)
