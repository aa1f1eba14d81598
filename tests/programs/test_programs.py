"""Compiled programs are found by what a function computes."""

import functools
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo import geometry, programs

W = jnp.array([0.5, -1.0, 2.0])
X = jnp.asarray(np.random.default_rng(0).standard_normal((6, 3)))
SQUARES = 2 * np.asarray(X.T @ X) / len(X)


def _decayed(decay):
    return lambda w, b: jnp.mean((b @ w) ** 2) + 0.5 * decay * jnp.sum(w**2)


@jax.jit
def _value(function, *args):
    return function(*args)


@jax.jit
def _values(function, w, b):
    return jax.vmap(lambda x: function(w, x[None]))(b)


def test_a_constant_that_a_closure_reads_is_that_of_the_call():
    for decay in (0.0, 10.0, 0.0):
        op = lsgeo.hessian(_decayed(decay), W, X)
        np.testing.assert_allclose(op.to_dense(), SQUARES + decay * np.eye(3), atol=1e-13)


def test_a_name_that_one_function_reads_is_read_at_each_call():
    decay = 0.0

    def loss(w, b):
        return jnp.mean((b @ w) ** 2) + 0.5 * decay * jnp.sum(w**2)

    def predict(w, b):
        return decay * (b @ w)

    def criterion(outputs, b):
        return 0.5 * decay * jnp.mean(outputs**2)

    d = (jnp.array([1.0, 0.0, 0.0]), jnp.array([0.0, 1.0, 0.0]))
    for decay in (1.0, 3.0):
        norm, mean = float(jnp.sum(W**2)), float(jnp.mean((X @ W) ** 2))
        value = mean + 0.5 * decay * norm
        kernel = decay**2 * np.asarray(X @ X.T)
        key = jax.random.key(0)
        assert lsgeo.value_gradient_hessian(loss, W, X)[0] == pytest.approx(value)
        assert lsgeo.surface(loss, W, X, d, xs=[0.0], ys=[0.0]).values[0, 0] == pytest.approx(value)
        assert geometry.linear_barrier(loss, W, 2 * W, X).losses[0] == pytest.approx(value)
        assert lsgeo.classify_critical_point(loss, W, X, key=key).loss == pytest.approx(value)
        gauss = lsgeo.gauss_newton(predict, criterion, W, X).to_dense()
        np.testing.assert_allclose(gauss, decay**3 * SQUARES / 2, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(lsgeo.ntk(predict, W, X).to_dense(), kernel, atol=1e-12)
        fisher = lsgeo.fisher(predict, W, X, likelihood="gaussian").to_dense()
        np.testing.assert_allclose(fisher, decay**2 * SQUARES / 2, rtol=1e-12, atol=1e-12)
        grads = 2 * np.asarray((X @ W)[:, None] * X) + decay * np.asarray(W)
        np.testing.assert_allclose(
            lsgeo.empirical_fisher(loss, W, X).to_dense(), grads.T @ grads / 6, rtol=1e-12
        )


def test_an_attribute_and_an_array_that_change_in_place_are_seen():
    class Loss:
        __hash__ = None  # and it need not be hashable

        def __init__(self):
            self.decay, self.table = 1.0, np.zeros(3)

        def __call__(self, w, b):
            return jnp.mean((b @ w) ** 2) + 0.5 * jnp.sum((self.decay + self.table) * w**2)

    loss = Loss()
    for decay, table in ((1.0, [0, 0, 0]), (2.0, [0, 0, 0]), (2.0, [1, 2, 3])):
        loss.decay, loss.table[:] = decay, table
        expected = SQUARES + np.diag(decay + np.array(table))
        np.testing.assert_allclose(lsgeo.hessian(loss, W, X).to_dense(), expected, atol=1e-13)
        bound = functools.partial(loss.__call__)
        np.testing.assert_allclose(lsgeo.hessian(bound, W, X).to_dense(), expected, atol=1e-13)


def test_a_constant_of_a_custom_derivative_rule_is_that_of_the_call():
    def loss_of(slope):
        @jax.custom_vjp
        def act(x):
            return x

        act.defvjp(lambda x: (x, x), lambda x, g: (slope * x * g,))
        return lambda w, b: jnp.sum(act(w))

    for slope in (1.0, 5.0):
        op = lsgeo.hessian(loss_of(slope), W, X)
        np.testing.assert_allclose(op.to_dense(), slope * np.eye(3))


def test_a_change_that_shows_at_one_example_alone_is_seen_there():
    def loss_of(alone):
        def loss(w, b):
            return (alone if len(b) == 1 else 1.0) * jnp.mean((b @ w) ** 2)

        return loss

    gram = np.einsum("ni,nj->nij", X, X)
    for alone in (1.0, 3.0, 1.0):
        function = programs.traced(loss_of(alone), "loss", W, X)
        each = _values(function, W, X)
        expected = alone * np.einsum("nij,i,j->n", gram, W, W)
        np.testing.assert_allclose(each, expected, rtol=1e-12)
        assert float(_value(function, W, X)) == pytest.approx(float(jnp.mean((X @ W) ** 2)))


def test_a_sweep_over_checkpoints_compiles_once():
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def compiled(function, *args):
        return function(*args)

    for step in range(4):
        statistics = jnp.full(3, float(step))

        def loss(w, b, statistics=statistics):  # a closure made anew, over another array
            return jnp.mean(((b - statistics[None]) @ w) ** 2)

        value = compiled(programs.traced(loss, "loss", W, X), W + step, X)
        assert float(value) == pytest.approx(float(jnp.mean(((X - step) @ (W + step)) ** 2)))


def test_a_hessian_of_a_closure_made_anew_compiles_no_product_again():
    def op(scale, w):
        return lsgeo.hessian(lambda p, b: jnp.mean(jnp.tanh(b @ p * scale) ** 2), w, X)

    one, other = (op(jnp.asarray(s), W) for s in (2.0, 3.0))
    # The structure holds the very program of the product: where it is equal, `jit` finds what it compiled.
    assert jax.tree.structure(one) == jax.tree.structure(other)
    assert not np.allclose(one.to_dense(), other.to_dense())


def test_arrays_that_a_function_closes_over_are_arguments_of_its_programs():
    table = jnp.arange(3.0)
    function = programs.traced(lambda w, b: jnp.sum(w * table * b[0]), "loss", W, X)
    assert [leaf.tolist() for leaf in jax.tree.leaves(function)] == [table.tolist()]
    moved = jax.tree.map(lambda leaf: 2 * leaf, function)
    assert float(moved(W, X)) == pytest.approx(2 * float(function(W, X)))


def test_an_array_made_in_the_function_is_one_of_them_at_other_shapes_too():
    table = np.arange(3.0)

    def loss(w, b):
        return jnp.mean(b @ (w * jnp.asarray(table)))

    for scale in (1.0, 2.0):
        table = scale * np.arange(3.0)
        function = programs.traced(loss, "loss", W, X)
        for part in (X, X[:1], X[:4]):
            expected = float(jnp.mean(part @ (W * table)))
            assert float(_value(function, W, part)) == pytest.approx(expected)


def test_an_array_that_other_shapes_alone_have_is_that_of_the_call():
    def loss_of(scale):
        def loss(w, b):
            places = scale * np.arange(1.0, 1 + len(b)) if len(b) < 6 else np.arange(6.0)
            return jnp.sum(jnp.asarray(places) * (b @ w))

        return loss

    for scale in (1.0, 3.0):
        function = programs.traced(loss_of(scale), "loss", W, X)
        np.testing.assert_allclose(_values(function, W, X), scale * (X @ W), rtol=1e-12)


def test_an_array_that_an_inner_compiled_function_closes_over_is_that_of_the_call():
    def loss_of(table):
        inner = jax.jit(lambda w: jnp.sum(table * w**2))
        return lambda w, b: inner(w)

    for scale in (1.0, 2.0):
        table = scale * jnp.arange(3.0)
        function = programs.traced(loss_of(table), "loss", W, X)
        assert float(_value(function, W, X)) == pytest.approx(float(jnp.sum(table * W**2)))


def test_a_random_array_is_seen_in_a_program_that_was_once_found_not_random():
    table, draw = np.arange(3.0), np.random.default_rng(0)
    programs.traced(lambda w, b: jnp.sum(jnp.asarray(table) * w), "loss", W, X)
    with pytest.raises(ValueError, match="`loss` is random"):
        random = lambda w, b: jnp.sum(jnp.asarray(draw.standard_normal(3)) * w)  # noqa: E731
        programs.traced(random, "loss", W, X)


def test_functions_inside_an_outer_transformation_are_taken_as_they_are():
    expected = np.stack([SQUARES + d * np.eye(3) for d in (0.0, 2.0)]) @ np.asarray(W)
    decays = jnp.array([0.0, 2.0])
    over_closures = jax.vmap(lambda d: lsgeo.hessian(_decayed(d), W, X) @ W)(decays)
    np.testing.assert_allclose(over_closures, expected, rtol=1e-12)
    batches = jnp.stack([X, 2 * X])
    over_batches = jax.jit(jax.vmap(lambda b: lsgeo.hessian(_decayed(0.0), W, b) @ W))(batches)
    np.testing.assert_allclose(over_batches, [SQUARES @ W, 4 * SQUARES @ W], rtol=1e-12)
    predict, criterion = (lambda w, b: b @ w), (lambda o, b: jnp.mean(o**2))
    gauss = jax.vmap(lambda b: lsgeo.gauss_newton(predict, criterion, W, b) @ W)(batches)
    np.testing.assert_allclose(gauss, [SQUARES @ W, 4 * SQUARES @ W], rtol=1e-12)
    loss = _decayed(0.0)
    second = jax.vmap(lambda b: lsgeo.empirical_fisher(loss, W, b) @ W)(batches)
    for part, found in zip(batches, second, strict=True):
        np.testing.assert_allclose(found, lsgeo.empirical_fisher(loss, W, part) @ W, rtol=1e-12)


def test_what_is_random_or_fits_no_arguments_is_refused_by_name():
    draw = np.random.default_rng(0)
    for function, message in (
        (lambda w, b: jnp.sum(w * draw.standard_normal(3)), "`loss` is random"),
        (lambda w, b: jnp.sum(w) * draw.standard_normal(), "`loss` is random"),
        (lambda w, b: jnp.sum(w @ b), "`loss` cannot be computed from `params` and `batch`"),
        (3, "`loss` must be callable; got int"),
    ):
        with pytest.raises(ValueError, match=message):
            programs.traced(function, "loss", W, X)


def test_a_host_callback_is_not_called_random():
    def loss(w, b):
        shape = jax.ShapeDtypeStruct((), w.dtype)
        return jnp.sum(w) + jax.pure_callback(lambda: np.float64(1.0), shape)

    assert float(programs.traced(loss, "loss", W, X)(W, X)) == pytest.approx(2.5)


def test_a_callable_of_a_users_class_is_traced_whatever_containers_it_is_one_of():
    decay = 1.0

    class Pair(NamedTuple):
        scale: float

        def __call__(self, w, b):
            return self.scale * jnp.mean((b @ w) ** 2) + 0.5 * decay * jnp.sum(w**2)

    class Table(dict):
        def __call__(self, w, b):
            return self["scale"] * jnp.mean((b @ w) ** 2) + 0.5 * decay * jnp.sum(w**2)

    for decay in (1.0, 4.0):
        for loss in (Pair(1.0), Table(scale=1.0)):
            found = lsgeo.hessian(loss, W, X).to_dense()
            np.testing.assert_allclose(found, SQUARES + decay * np.eye(3), atol=1e-13)


@jax.custom_vjp
def _backward_alone(x):
    return jnp.sin(x)


_backward_alone.defvjp(lambda x: (_backward_alone(x), x), lambda x, g: (g * jnp.cos(x),))


def test_operators_of_one_program_share_their_products_in_every_way_to_differentiate():
    def predict(w, b):
        return _backward_alone(b @ w)

    def criterion(outputs, b):
        return jnp.mean(outputs**2)

    def loss(w, b):
        return criterion(predict(w, b), b)

    def operators(w):
        yield from lsgeo.split_hessian(predict, criterion, w, X)
        yield lsgeo.gauss_newton(predict, criterion, w, X)
        yield lsgeo.hessian(loss, w, X)
        yield lsgeo.ntk(predict, w, X)
        yield lsgeo.gradient_covariance(loss, w, X)
        yield lsgeo.fisher(predict, w, X, likelihood="gaussian")

    for one, other in zip(operators(W), operators(2 * W), strict=True):
        assert one.mode == "reverse-over-reverse"
        assert jax.tree.structure(one) == jax.tree.structure(other)
