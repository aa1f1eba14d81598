"""Escapes: closed forms on quadratic saddles, published intervals, and what counts as an escape."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from lsgeo import geometry
from lsgeo.geometry.dynamics import _optimizer_runs

KEY = jax.random.key(0)
RATE, CURVATURE = 0.1, 0.5


def saddle(w, batch):
    return CURVATURE / 2 * (w[0] ** 2 - w[1] ** 2)


def run(loss, starts, batch=None, *, key=KEY, optimizer=None, **options):
    chosen = {"num_steps": 300} | options
    optimizer = optimizer or optax.sgd(RATE)
    return geometry.escape(loss, starts, batch, key=key, optimizer=optimizer, **chosen)


def made(times, num_steps=100, diverged=None):
    times = np.asarray(times, float)
    blank = np.zeros((len(times), 1))
    diverged = np.zeros(len(times), bool) if diverged is None else diverged
    return geometry.Escapes(
        times, diverged, np.zeros(1), blank, blank, np.ones(len(times)), num_steps, 0, 0
    )


def test_gradient_descent_leaves_a_saddle_after_the_logarithm_of_its_distance():
    sizes = np.array([1e-1, 1e-3, 1e-6, 0.0])
    starts = jnp.stack([jnp.zeros(4), jnp.asarray(sizes)], axis=1)
    found = run(saddle, starts, radius=1.0)
    # |w_t - w_0| = x0 ((1 + rate lambda)^t - 1)
    exact = np.ceil(np.log1p(1 / sizes[:3]) / np.log1p(RATE * CURVATURE))
    np.testing.assert_array_equal(found.times, [*exact, np.inf])
    assert found.count == 3 and found.rate == 0.75 and not found.diverged.any()
    assert found.num_gradients == 4 * 300 and found.ends.shape == (4, 2)


def test_times_are_those_of_the_recursion_of_the_heavy_ball_rounded_up_to_a_check():
    x, momentum, step = 1e-3, 0.0, 0
    while abs(x - 1e-3) <= 1.0:
        momentum = 0.9 * momentum - CURVATURE * x
        x, step = x - RATE * momentum, step + 1
    start = jnp.array([[0.0, 1e-3]])
    optimizer = optax.sgd(RATE, momentum=0.9)
    assert run(saddle, start, radius=1.0, optimizer=optimizer).times == step
    seldom = run(saddle, start, radius=1.0, optimizer=optimizer, every=20)
    assert seldom.times == 20 * math.ceil(step / 20) > step
    np.testing.assert_array_equal(np.diff(seldom.steps), 20)


def test_gaussian_noise_spreads_on_a_saddle_as_its_recursion_says():
    count, noise, factor = 1000, 0.3, 1 + RATE * CURVATURE
    starts = jnp.zeros((count, 1))
    found = run(
        lambda w, _: -CURVATURE / 2 * w[0] ** 2, starts, radius=1e9, noise=noise, num_steps=40
    )
    for t in (1, 40):
        exact = (RATE * noise) ** 2 * (factor ** (2 * t) - 1) / (factor**2 - 1)
        # The mean square of 1000 normals has a relative deviation of 0.045: five of them.
        np.testing.assert_allclose(np.mean(found.distances[:, t] ** 2), exact, rtol=0.22)


@pytest.mark.parametrize("size", [1, 8])
def test_mini_batches_are_independent_draws_with_repetition(size):
    batch = jnp.array([-1.0, -1.0, 1.0, 1.0, 3.0, -3.0, 0.5, -0.5])
    starts = jnp.zeros((1000, 1))
    found = run(
        lambda w, b: w[0] * jnp.mean(b), starts, batch, radius=1e9, batch_size=size, num_steps=10
    )
    exact = 10 * RATE**2 * np.var(batch) / size
    np.testing.assert_allclose(np.mean(found.distances[:, -1] ** 2), exact, rtol=0.22)


def test_a_run_that_stays_or_diverges_is_counted_and_is_no_escape():
    # w - 0.1 * 4 w^3: falls from 1, stands still at 0.01, blows up from 10.
    starts = jnp.array([[1.0], [0.01], [10.0]])
    found = run(lambda w, _: w[0] ** 4, starts, fraction=0.5, num_steps=30)
    assert found.times.tolist() == [1.0, math.inf, math.inf]
    assert found.diverged.tolist() == [False, False, True]
    np.testing.assert_allclose(found.thresholds, [0.5, 0.5e-8, 0.5e4])
    assert found.rate == 1 / 3 and "1 of 3 runs" in str(found) and "1 diverged" in str(found)
    share, _, _ = found.survival(np.array([0, 1, 30]))
    np.testing.assert_allclose(share, [1, 2 / 3, 2 / 3])


def test_a_convolution_is_stepped_from_the_host_with_the_same_result(monkeypatch):
    batch = {"x": jax.random.normal(jax.random.key(1), (12, 3)), "y": jnp.arange(12.0) / 12}

    def dense(w, b):
        return jnp.mean((jnp.tanh(b["x"] @ w).sum(-1) - b["y"]) ** 2)

    def convolution(w, b):
        h = jax.lax.conv(b["x"][:, :, None], w.T[:, :, None], (1,), "VALID")[:, :, 0]
        return jnp.mean((jnp.tanh(h).sum(-1) - b["y"]) ** 2)

    starts = geometry.perturbed_starts(jnp.ones((3, 2)), key=KEY, count=2, radius=0.3)
    options = {"fraction": 0.6, "batch_size": 4, "every": 2, "num_steps": 40}
    one = run(dense, starts, batch, **options)
    monkeypatch.setattr(_optimizer_runs, "Together", None)
    other = run(convolution, starts, batch, **options)
    np.testing.assert_array_equal(one.times, other.times)
    np.testing.assert_allclose(one.losses, other.losses, rtol=1e-10)
    np.testing.assert_allclose(one.ends, other.ends, rtol=1e-10)
    assert one.count > 0


def test_perturbed_starts_lie_at_the_radius_each_in_its_own_direction():
    point = {"a": jnp.ones((2, 2)), "b": jnp.zeros(3)}
    found = geometry.perturbed_starts(point, key=KEY, count=5, radius=0.2)
    moves = np.concatenate([np.reshape(found["a"] - 1, (5, -1)), found["b"]], axis=1)
    np.testing.assert_allclose(np.linalg.norm(moves, axis=1), 0.2, rtol=1e-12)
    assert np.linalg.matrix_rank(moves) == 5


def test_the_interval_of_a_rate_is_that_of_clopper_and_pearson():
    assert made([np.inf] * 20).interval() == pytest.approx((0, 1 - 0.025 ** (1 / 20)))
    low, high = made([*range(1, 8), *[np.inf] * 13]).interval(0.9)
    np.testing.assert_allclose(
        [low, high], [stats.beta.ppf(0.05, 7, 14), stats.beta.ppf(0.95, 8, 13)]
    )


def test_the_share_still_trapped_is_the_estimate_of_kaplan_and_meier():
    times = np.array([3, 3, 8, 20, 41, 77] + [np.inf] * 4)
    sample = stats.CensoredData(uncensored=times[:6], right=np.full(4, 100.0))
    survival = stats.ecdf(sample).sf
    steps = np.arange(100)
    share, lower, upper = made(times).survival(steps)
    np.testing.assert_allclose(share, survival.evaluate(steps))
    assert np.all(lower <= share) and np.all(share <= upper)
    with pytest.raises(ValueError, match="`steps` must be 0 to 100"):
        made(times).survival(np.array([101]))


def test_the_median_has_the_interval_of_the_order_statistics():
    # Of 20, from the 6th to the 15th: P(6 <= Binomial(20, 1/2) <= 14) = 0.9586.
    assert made(np.arange(20, 0, -1)).median() == (10, 6, 15)
    assert made([*range(1, 9), *[np.inf] * 12]).median() == (math.inf, 6, math.inf)
    assert made([5, 6, 7]).median() == (6, 0, math.inf)


@pytest.mark.parametrize(
    ("one", "other", "exact"),
    [  # Newcombe 1998, table II, method 10
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((10, 10), (0, 10), (0.6075, 1.0000)),
    ],
)
def test_the_difference_of_two_rates_has_the_published_interval(one, other, exact):
    sides = [made([1.0] * k + [np.inf] * (n - k)) for k, n in (one, other)]
    found = geometry.compare_escapes(*sides)
    np.testing.assert_allclose([found.lower, found.upper], exact, atol=6e-5)
    np.testing.assert_allclose(found.difference, one[0] / one[1] - other[0] / other[1])


def test_arms_are_told_apart_by_their_intervals_and_by_the_log_rank_test():
    early, late, never = made([1, 2, 3, 4]), made([5, 6, 7, np.inf]), made([np.inf] * 4)
    # Observed less expected over the risk sets of the seven times, and the hypergeometric variance.
    risk = np.array([(4, 4), (3, 4), (2, 4), (1, 4)])
    expected = (risk[:, 0] / risk.sum(1)).sum()
    variance = (risk[:, 0] * risk[:, 1] / risk.sum(1) ** 2).sum()
    exact = 2 * stats.norm.sf(abs(4 - expected) / math.sqrt(variance))
    np.testing.assert_allclose(geometry.compare_escapes(early, late).p_value, exact)
    assert geometry.compare_escapes(early, late).overlap
    assert geometry.compare_escapes(never, never).p_value == 1
    at_once = made([10] * 4)
    assert geometry.compare_escapes(at_once, at_once).p_value == 1
    apart = geometry.compare_escapes(made([1] * 20), made([np.inf] * 20))
    assert not apart.overlap and apart.difference == 1 and "are apart" in str(apart)
    with pytest.raises(ValueError, match="`one` was given 100 steps and `other` 50"):
        geometry.compare_escapes(early, made([1.0], num_steps=50))


START = jnp.ones((2, 2))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "one of `fraction` and `radius`"),
        ({"fraction": 0.5, "radius": 1.0}, "got fraction=0.5 and radius=1.0"),
        ({"fraction": 1.0}, "`fraction` must lie strictly between 0 and 1"),
        ({"radius": 0.0}, "`radius` must be positive"),
        (
            {"radius": 1.0, "num_steps": 10, "every": 3},
            "`num_steps` 10 must be a multiple of `every`",
        ),
        ({"radius": 1.0, "noise": -1.0}, "`noise` must be at least 0"),
        ({"radius": 1.0, "batch_size": 2}, "leaves of `batch` have no examples"),
        ({"fraction": 0.5, "num_steps": 1}, "a positive one where `fraction` is given"),
        (
            {"radius": 1.0, "starts": {"a": START, "b": jnp.ones(3)}},
            "common leading axis .* lengths",
        ),
        ({"radius": 1.0, "optimizer": 0.1}, "`optimizer` must be an optax optimiser"),
    ],
)
def test_bad_arguments_are_refused_by_name(options, text):
    starts = options.pop("starts", START)
    with pytest.raises(ValueError, match=text):
        run(saddle, starts, **options)
