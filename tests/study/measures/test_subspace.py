"""The gradient's share in the top subspace, against a dense Hessian."""

import jax
import numpy as np
import pytest

from lsgeo import models
from lsgeo.study.measures import METRICS
from tests.study.measures import subjects


def test_share_is_that_of_a_dense_float64_hessian():
    model = models.create("mlp", depth=2, width=4, num_classes=3)
    subject = subjects.subject(model, subjects.batch(30, dtype=np.float64))
    flat, unravel = jax.flatten_util.ravel_pytree(subject.params)
    loss = jax.jit(lambda x: subject.loss(unravel(x), subject.batch))
    _, vectors = np.linalg.eigh(jax.hessian(loss)(flat))
    gradient = np.asarray(jax.grad(loss)(flat))
    expected = np.sum((vectors[:, -3:].T @ gradient) ** 2) / np.sum(gradient**2)
    found = METRICS["subspace"].measure(subject)["top_gradient_share"]
    assert 0.05 < expected < 0.95
    assert found == pytest.approx(expected, abs=2e-3)
