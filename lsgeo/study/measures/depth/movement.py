"""How far training moves the weights of a block's first and last layer, and the stream (claim C20).

Relative to the initial ones: ||W - W_0|| / ||W_0||, Frobenius norms, the mean over blocks; of the stream above
the last block the same, over all examples. In a block of one layer the first and the last are one.
"""

import math

import jax
import numpy as np

from lsgeo import models
from lsgeo.study.measures.records import Measure, columns
from lsgeo.study.measures.subject import Subject, first_examples

NUM_EXAMPLES = 256
COLUMNS = ("movement_first", "movement_last", "movement_stream")
_activations = jax.jit(models.activations, static_argnums=0)


def _measure(subject: Subject) -> dict[str, float]:
    if subject.initial is None:
        return dict.fromkeys(COLUMNS, math.nan)
    start, end = subject.initial(), subject.params
    names = sorted((name for name in end if "block_" in name), key=models.block_place)
    kernels = sorted(name for name in end[names[0]] if name.startswith("dense_"))
    moved = {
        kernel: np.mean(
            [
                _relative(end[name][kernel]["kernel"], start[name][kernel]["kernel"])
                for name in names
            ]
        )
        for kernel in (kernels[0], kernels[-1])
    }
    images = first_examples(subject.batch, NUM_EXAMPLES)["image"]
    streams = [
        _activations(subject.model, {"params": params}, images)[f"{names[-1]}/stream"]
        for params in (end, start)
    ]
    found = (moved[kernels[0]], moved[kernels[-1]], _relative(*streams))
    return dict(zip(COLUMNS, map(float, found), strict=True))


def _relative(end, start):
    end, start = np.asarray(end, np.float64), np.asarray(start, np.float64)
    size = np.linalg.norm(start)
    return np.linalg.norm(end - start) / size if size else math.nan


def _suits(model):
    # With a batch norm, the initial stream has statistics that are not kept.
    return isinstance(model, models.MLP) and not model.scan and model.norm != "batch"


MOVEMENT = Measure(
    "movement",
    columns(*COLUMNS, readings=("matched", "end")),
    _measure,
    source="Yao, Wu and Gao 2025, arXiv 2512.21075: feature learning of a block's first internal layer",
    cost=0.1,
    suits=_suits,
)
