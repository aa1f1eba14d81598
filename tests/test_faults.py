"""Wrong numbers and wrong words that came in at the boundary, each with what is right.

The cases are small inputs from public reports on curvature tools and from models of other frameworks. Each
stands for a kind of fault, whose other cases are tested where the kind is.
"""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.experimental.ode import odeint
from matplotlib.figure import Figure

import lsgeo
from lsgeo import geometry, plotting

KEY = jax.random.key(0)
DRAW = np.random.default_rng(0)
X = jnp.asarray(DRAW.standard_normal((6, 3)))
W = jnp.ones(3)
SYMMETRIC = np.asarray(DRAW.standard_normal((100, 100)))


def _square(w, b):
    return jnp.mean((b @ w) ** 2)


def _tokens():
    """A mean over unmasked tokens, of which only the last batch is padded."""
    r = np.random.default_rng(0)
    x, y = r.standard_normal((12, 6, 5)), r.integers(0, 11, (12, 6))
    mask = np.ones((12, 6))
    mask[8:, 2:] = 0
    w = jnp.asarray(r.standard_normal((5, 11))) * 0.3

    def loss(w, b):
        nll = -jnp.take_along_axis(jax.nn.log_softmax(b[0] @ w), b[1][..., None], -1)[..., 0]
        return jnp.sum(nll * b[2]) / jnp.sum(b[2])

    return loss, w, [tuple(a[i : i + 4] for a in (x, y, mask)) for i in (0, 4, 8)]


def test_01_a_mean_over_tokens_is_refused_in_any_order_and_exact_where_they_are_counted():
    loss, w, parts = _tokens()
    for order in (parts, parts[::-1]):
        with pytest.raises(ValueError, match="`loss` is not a mean over examples.*`count="):
            lsgeo.hessian(loss, w, batches=order)
        op = lsgeo.hessian(loss, w, batches=order, count=lambda b: b[2].sum())
        assert round(float(np.linalg.eigvalsh(op.to_dense())[-1]), 4) == 0.2538


def test_02_a_sum_whose_first_batch_has_one_example_is_refused():
    with pytest.raises(ValueError, match="`loss` is not a mean over examples"):
        lsgeo.hessian(lambda w, b: jnp.sum((b @ w) ** 2), W, batches=[X[:1], X[1:]])


def test_03_a_closure_called_again_with_another_number_has_the_new_one():
    decay = 0.0

    def loss(w, b):
        return _square(w, b) + 0.5 * decay * jnp.sum(w**2)

    before = np.trace(lsgeo.hessian(loss, W, X).to_dense())
    decay = 10.0
    assert np.trace(lsgeo.hessian(loss, W, X).to_dense()) == pytest.approx(before + 30)


def test_04_a_derivative_that_fails_only_when_lowered_is_taken_backwards():
    @jax.custom_vjp
    def act(x):
        return jnp.sin(x)

    act.defvjp(lambda x: (act(x), x), lambda x, g: (g * jnp.cos(x),))
    op = lsgeo.hessian(lambda w, b: jnp.mean(act(b @ w) ** 2), W, X)
    plain = lsgeo.hessian(lambda w, b: jnp.mean(jnp.sin(b @ w) ** 2), W, X)
    assert op.mode == "reverse-over-reverse"
    np.testing.assert_allclose(op.to_dense(), plain.to_dense(), atol=1e-14)
    with pytest.raises(ValueError, match="no forward derivative, which mode='linearized' takes"):
        lsgeo.hessian(lambda w, b: jnp.mean(act(b @ w) ** 2), W, X, mode="linearized")

    def flow(w, b):
        ends = odeint(lambda y, t, w: -w[0] * y, b[:, 0], jnp.array([0.0, 1.0]), w)
        return jnp.mean(ends[-1] ** 2)

    found = lsgeo.hessian(flow, jnp.ones(1), X).to_dense()
    # d^2/dw^2 of mean(x^2) e^(-2 w), to the tolerance of the solver.
    assert found[0, 0] == pytest.approx(4 * float(jnp.mean(X[:, 0] ** 2)) * np.exp(-2), rel=1e-6)


def test_05_filters_of_rows_have_their_own_norms():
    weight = DRAW.standard_normal((5, 20)) * np.array([1.0, 10.0, 0.1, 3.0, 1.0])[:, None]
    params = {"layers": [{"weight": jnp.asarray(weight), "bias": jnp.ones(5)}]}

    def loss(p, x):
        layer = p["layers"][0]
        return jnp.mean(jax.vmap(lambda row: layer["weight"] @ row + layer["bias"])(x) ** 2)

    batch = jnp.ones((3, 20))
    moved = lsgeo.filter_normalized_directions(params, key=KEY, loss=loss, batch=batch)[0]
    sizes = np.linalg.norm(moved["layers"][0]["weight"], axis=1)
    np.testing.assert_allclose(sizes, np.linalg.norm(weight, axis=1), rtol=1e-12)
    assert not np.asarray(moved["layers"][0]["bias"]).any()
    with pytest.raises(ValueError, match="`axes`"):
        lsgeo.filter_normalized_directions(params, key=KEY)


def test_06_the_diagonal_of_adamax_is_its_own():
    optimizer = optax.adamax(1e-3)
    with jax.numpy_dtype_promotion("standard"):  # Optax's own arithmetic
        _, state = optimizer.update(jnp.array([3.0, 4.0]), optimizer.init(W[:2]), W[:2])
    np.testing.assert_allclose(lsgeo.adam_diagonal(state, optimizer), [3, 4], rtol=1e-6)


# 7, an instrument that does not apply: tests/experiments/test_instruments.py


def test_08_no_outliers_are_named_from_a_law_that_does_not_fit():
    op = lsgeo.dense((SYMMETRIC + SYMMETRIC.T) / 2)
    fit = lsgeo.fit_bulk(lsgeo.spectral_density(op, key=KEY, num_probes=4, num_steps=30))
    assert "no law fits, no outliers: Marchenko-Pastur" in str(fit)


def test_09_a_leaf_of_size_0_is_one_that_is_not_there():
    params = {"a": jnp.ones((3, 2)), "empty": jnp.zeros((0, 3))}
    op = lsgeo.hessian(lambda p, b: jnp.mean((b @ p["a"]) ** 2), params, X)
    assert set(lsgeo.layer_spectra(op, key=KEY, num_probes=1, num_steps=3)) == {"a"}


def test_10_batches_may_be_traced_where_the_parameters_are_not():
    several = jnp.stack([X, 2 * X])
    found = jax.vmap(lambda b: lsgeo.hessian(_square, W, b) @ W)(several)
    exact = lsgeo.hessian(_square, W, X) @ W
    np.testing.assert_allclose(found, [exact, 4 * exact], rtol=1e-12)


def test_11_data_are_taken_as_people_have_them():
    class Loader:
        """Batches as a data loader of lists and mappings gives them, anew in each pass."""

        def __iter__(self):
            return iter([collections.UserDict(x=np.asarray(X)[i : i + 3].tolist()) for i in (0, 3)])

    op = lsgeo.hessian(lambda w, b: _square(w, b["x"]), np.ones(3), batches=Loader())
    exact = lsgeo.hessian(_square, W, X).to_dense()
    np.testing.assert_allclose(op.to_dense(), exact, rtol=1e-6, atol=1e-6)
    alone = collections.UserDict(x=np.asarray(X))
    op = lsgeo.hessian(lambda w, b: _square(w, b["x"]), np.ones(3), alone)
    np.testing.assert_allclose(op.to_dense(), exact, rtol=1e-12, atol=1e-14)


# 12, arrays on several devices: tests/programs/test_devices.py


def test_13_a_figure_takes_ones_own_labels():
    density = lsgeo.spectral_density(lsgeo.dense(np.eye(5)), key=KEY, num_probes=1, num_steps=3)
    ax = Figure().add_subplot()
    plotting.spectral_densities({"my model": density}, ax)
    assert "my model" in [text.get_text() for text in ax.texts]


def test_14_operators_are_divided_and_batches_without_examples_refused_by_name():
    op = lsgeo.hessian(_square, W, X)
    np.testing.assert_allclose((op * 2 / 4).to_dense(), op.to_dense() / 2)
    with pytest.raises(ValueError, match="`batch` is empty"):
        lsgeo.hessian(_square, W, X[:0])
    with pytest.raises(ValueError, match="leading axis, and equally many"):
        lsgeo.hessian(lambda w, b: _square(w, b[0]), W, batches=[(X, X[:2])])
    plane = [jnp.eye(3)[0], jnp.eye(3)[1]]
    whole = lsgeo.surface(_square, W, X, plane, xs=[0.0], ys=[0.0])
    parts = lsgeo.surface(_square, W, None, plane, xs=[0.0], ys=[0.0], batches=[X[:4], X[4:]])
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-12)
    traces = lsgeo.layer_traces(op, key=KEY, num_matvecs=10)
    assert traces


# 15 and 16, a norm in training mode and running statistics: tests/operators/test_mixing.py
# 17, closures made anew: tests/programs/test_programs.py


def test_18_an_interval_that_says_nothing_has_no_middle():
    n = 4000
    values = np.r_[np.full(n // 2, -1e-6), np.linspace(1e-6, 1, n - n // 2)]
    op = lsgeo.from_matvec(lambda v: jnp.asarray(values) * v, jnp.ones(n))
    found = lsgeo.index_estimate(op, key=KEY, tau=1e-7, num_probes=2, num_steps=6)
    assert "undetermined" in str(found) and "about" not in str(found)


def test_19_an_operator_prints_as_one_line():
    op = lsgeo.hessian(lambda w, b: _square(w[:3], b), jnp.ones(10_000), X)
    assert repr(op).count("\n") == 0 and len(repr(op)) < 120


def test_the_share_of_a_filter_radius_is_read_off_the_loss_too():
    params = {"weight": jnp.asarray(DRAW.standard_normal((2, 3)))}
    rise = geometry.filter_radius(
        lambda p, b: jnp.mean((b @ p["weight"].T) ** 2), params, X, key=KEY, num_directions=1
    )
    assert np.isfinite(rise.radii).all()
