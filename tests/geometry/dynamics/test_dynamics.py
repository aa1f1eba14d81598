"""Full-batch training against closed forms: stability limits, planted edges, the flow of a quadratic."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import integrate

from lsgeo.geometry import (
    descend,
    edge_of_stability,
    flow_distance,
    follow_flow,
    largest_stable_rate,
    stability_limit,
    top_subspace,
)

KEY = jax.random.key(0)
MOMENTUM = functools.partial(optax.sgd, momentum=0.9)
NESTEROV = functools.partial(optax.sgd, momentum=0.9, nesterov=True)
OPTIMIZERS = {"sgd": optax.sgd, "momentum": MOMENTUM, "nesterov": NESTEROV}


def grows(transformation, curvature, start, num_steps=4000):
    # A loop of Optax's own on 1/2 curvature w^2; the start is far below Adam's eps.
    def step(carry, _):
        w, state = carry
        with jax.numpy_dtype_promotion("standard"):  # inside Optax
            update, state = transformation.update(curvature * w, state, w)
        return (w + update, state), jnp.abs(w)

    w = jnp.asarray(start)
    sizes = jax.lax.scan(step, (w, transformation.init(w)), length=num_steps)[1]
    return ~(jnp.mean(sizes[-200:]) <= start)  # NaN has grown, too


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adam"])
def test_stability_limits_are_where_optax_begins_to_grow_on_a_quadratic(name):
    # With eps = 1 far above the gradients, Adam's preconditioner is the identity. Its first moment is
    # an average of 1 / (1 - b1) gradients, which is where the 38 comes from.
    adam = functools.partial(optax.adam, eps=1.0)
    transformation = {**OPTIMIZERS, "adam": adam}[name](0.5)
    unstable = jax.jit(lambda curvature: grows(transformation, curvature, 1e-30))
    low, high = 0.1, 200.0
    while high > 1.0005 * low:
        middle = np.sqrt(low * high)
        low, high = (low, middle) if unstable(middle) else (middle, high)
    np.testing.assert_allclose(stability_limit(name, 0.5), low, rtol=2e-3)


def test_stability_limits_at_momentum_nine_tenths_are_those_of_the_oracles():
    found = [stability_limit(name, 1.0) for name in ("sgd", "momentum", "nesterov", "adam")]
    np.testing.assert_allclose(found, [2, 3.8, 3.8 / 2.8, 38], rtol=1e-12)
    assert stability_limit("momentum", 0.1, momentum=0.0) == stability_limit("sgd", 0.1)


def planted(name, rate=0.1, gap=0.01):
    """1/2 y x^2 + 1/2 (y - Y)^2, whose training ends in x = ±a, y = the limit, with a closed form."""
    limit = stability_limit(name, rate)
    target = limit + gap / rate
    swing = np.sqrt(2 * (target - limit))
    # The Hessian there is [[y, x], [x, 1]].
    edge = (limit + 1 + np.sqrt((limit - 1) ** 2 + 4 * swing**2)) / 2
    return limit, target, swing, edge


def sharpening(params, target):
    x, y = params
    return 0.5 * y * x**2 + 0.5 * (y - target) ** 2


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov"])
def test_training_ends_at_the_planted_edge_of_stability(name):
    limit, target, swing, edge = planted(name)
    run = edge_of_stability(
        sharpening,
        jnp.array([1e-3, limit - 0.1]),
        jnp.asarray(target),
        key=KEY,
        optimizer=OPTIMIZERS[name],
        learning_rate=0.1,
        limit=limit,
        num_steps=1500,
        every=500,
    )
    np.testing.assert_allclose(np.abs(run.last.params), [swing, limit], rtol=1e-5)
    np.testing.assert_allclose(run.sharpness[-1], edge, rtol=1e-5)
    np.testing.assert_allclose(run.ratio[-1], edge / limit, rtol=1e-5)
    assert run.sharpness[0] < limit < edge and not run.diverged
    assert run.steps.tolist() == [0, 500, 1000, 1500] and len(run.losses) == 1500


def test_adam_ends_at_its_limit_in_the_preconditioned_sharpness_of_a_quadratic():
    curvatures = jnp.array([30.0, 7.0])
    adam, limit = functools.partial(optax.adam, b2=0.99), stability_limit("adam", 0.01)
    run = edge_of_stability(
        lambda w, _: 0.5 * jnp.sum(curvatures * w**2),
        jnp.ones(2),
        key=KEY,
        optimizer=adam,
        learning_rate=0.01,
        limit=limit,
        num_steps=2600,
        every=50,
        b2=0.99,
    )
    assert np.isnan(run.sharpness[0]) and not np.isnan(run.sharpness[1:]).any()
    middle, spread = run.settled(0.15)
    # It swings about the limit by a few per cent; at the beginning it was a hundredth of it.
    assert abs(middle - 1) < 0.05 and spread < 0.1 and run.ratio[1] < 0.02


def test_sharpness_is_that_of_the_hessian_over_what_the_optimiser_divides_by():
    curvatures, settings = jnp.array([30.0, 7.0]), {"learning_rate": 0.01, "limit": 1.0, "every": 1}

    def run(optimizer):
        loss = lambda w, _: 0.5 * jnp.sum(curvatures * w**2)  # noqa: E731
        return edge_of_stability(
            loss, jnp.ones(2), key=KEY, optimizer=optimizer, num_steps=1, **settings
        )

    # One step of Adamax divides by the gradients themselves, which are the curvatures: the ratio is 1.
    np.testing.assert_allclose(run(optax.adamax).sharpness[-1], 1.0, rtol=1e-6)
    np.testing.assert_allclose(run(optax.adam).sharpness[-1], 1.0, rtol=1e-6)
    for optimizer in (optax.novograd, functools.partial(optax.adam, b2=0.9), optax.radam):
        with pytest.raises(ValueError, match="`opt(imizer|_state)` (does not divide|holds no)"):
            run(optimizer)


def test_a_run_beyond_its_limit_is_told_as_diverged_and_not_measured():
    run = edge_of_stability(
        lambda w, _: jnp.sum(w**4),
        jnp.ones(3),
        key=KEY,
        learning_rate=1.0,
        limit=2.0,
        num_steps=60,
        every=20,
    )
    assert run.diverged and run.last.step == 20 and np.isnan(run.sharpness[1])
    assert "diverged by step 20" in str(run) and run.sharpness[0] == pytest.approx(12)


def test_largest_stable_rate_of_a_quadratic_is_two_over_its_largest_eigenvalue():
    curvatures = jnp.array([1.0, 3.0, 16.0])

    def loss(w, _):
        return 0.5 * jnp.sum(curvatures * w**2)

    start = jnp.array([0.1, 0.1, 1.0])
    for optimizer, factor in ((optax.sgd, 2.0), (MOMENTUM, stability_limit("momentum", 1.0))):
        found = largest_stable_rate(
            loss, start, key=KEY, optimizer=optimizer, limit=factor, num_steps=100, tol=0.002
        )
        assert found.stable < found.unstable <= 1.002 * found.stable
        np.testing.assert_allclose(found.predicted, factor / 16, rtol=1e-6)
        np.testing.assert_allclose(found.ratio, 1, atol=0.01)
    # A small share of the loss takes a rate beyond the limit to outgrow the rest.
    start = jnp.array([1.0, 1.0, 0.01])
    found = largest_stable_rate(loss, start, key=KEY, num_steps=100, tol=0.0005)
    excess = np.log(float(loss(start, None)) / (0.5 * 16 * 0.01**2)) / (4 * 100)
    np.testing.assert_allclose(found.ratio - 1, excess, rtol=0.1)


def test_largest_stable_rate_beyond_the_quadratic_is_that_of_the_catapult():
    # 1/2 (u v)^2 with equal u and v diverges from rate * 2 u^2 = 4 on; its Hessian's limit is
    # a factor of up to two below (Lewkowycz et al. 2020).
    def loss(w, _):
        return 0.5 * jnp.sum(w["u"] * w["v"]) ** 2

    start = {"u": jnp.full(20, 0.3), "v": jnp.tile(jnp.array([0.3, -0.29]), 10)}
    found = largest_stable_rate(loss, start, key=KEY, num_steps=400, tol=0.02)
    np.testing.assert_allclose(found.ratio, 2, rtol=0.05)


def test_the_flow_and_the_distance_from_it_are_those_of_the_closed_form_on_a_quadratic():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(5, 4))
    matrix = root.T @ root / 5
    values, vectors = np.linalg.eigh(matrix)
    start = rng.normal(size=4)

    def loss(w, a):
        return 0.5 * w @ a @ w

    found = flow_distance(
        loss,
        jnp.asarray(start),
        jnp.asarray(matrix),
        learning_rate=0.3,
        num_steps=30,
        every=10,
    )
    coordinates, steps = vectors.T @ start, np.array([0, 10, 20, 30])
    flow = np.exp(-0.3 * steps[:, None] * values) * coordinates
    training = (1 - 0.3 * values) ** steps[:, None] * coordinates
    expected = np.linalg.norm(training - flow, axis=1)
    assert found.steps.tolist() == steps.tolist()
    np.testing.assert_allclose(found.times, 0.3 * steps)
    np.testing.assert_array_less(np.abs(found.distance - expected), found.error + 1e-12)
    np.testing.assert_array_less(found.error[1:], 0.02 * found.distance[1:])
    travelled = np.linalg.norm(flow - coordinates, axis=1)
    np.testing.assert_allclose(found.travelled, travelled, atol=1e-3)
    np.testing.assert_allclose(found.flow_loss, 0.5 * np.sum(values * flow**2, axis=1), rtol=1e-2)
    assert np.isnan(found.relative[0]) and "of the flow's way" in str(found)


def valley(w, _):
    return 0.5 * jnp.sum(jnp.array([1.0, 50.0]) * jnp.stack([w[0] - 1, w[1] - w[0] ** 2]) ** 2)


def test_the_flow_down_a_curved_valley_is_that_of_scipy_within_its_own_error():
    start = jnp.array([-1.0, 1.5])
    slope = jax.jit(jax.grad(valley))
    exact = integrate.solve_ivp(
        lambda _, w: -np.asarray(slope(jnp.asarray(w), None)),
        (0, 2.0),
        np.asarray(start),
        method="LSODA",
        rtol=1e-10,
        atol=1e-12,
    ).y[:, -1]
    errors = []
    for tol in (1e-2, 1e-3):
        found = follow_flow(valley, start, until=2.0, tol=tol)
        errors.append(np.linalg.norm(found.params - exact))
        assert found.time == 2.0 and errors[-1] <= found.error <= 2e-2
    assert errors[1] < errors[0] / 3


def test_a_flow_that_goes_on_from_a_state_ends_where_the_whole_one_does_and_stops_for_its_budget():
    start = jnp.array([-1.0, 1.5])
    half = follow_flow(valley, start, until=1.0)
    whole = follow_flow(valley, half, until=2.0)
    np.testing.assert_allclose(
        whole.params, follow_flow(valley, start, until=2.0).params, atol=1e-4
    )
    assert whole.num_gradients > half.num_gradients
    short = follow_flow(valley, start, until=2.0, max_gradients=100)
    assert 90 <= short.num_gradients <= 100 and short.time < 2
    with pytest.raises(
        ValueError, match="`until` must be finite and not before the flow's time, 1"
    ):
        follow_flow(valley, half, until=0.5)
    found = flow_distance(
        valley, start, learning_rate=0.01, num_steps=20, every=10, max_gradients=50
    )
    assert np.isnan(found.distance[1:]).all() and found.distance[0] == 0
    found = flow_distance(lambda w, _: 1e200 * w[0], jnp.ones(2), learning_rate=0.1, num_steps=2)
    assert "training diverged at its start" in str(found)


def test_descent_makes_the_steps_of_optax_and_goes_on_from_any_state():
    def loss(w, a):
        return jnp.sum(a * w**4)

    scale = jnp.array([1.0, 0.3])
    states = list(
        descend(
            loss, jnp.ones(2), scale, optimizer=MOMENTUM, learning_rate=0.01, num_steps=7, every=3
        )
    )
    assert [state.step for state in states] == [0, 3, 6, 7]
    w, transformation = np.ones(2), MOMENTUM(0.01)
    state, losses = transformation.init(w), []
    for _ in range(7):
        losses.append(np.sum(scale * w**4))
        update, state = transformation.update(4 * scale * w**3, state)
        w = w + update
    np.testing.assert_allclose(states[-1].params, w, rtol=1e-12)
    np.testing.assert_allclose(np.concatenate([s.losses for s in states]), losses, rtol=1e-12)
    again = descend(
        loss,
        jnp.ones(2),
        scale,
        optimizer=MOMENTUM,
        learning_rate=0.01,
        num_steps=7,
        every=3,
        start=states[1],
    )
    np.testing.assert_array_equal([s.params for s in again][-1], states[-1].params)


def test_the_gradients_share_and_what_is_kept_of_the_top_space_are_those_of_the_dense_matrix():
    rng = np.random.default_rng(1)
    frames = [np.linalg.qr(rng.normal(size=(30, 30)))[0] for _ in range(2)]
    values = np.concatenate([[-3.0], np.linspace(0, 4, 26), [5.0, 6.0, 8.0]])
    start = rng.normal(size=30)

    def loss(w, a):
        return 0.5 * w["a"] @ a @ w["a"]

    def look(frame, before=None):
        matrix = jnp.asarray((frame * values) @ frame.T)
        return top_subspace(
            loss, {"a": jnp.asarray(start)}, matrix, key=KEY, top=3, tol=1e-6, before=before
        )

    first = look(frames[0])
    second = look(frames[1], first.pairs.vectors)
    np.testing.assert_allclose(first.pairs.values, [-3, 5, 6, 8], rtol=1e-5)
    coordinates = values * (frames[0].T @ start)
    share = np.sum(coordinates[-3:] ** 2) / np.sum(coordinates**2)
    np.testing.assert_allclose(first.share.value, share, rtol=1e-5)
    np.testing.assert_allclose(first.gradient_norm, np.linalg.norm(coordinates), rtol=1e-10)
    cosines = np.linalg.svd(frames[0][:, -3:].T @ frames[1][:, -3:])[1]
    np.testing.assert_allclose(second.kept.value, np.mean(cosines**2), rtol=1e-4)
    assert first.kept is None and first.sharpness == pytest.approx(8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stability_limit("adamw", 1.0), "Unknown `optimizer`: 'adamw'. A closed form is"),
        (lambda: stability_limit("sgd", 0.0), "`learning_rate` must be positive and finite; got 0"),
        (lambda: stability_limit("momentum", 1.0, momentum=1.0), "`momentum` must be at least 0"),
        (
            lambda: descend(valley, jnp.ones(2), learning_rate=-1.0, num_steps=1),
            "`learning_rate` must be positive and finite; got -1.0",
        ),
        (
            lambda: largest_stable_rate(
                lambda w, _: jnp.sum(w**2), jnp.zeros(2), key=KEY, num_steps=2
            ),
            "its gradient at `params` is zero",
        ),
        (
            lambda: largest_stable_rate(
                lambda w, _: jnp.sum(w), jnp.zeros(2), key=KEY, num_steps=2
            ),
            "there is no largest stable one",
        ),
    ],
)
def test_bad_arguments_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
