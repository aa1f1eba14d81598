"""Classification of points whose kind is known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo.geometry.critical import classification
from tests import oracles

KEY = jax.random.key(0)


def test_solution_of_linear_regression_is_a_minimum():
    loss, params, batch, _ = oracles.linear_regression()
    x, y = np.asarray(batch["x"]), np.asarray(batch["y"])
    solution = {"w": jnp.asarray(np.linalg.lstsq(x, y, rcond=None)[0])}
    point = lsgeo.classify_critical_point(loss, solution, batch, key=KEY)
    assert point.kind == "minimum"
    assert point.gradient_norm < 1e-10
    assert point.index == 0
    assert lsgeo.classify_critical_point(loss, params, batch, key=KEY).kind == "not critical"


def test_identity_point_of_a_residual_linear_net_is_a_saddle_of_known_index():
    n, length, rho = 4, 5, 0.3
    loss = oracles.deep_linear(rho * np.eye(n), residual=True)
    zeros = [jnp.zeros((n, n))] * length
    assert lsgeo.classify_critical_point(loss, zeros, jnp.eye(n), key=KEY).kind == "not critical"
    # At rho = 1 the identity is the solution; moved off along the traceless part it has a gradient.
    solved = oracles.deep_linear(np.eye(n), residual=True)
    point = lsgeo.classify_critical_point(solved, zeros, jnp.eye(n), key=KEY)
    assert point.kind == "minimum"


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_strict_saddle_is_a_saddle_at_every_scale_of_loss_and_its_index_is_enclosed(scale):
    signs = jnp.asarray(np.r_[-np.ones(20), np.ones(100)])

    def loss(w, batch):
        return scale * (1 + jnp.mean(batch) * jnp.sum(signs * w**2))

    point = lsgeo.classify_critical_point(loss, jnp.zeros(120), jnp.ones(3), key=KEY)
    assert point.kind == "saddle"
    assert point.index_lower <= 20 <= point.index_upper
    np.testing.assert_allclose(point.curvature.value, -2 * scale, rtol=1e-6)


def test_totally_degenerate_saddle_of_the_scalar_chain_is_undecided():
    loss, params, batch, _, _ = oracles.scalar_chain(3, 0.0, 1.0)
    assert lsgeo.classify_critical_point(loss, params, batch, key=KEY).kind == "undecided"


def test_gradient_in_the_kernel_of_the_hessian_is_gradient_flat_and_not_critical():
    def loss(w, batch):
        return 1.0 + jnp.mean(batch) * (w[0] ** 2 + 0.5 * w[1])

    point = lsgeo.classify_critical_point(loss, jnp.zeros(2), jnp.ones(3), key=KEY)
    assert point.kind == "gradient-flat"
    np.testing.assert_allclose(point.gradient_norm, 0.5)
    np.testing.assert_allclose(point.hg_over_g, 0, atol=1e-12)


def test_a_plane_is_gradient_flat_all_over():
    point = lsgeo.classify_critical_point(
        lambda w, batch: 1.0 + jnp.mean(batch) * w[0], jnp.zeros(2), jnp.ones(3), key=KEY
    )
    assert (point.kind, point.kernel_share, point.hg_over_g) == ("gradient-flat", 1, 0)
    assert point.newton_gain == np.inf


@pytest.mark.parametrize(
    ("higher", "kind"),
    [
        (lambda x, y: x**3 - 3 * x * y**2, "undecided"),  # a monkey saddle
        (lambda x, y: -(x**4) - y**4, "undecided"),
        (lambda x, y: x**4 + y**4, "minimum"),
        (lambda x, y: 0 * x * y, "minimum"),  # a valley
    ],
)
def test_where_the_hessian_has_a_kernel_the_loss_along_it_decides(higher, kind):
    def loss(w, batch):
        return 1.0 + jnp.mean(batch) * (w[2] ** 2 + higher(w[0], w[1]))

    point = lsgeo.classify_critical_point(loss, jnp.zeros(3), jnp.ones(3), key=KEY)
    assert point.kind == kind
    alone = lsgeo.classify_critical_point(
        lambda w, b: 1.0 + jnp.mean(b) * higher(*w), jnp.zeros(2), jnp.ones(3), key=KEY
    )
    assert alone.kind == "undecided"


def test_the_loss_along_the_kernel_is_taken_at_the_highest_precision():
    seen = []

    def loss(w, batch):
        seen.append(jax.config.jax_default_matmul_precision)
        return 1.0 + jnp.mean(batch) * w[0] ** 2

    evaluate = classification._evaluation(loss, jnp.ones(2), jnp.ones(3), None)
    assert evaluate(jnp.ones(2)) == 2 and set(seen) == {"highest"}


def test_index_at_the_identity_point_is_counted_with_its_multiplicities():
    # Oracle O5: index (L - 1) n (n + 1) / 2 of a Hessian with four distinct eigenvalues.
    n, length = 4, 5
    loss = oracles.deep_linear(0.3 * np.eye(n), residual=True)
    zeros = [jnp.zeros((n, n))] * length
    point = lsgeo.classify_critical_point(loss, zeros, jnp.eye(n), key=KEY)
    assert point.kind == "not critical"
    assert (point.index_lower, point.index, point.index_upper) == (40, 40, 40)
    np.testing.assert_allclose(point.curvature.value, -0.7, rtol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e-5])
def test_small_gradient_in_the_kernel_is_not_critical_however_steep_the_rest(offset):
    # A gradient step of size 1 / max|lambda| gains 2.5e-8, but the loss falls without end along w[1].
    def loss(w, batch):
        return 1.0 + jnp.mean(batch) * (1000 * w[0] ** 2 + 0.01 * w[1])

    params = jnp.array([offset, 0.0])
    point = lsgeo.classify_critical_point(loss, params, jnp.ones(3), key=KEY)
    assert point.kind == ("not critical" if offset else "gradient-flat")
    assert point.newton_gain > 1


def test_newton_gain_is_what_a_saddle_free_step_gains_on_a_quadratic():
    values = np.array([-3.0, -0.5, 0.25, 2.0, 10.0])
    g = np.array([0.1, -0.2, 0.3, 0.1, 1.0])

    def loss(w, batch):
        return 1.0 + jnp.mean(batch) * (w @ g + 0.5 * w @ (values * w))

    point = lsgeo.classify_critical_point(loss, jnp.zeros(5), jnp.ones(3), key=KEY)
    np.testing.assert_allclose(point.newton_gain, np.sum(g**2 / np.abs(values)) / 2, rtol=1e-9)
    np.testing.assert_allclose(point.hg_over_g, np.linalg.norm(values * g) / np.linalg.norm(g))


def test_batches_give_the_verdict_of_the_full_batch():
    loss, params, batch, _ = oracles.linear_regression()
    parts = [{k: v[a:b] for k, v in batch.items()} for a, b in ((0, 33), (33, 40))]
    whole = lsgeo.classify_critical_point(loss, params, batch, key=KEY)
    split = lsgeo.classify_critical_point(loss, params, batches=parts, key=KEY)
    for name in ("loss", "gradient_norm", "hg_over_g", "newton_gain"):
        np.testing.assert_allclose(getattr(split, name), getattr(whole, name), rtol=1e-10)


def test_tolerances_out_of_range_are_named():
    loss, params, batch, _ = oracles.linear_regression()
    with pytest.raises(ValueError, match="`flat_tol` must lie strictly between 0 and 1; got 2"):
        lsgeo.classify_critical_point(loss, params, batch, key=KEY, flat_tol=2)
