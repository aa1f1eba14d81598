"""Generalisation: figures of known predictions, and no effect where there is nothing to learn."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models, study
from lsgeo.study.measures import METRICS
from tests.study.measures import subjects

C9 = next(claim for claim in study.CLAIMS if claim.name == "C9")
METRIC = METRICS["generalization"]
DESIGN = study.Design("mlp", "mlp", "layer", (16,), ("plain", "residual"), frozenset(METRIC.names))


def test_errors_and_gaps_are_those_of_a_network_that_names_one_class():
    model = models.create("mlp", depth=1, width=4, num_classes=3)
    train, test = subjects.batch(9), subjects.batch(8)
    zero = jax.tree.map(jnp.zeros_like, subjects.subject(model, train).params)
    zero["head"]["bias"] = jnp.log(jnp.array([0.5, 0.25, 0.25], jnp.float32))
    found = METRIC.measure(subjects.subject(model, train, test, params=zero))
    # Labels 0, 1, 2 in turn: a third is of class 0 in training, three of eight are in the test.
    train_loss = (np.log(2) + 2 * np.log(4)) / 3
    test_loss = (3 * np.log(2) + 5 * np.log(4)) / 8
    expected = {
        "train_error": 2 / 3,
        "test_error": 5 / 8,
        "error_gap": 5 / 8 - 2 / 3,
        "test_loss_here": test_loss,
        "loss_gap": test_loss - train_loss,
    }
    assert found == pytest.approx(expected, rel=1e-5)


def test_without_labels_of_classes_there_is_a_loss_and_no_error():
    model = models.create("mlp", depth=1, width=4, num_classes=3)
    whole = subjects.subject(model, subjects.batch(6))
    image = whole.batch["image"]
    subject = dataclasses.replace(
        whole,
        loss=lambda p, b: jnp.mean(b["image"]),
        batch={"image": image},
        test={"image": image + 1},
    )
    found = METRIC.measure(subject)
    assert found["loss_gap"] == pytest.approx(1, rel=1e-6)
    assert all(np.isnan(found[name]) for name in ("train_error", "test_error", "error_gap"))


def rows(errors, seeds=5):
    # Test errors of either arm, with the spread that 1400 test examples and the training leave.
    rng = np.random.default_rng(0)
    found = []
    for arm, error in errors.items():
        for seed in range(seeds):
            test = error + 0.004 * rng.standard_normal()
            figures = {"train_error": 0.1, "test_error": test, "error_gap": test - 0.1}
            losses = {"test_loss_here": 2 * test, "loss_gap": 2 * test - 0.5}
            place = {"family": "mlp", "norm": "layer", "depth": 16, "arm": arm, "seed": seed}
            found += [{**place, "reading": r, **figures, **losses} for r in ("matched", "end")]
    return found


@pytest.mark.parametrize(
    "errors, allowed",
    [
        # Random labels: no arm can predict one of ten classes better than by chance.
        ({"plain": 0.9, "residual": 0.9}, {"contradicted", "undecided"}),
        ({"plain": 0.15, "residual": 0.08}, {"supported"}),
        ({"plain": 0.08, "residual": 0.15}, {"contradicted"}),
    ],
)
def test_an_effect_is_found_where_there_is_one_and_none_with_random_labels(errors, allowed):
    verdicts = study.decide([C9], rows(errors), [DESIGN])
    assert [v.hypothesis.name for v in verdicts if v.primary][:3] == ["C9a", "C9b", "C9c"]
    for verdict in verdicts[:3]:
        assert verdict.decision in allowed
        if len(allowed) > 1:
            decisions = {finding.decision for finding in verdict.findings}
            assert decisions <= {"no difference", "undecided"}
