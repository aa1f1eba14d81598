"""Gates: what learned skips have learned, block by block (claim C12).

A block's gate is the weight of its branch: |alpha| of "rezero" and "skipinit", the mean |gamma| of
"layerscale", the mean of T or g over examples and units of "highway" and the gates of He et al. 2016. Of
hyper-connections it is the product of all blocks' mixing matrices that tells whether the streams grow.
"""

import functools
import math

import flax.linen as nn
import jax
import numpy as np

from lsgeo import models
from lsgeo.models.skips import registry, streams
from lsgeo.study.measures.records import Measure, columns
from lsgeo.study.measures.subject import Subject

NUM_EXAMPLES = 64
PARAMETERS = {"rezero": "alpha", "skipinit": "alpha", "layerscale": "gamma"}
MIXING = ("highway", "exclusive_gate", "shortcut_gate")
MIXTURES = {"hyper": "mix", "mhc": "res"}
COLUMNS = (
    "gate_mean",
    "gate_depth_slope",
    "stream_row_min",
    "stream_row_max",
    "stream_column_min",
    "stream_column_max",
    "stream_gain",
)


def _measure(subject: Subject) -> dict[str, float]:
    found = dict.fromkeys(COLUMNS, math.nan)
    choice = registry.parse(subject.model.skip)
    if choice.kind in MIXTURES and not dict(choice.options).get("dynamic"):
        return found | _sums(_product(choice, subject.params))
    gates = _gates(choice, subject)
    if not gates.size:
        return found
    places = np.linspace(0, 1, len(gates))
    slope = float(np.polyfit(places, gates, 1)[0]) if len(gates) > 1 else math.nan
    return found | {"gate_mean": float(gates.mean()), "gate_depth_slope": slope}


def _gates(choice, subject):
    if choice.kind in PARAMETERS:
        leaves = _leaves(subject.params, PARAMETERS[choice.kind])
        return np.array([np.abs(leaf).mean() for leaf in leaves])
    if choice.kind in MIXING:
        images = subject.batch["image"][:NUM_EXAMPLES]
        variables = subject.variables
        opened = _opened(subject.model, variables, images)
        return np.array([float(gate) for gate in opened])
    return np.array([])


@functools.partial(jax.jit, static_argnums=0)
def _opened(model, variables, images):
    # The mean gate of each block, in order, as the network computes it.
    _, state = model.apply(
        variables, images, mutable=["intermediates"], capture_intermediates=_is_gate
    )
    return [nn.sigmoid(logits).mean() for logits in _leaves(state["intermediates"], "gate")]


def _is_gate(module, method):
    return module.name == "gate"


def _product(choice, params):
    # From the streams of the input to those of the last block: H_L ... H_1.
    matrices = _leaves(params, MIXTURES[choice.kind])
    if choice.kind == "hyper":
        matrices = [np.asarray(matrix, np.float64).T for matrix in matrices]
    else:
        iterations = dict(choice.options).get("iterations", streams.ManifoldHyper.iterations)
        matrices = [np.asarray(models.sinkhorn(m, iterations), np.float64) for m in matrices]
    return functools.reduce(lambda before, matrix: matrix @ before, matrices)


def _sums(product):
    rows, columns = product.sum(1), product.sum(0)
    size = np.abs(product)
    return {
        "stream_row_min": float(rows.min()),
        "stream_row_max": float(rows.max()),
        "stream_column_min": float(columns.min()),
        "stream_column_max": float(columns.max()),
        "stream_gain": float(max(size.sum(1).max(), size.sum(0).max())),
    }


def _leaves(tree, name):
    # Those under "skip" of that name, in the order of the blocks.
    found = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        keys = [str(getattr(part, "key", "")) for part in path]
        if "skip" in keys and name in keys[keys.index("skip") :]:
            found.append((_order(keys), leaf))
    return [leaf for _, leaf in sorted(found, key=lambda pair: pair[0])]


def _order(keys):
    # block_10 comes after block_9.
    return [int(digits) for key in keys for digits in key.split("_") if digits.isdigit()]


def _suits(model: nn.Module) -> bool:
    return isinstance(getattr(model, "skip", None), str) and not getattr(model, "scan", False)


GATES = Measure(
    "gates",
    columns(*COLUMNS),
    _measure,
    source="Bachlechner et al. 2021 (alpha), Srivastava et al. 2015, eq. 3 (T), Xie et al. 2025 (mixtures)",
    cost=0.1,
    suits=_suits,
)
