"""Escape of one network: what its starts are, and that its steps are those of plain SGD."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lsgeo import geometry, models
from lsgeo.study import measures
from lsgeo.study.measures.landscape import escape

KEY = jax.random.key(0)
INPUTS = jax.random.normal(jax.random.key(1), (60, 3), jnp.float32)
# Inside or outside of a sphere, which no linear classifier tells apart; labels of one parity are one class.
LABELS = jnp.where(jnp.sum(INPUTS**2, 1) < 2, 2, 5)
BATCH = {"image": INPUTS, "label": LABELS}


def subject(skip, batch=BATCH, **options):
    model = models.MLP(depth=2, width=4, num_classes=10, skip=skip, **options)
    return measures.Subject(
        model, {}, None, models.CrossEntropy(model), batch, batch, 10, "init", KEY, lambda k: None
    )


@pytest.fixture
def no_minimum(monkeypatch):
    monkeypatch.setattr(escape, "best_linear", lambda batch: None)


def test_nothing_leads_down_from_the_minimum_and_tries_that_stay_count_all_their_steps(
    monkeypatch,
):
    monkeypatch.setattr(escape, "NUM_STEPS", {0.0: 100, 0.9: 50})
    monkeypatch.setattr(escape, "FRACTION", 1e-3)
    found = escape.ESCAPE.measure(subject("identity"))
    assert set(found) == set(escape.ESCAPE.names)
    assert abs(found["trap_lambda_min"]) < 1e-4
    assert found["escape_rate"] == found["escape_rate_momentum"] == 0
    assert (found["escape_steps"], found["escape_steps_bound"]) == (100, 1)


@pytest.mark.parametrize(("skip", "rate"), [("none", 0.0), ("scaled", 1.0)])
def test_a_dead_layer_holds_a_plain_network_for_ever_and_a_skip_leads_around_it(
    skip, rate, no_minimum
):
    assert escape.ESCAPE.measure(subject(skip))["escape_rate_plateau"] == rate


def test_a_rate_inside_the_loss_makes_the_steps_of_that_rate():
    loss = subject("none").loss
    starts = models.init(loss.model, INPUTS, key=KEY)["params"]
    starts = jax.tree.map(lambda leaf: leaf[None], starts)
    options = {"key": KEY, "num_steps": 20, "fraction": 1e-3, "batch_size": 16, "every": 5}
    sped = escape._Sped(loss, jnp.asarray(0.05, jnp.float32))
    inside = geometry.escape(sped, starts, BATCH, optimizer=escape._OPTIMIZERS[0.9], **options)
    outside = geometry.escape(
        loss, starts, BATCH, optimizer=optax.sgd(0.005, momentum=0.9), **options
    )
    np.testing.assert_allclose(inside.distances, outside.distances, rtol=1e-3)
    assert outside.distances[0, -1] > 0.01


def test_data_that_are_told_apart_linearly_have_no_bad_minimum():
    assert escape.best_linear(escape.parity(BATCH)) is not None
    apart = {"image": INPUTS, "label": (INPUTS[:, 0] > 0).astype(int)}
    assert escape.best_linear(escape.parity(apart)) is None


def test_data_without_a_minimum_or_without_classes_have_no_rates(no_minimum):
    found = escape.ESCAPE.measure(subject("none"))
    assert np.isnan(found["escape_rate"]) and np.isnan(found["trap_lambda_min"])
    regression = {"image": INPUTS, "target": INPUTS}
    assert np.all(np.isnan(list(escape.ESCAPE.measure(subject("none", regression)).values())))


def test_pixels_are_averaged_two_by_two():
    image = jnp.arange(16.0).reshape(1, 4, 4, 1)
    found = escape.parity({"image": image, "label": jnp.array([7])})
    np.testing.assert_array_equal(found["image"][0, :, :, 0], [[2.5, 4.5], [10.5, 12.5]])
    np.testing.assert_array_equal(found["label"], [1])


@pytest.mark.parametrize(
    ("options", "suits"),
    [
        ({"skip": "none"}, True),
        ({"skip": "scaled", "initializer": "identity"}, True),
        ({"skip": "constant(scale=0.5)"}, False),
        ({"skip": "identity(every=2)"}, False),
        ({"skip": "identity", "norm": "layer"}, False),
        ({"skip": "identity", "activation": "tanh"}, False),
    ],
)
def test_it_suits_what_the_points_can_be_built_into(options, suits):
    assert escape.ESCAPE.suits(models.MLP(**options)) == suits
    assert not escape.ESCAPE.suits(models.ResNet())
