"""Feature reuse: alignment, probes and weights whose values are known beforehand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models
from lsgeo.study.measures import METRICS
from lsgeo.study.measures.signals import reuse
from tests.study.measures import subjects


def measure(model, train, test=None, params=None):
    subject = subjects.subject(model, train, test, params=params)
    return METRICS["reuse"].measure(subject)


def mlp(**options):
    return models.create("mlp", **{"depth": 4, "width": 6, "num_classes": 3, **options})


def test_streams_that_no_block_changes_are_alike_and_ones_that_forget_are_not():
    train = subjects.batch(60)
    model = mlp(initializer="zero_branch")
    kept = measure(model, train)["cka_first_last"]
    assert kept == pytest.approx(1, abs=1e-9)
    plain = measure(mlp(skip="none"), train)["cka_first_last"]
    residual = measure(mlp(skip="scaled"), train)["cka_first_last"]
    assert plain < residual < kept


def test_alignment_is_that_of_covariances_by_hand():
    train = subjects.batch(400)
    model = mlp(depth=2, activation="linear")
    found = measure(model, train)
    variables = models.init(model, train["image"], key=jax.random.key(0))
    params = jax.tree.map(np.float64, variables["params"])
    first = np.float64(train["image"]) @ params["stem"]["kernel"]
    first = first @ (np.eye(6) + params["block_0"]["dense_0"]["kernel"])
    last = first @ (np.eye(6) + params["block_1"]["dense_0"]["kernel"])
    x, y = (z - z.mean(0) for z in (first, last))
    norm = np.linalg.norm
    biased = norm(x.T @ y) ** 2 / (norm(x.T @ x) * norm(y.T @ y))
    assert found["cka_first_last"] == pytest.approx(biased, abs=0.01)


def test_the_probe_reads_what_half_the_depth_holds():
    # The stem copies the class to the stream; blocks add nothing. Then every class can be read.
    train = subjects.batch(30)
    train["image"] = jnp.eye(6, dtype=jnp.float32)[train["label"]]
    model = mlp(initializer="zero_branch", scan=True)
    assert measure(model, train)["probe_half"] == 1
    # Without skips the same blocks leave nothing: all examples look alike, and one class is always named.
    params = models.init(mlp(), train["image"], key=jax.random.key(0))["params"]
    dead = jax.tree.map(jnp.zeros_like, params)
    assert measure(mlp(skip="none"), train, params=dead)["probe_half"] == pytest.approx(1 / 3)


def test_early_features_have_the_share_that_the_weights_were_given():
    train = subjects.batch(6, shape=(4, 4, 1))
    model = models.create("densenet", depth=7, growth=2, width=3, num_classes=3, norm="none")
    params = models.init(model, train["image"], key=jax.random.key(0))["params"]
    weak = jax.tree.map(jnp.ones_like, params)
    # Each of these reads C features from below the stage and the 2 of its layer, that much weaker.
    for where, channels in (("transition_0", 3), ("transition_1", 5), ("head", 7)):
        holder = weak[where]["conv"] if where != "head" else weak[where]
        assert holder["kernel"].shape[-2] == channels + 2
        holder["kernel"] = holder["kernel"].at[..., channels:, :].set(1 / 3)
    assert measure(model, train, params=weak)["early_weight_share"] == pytest.approx(0.75, abs=1e-6)
    plain = model.clone(skip="none")
    assert np.isnan(measure(plain, train)["early_weight_share"])


def test_a_share_ignores_how_many_features_a_source_has_and_layers_without_a_choice():
    nan = np.nan
    weights = np.array([[2.0, 1.0, 3.0], [nan, 1.0, 5.0], [nan, nan, 1.0]])
    assert reuse.early_share(weights) == pytest.approx((0.5 + 0.75) / 2)
    assert np.isnan(reuse.early_share(weights[:, :1]))
