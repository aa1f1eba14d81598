"""Feature reuse: what deep layers keep of the features of early ones (claim C8)."""

import math

import jax
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lsgeo import geometry, models
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.signals._unscanned import unscanned
from lsgeo.study.measures.subject import Subject, first_examples

NUM_TESTS = 500

_activations = jax.jit(models.activations, static_argnums=0)


def _measure(subject: Subject) -> dict[str, float]:
    model, variables = unscanned(subject)
    train, test = subject.batch, first_examples(subject.test, NUM_TESTS)
    streams, there = (_streams(model, variables, part["image"]) for part in (train, test))
    half = (len(streams) - 1) // 2
    ends = geometry.linear_cka([_flat(streams[0])], [_flat(streams[-1])])
    return {
        "cka_first_last": float(ends.values[0, 0]),
        "probe_half": _probe(streams[half], train, there[half], test),
        "early_weight_share": _early_share(subject),
    }


def _streams(model, variables, images):
    # Above each block, [N, features...].
    found = _activations(model, variables, images)
    names = [name for name in found if name.endswith("/stream")]
    streams = [np.asarray(found[name]) for name in sorted(names, key=models.block_place)]
    # Several streams have their own axis before that of the examples.
    return [x if len(x) == len(images) else np.moveaxis(x, 0, 1) for x in streams]


def _flat(stream):
    return stream.reshape(len(stream), -1)


def _probe(seen, train, unseen, test):
    """Accuracy on test data of a logistic regression on the stream, its mean over positions and tokens."""
    pooled = [x.reshape(len(x), -1, x.shape[-1]).mean(1, dtype=np.float64) for x in (seen, unseen)]
    if "label" not in train or not all(np.isfinite(x).all() for x in pooled):
        return math.nan
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    probe.fit(pooled[0], np.asarray(train["label"]))
    return float(probe.score(pooled[1], np.asarray(test["label"])))


def _early_share(subject):
    if getattr(subject.model, "skip", "") != "dense":
        return math.nan
    # Of no influence: weights alone are read.
    few = first_examples(subject.batch, 2)
    found = geometry.feature_reuse(subject.loss, subject.params, few, ablate=False)
    return early_share(found.mean_weights)


def early_share(mean_weights: np.ndarray) -> float:
    """The share that early features have in what layers read, 1/2 where they weigh as much as late ones.

    Args:
      mean_weights: [S, T], mean |w| of each target's weights on each source, from the input up; NaN where they
        are not connected.

    Returns:
      a / (a + b), a the mean over a target's older sources, b over its newer ones, where one in the middle is
      left out; the mean over the targets with several sources. NaN without any.
    """
    shares = []
    for column in mean_weights.T:
        weights = column[~np.isnan(column)]
        half = len(weights) // 2
        if half:
            early, late = weights[:half].mean(), weights[-half:].mean()
            shares.append(early / (early + late) if early + late > 0 else math.nan)
    return float(np.mean(shares)) if shares else math.nan


REUSE = Measure(
    "reuse",
    (
        *columns(
            "cka_first_last",
            readings=("matched", "end"),
            smallest=Smallest(0.05, "of an index from 0 to 1: one standard deviation over seeds"),
            floor=0.0,
            ceiling=1.0,
        ),
        *columns(
            "probe_half",
            readings=("matched", "end"),
            smallest=Smallest(0.01, "a percentage point, as for the test error"),
            floor=0.0,
            ceiling=1.0,
        ),
        *columns(
            "early_weight_share",
            readings=("matched", "end"),
            smallest=Smallest(0.05, "a tenth of the share of 1/2 at initialisation"),
            floor=0.0,
            ceiling=1.0,
        ),
    ),
    _measure,
    source="Kornblith et al. 2019, section 3; Alain and Bengio 2016; Huang et al. 2017, figure 5",
    cost=0.3,
)
