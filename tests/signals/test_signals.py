import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.signals.confusion import gradient_confusion
from lsgeo.signals.correlation_maps import relu_correlations, tanh_gradient_growth
from lsgeo.signals.gradient_norms import gradient_norms
from lsgeo.signals.jacobians import jacobian_spectrum
from lsgeo.signals.rank_collapse import rank_one_residual
from lsgeo.signals.shattering import input_gradients

KEY = jax.random.key(0)


def matrices(count, n, variance, seed=0):
    return np.random.default_rng(seed).normal(0, np.sqrt(variance / n), (count, n, n))


def test_relu_correlations_approach_one_like_the_inverse_square_of_depth():
    plain = 1 - relu_correlations(0.0, 1000)[-1]
    np.testing.assert_allclose(plain, 9 * np.pi**2 / (2 * 1000**2), rtol=0.05)
    residual = 1 - relu_correlations(0.0, 1000, branch_variance=1.0)[-1]
    np.testing.assert_allclose(residual, 9 * np.pi**2 / (2 * 0.25 * 1000**2), rtol=0.05)


def test_relu_correlations_are_those_of_a_wide_random_network():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 2000))
    x[1] = 0.3 * x[0] + np.sqrt(1 - 0.09) * x[1]
    measured = []
    for weight in matrices(3, 2000, 2.0, seed=1):
        x = np.maximum(x, 0) @ weight if measured else x @ weight
        measured.append(x[0] @ x[1] / np.linalg.norm(x[0]) / np.linalg.norm(x[1]))
    np.testing.assert_allclose(measured, relu_correlations(measured[0], 2), atol=0.03)


def test_tanh_gradients_grow_linearly_without_skips_and_with_the_root_of_depth_with_them():
    plain = np.diff(tanh_gradient_growth(400, 2.25, skip=False))
    np.testing.assert_allclose(plain[-1], 0.1304, atol=5e-5)
    np.testing.assert_allclose(
        tanh_gradient_growth(100, 0.81, skip=False)[-1] / 100, -0.232, atol=5e-4
    )
    np.testing.assert_allclose(
        np.diff(tanh_gradient_growth(2000, 0.81, skip=False))[-1], np.log(0.81), atol=1e-4
    )
    for variance, expected in ((1.0, 1.080), (2.25, 1.064)):
        growth = tanh_gradient_growth(4000, variance, skip=True)[-1]
        np.testing.assert_allclose(growth / np.sqrt(4000 * variance), expected, rtol=1e-3)


def test_tanh_growth_is_that_of_a_wide_network():
    # Residual and plain, width 512 and 30 blocks: 10 % of the logarithm's scale.
    n, depth = 512, 30
    for skip in (True, False):
        x, gains = np.random.default_rng(1).normal(size=n), 0.0
        slopes = []
        weights = matrices(depth, n, 2.25, seed=2)
        for weight in weights:
            slopes.append(1 - np.tanh(x) ** 2)
            x = skip * x + np.tanh(x) @ weight
        g = np.random.default_rng(3).normal(size=n)
        start = np.log(g @ g)
        for weight, slope in zip(weights[::-1], slopes[::-1], strict=True):
            g = skip * g + (weight @ g) * slope
        gains = np.log(g @ g) - start
        np.testing.assert_allclose(
            gains, tanh_gradient_growth(depth, 2.25, skip=skip)[-1], rtol=0.1, atol=0.5
        )


@pytest.mark.parametrize(
    ("blocks", "residual", "relu", "expected", "tolerance"),
    [
        ("gaussian", False, False, 11.0, 0.12),
        ("gaussian", True, False, 1 + 10 * (1 - 0.25), 0.03),
        ("orthogonal", False, False, 1.0, 1e-9),
        ("orthogonal", False, True, 11.0, 0.03),
    ],
)
def test_jacobian_moments_of_random_chains_follow_free_probability(
    blocks, residual, relu, expected, tolerance
):
    n = 300
    weights = matrices(10, n, 1.0)
    if blocks == "orthogonal":
        weights = np.linalg.qr(weights)[0]
    masks = np.random.default_rng(5).integers(0 if relu else 1, 2, (10, n))
    masks, keep = masks.astype(float), float(residual)

    def chain(x):
        for weight, mask in zip(weights, masks, strict=True):
            x = keep * x + (x @ weight) * mask
        return x

    spectrum = jacobian_spectrum(chain, jnp.ones(n))
    np.testing.assert_allclose(spectrum.moment_ratio, expected, rtol=tolerance)
    if residual:
        np.testing.assert_allclose(spectrum.mean_square, 2.0**10, rtol=0.05)


def test_jacobian_of_a_linear_map_has_the_singular_values_of_its_matrix():
    matrix = np.diag([3.0, 1.0, 0.5])[:2]
    spectrum = jacobian_spectrum(lambda x: jnp.asarray(matrix) @ x.ravel(), jnp.ones((3, 1)))
    np.testing.assert_allclose(spectrum.singular_values, [3.0, 1.0], rtol=1e-12)
    assert spectrum.condition_number == pytest.approx(3.0)
    with pytest.raises(ValueError, match="`function` maps 5000 numbers"):
        jacobian_spectrum(lambda x: x, jnp.ones(5000))


def test_correlation_of_input_gradients_follows_the_independent_mask_model():
    # Balduzzi et al. 2017: residual correlation (3/4)^L, plain 2^-L, masks independent between inputs.
    depth, n, num = 4, 400, 24
    rng = np.random.default_rng(0)
    weights = matrices(depth, n, 2.0, seed=3)
    masks = jnp.asarray(rng.integers(0, 2, (depth, num, n)), jnp.float64)
    readout = jnp.asarray(rng.normal(size=n))
    for residual, expected in ((True, 0.75**depth), (False, 0.5**depth)):

        def output(x, keep=float(residual)):
            for weight, mask in zip(weights, masks, strict=True):
                x = keep * x + (x @ weight) * mask
            return x @ readout

        found = input_gradients(output, jnp.zeros((num, n))).correlation
        np.testing.assert_allclose(found, expected, atol=0.02)


def test_gradients_of_white_noise_have_no_autocorrelation_and_those_of_a_walk_almost_one():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=4000)
    cases = ((noise, 0.0, 0.05), (noise + 50, 0.0, 0.05), (np.cumsum(noise), 1.0, 0.02))
    for field, expected, tolerance in cases:
        gradients = input_gradients(lambda x, f=field: x[:, 0] * f, jnp.ones((4000, 1)))
        np.testing.assert_allclose(gradients.autocorrelation(), expected, atol=tolerance)
    with pytest.raises(ValueError, match="`lag` must be between 1 and 3999"):
        gradients.autocorrelation(4000)
    with pytest.raises(ValueError, match="`output` must map 3 inputs to one number each"):
        input_gradients(lambda x: x, jnp.ones((3, 2)))


def test_confusion_finds_the_cosines_of_known_gradients_and_covers_their_quantile():
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(12, 5))

    def loss(params, batch):
        return jnp.mean(batch @ params)

    found = gradient_confusion(loss, jnp.ones(5), jnp.asarray(directions), key=KEY)
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    expected = np.sort((unit @ unit.T)[np.triu_indices(12, 1)])
    np.testing.assert_allclose(found.cosines, expected, rtol=1e-12, atol=1e-12)
    assert found.value == pytest.approx(np.quantile(expected, 0.05))
    assert found.lower <= found.value <= found.upper
    with pytest.raises(ValueError, match="at least 3 examples"):
        gradient_confusion(loss, jnp.ones(5), jnp.ones((2, 5)), key=KEY)


def test_no_copy_of_an_example_counts_in_the_interval_of_the_confusion():
    # Orthogonal gradients: every cosine is 0, and 1 only between an example and its own copy.
    def loss(params, batch):
        return jnp.mean(batch @ params)

    found = gradient_confusion(loss, jnp.ones(4), jnp.eye(4), key=KEY, quantile=0.9)
    assert (found.lower, found.value, found.upper) == (0, 0, 0)


def test_confusion_intervals_cover_the_median_cosine_in_nine_of_ten_draws():
    # Nominal 95 %; a percentile bootstrap of 40 examples and 100 resamples: 85 to 100 % of 40 draws.
    rng = np.random.default_rng(1)
    mean = np.array([1.0, 0, 0])
    large = rng.normal(size=(2000, 3)) + mean
    unit = large / np.linalg.norm(large, axis=1, keepdims=True)
    truth = np.median((unit @ unit.T)[np.triu_indices(2000, 1)])

    def loss(params, batch):
        return jnp.mean(batch @ params)

    hits = 0
    for key in jax.random.split(jax.random.key(2), 40):
        sample = jnp.asarray(rng.normal(size=(40, 3)) + mean)
        found = gradient_confusion(
            loss, jnp.ones(3), sample, key=key, quantile=0.5, num_resamples=100
        )
        hits += found.lower <= truth <= found.upper
    assert 34 <= hits <= 40


def test_gradient_norms_of_a_scalar_chain_are_products_of_the_other_weights():
    def loss(params, batch):
        return params["a"] * params["b"] * params["c"] * batch.mean()

    networks = [dict(a=jnp.asarray(v), b=jnp.asarray(2.0), c=jnp.asarray(3.0)) for v in (1.0, 4.0)]
    found = gradient_norms(loss, networks, jnp.ones(2))
    np.testing.assert_allclose(found.norms, [[6, 3, 2], [6, 12, 8]])
    np.testing.assert_allclose(found.ratio("a", "c"), [3, 0.75])
    with pytest.raises(ValueError, match="`first` must be one of a, b, c; got 'd'"):
        found.ratio("d", "a")
    with pytest.raises(ValueError, match="networks\\[1\\] differs"):
        gradient_norms(loss, [networks[0], {"a": jnp.ones(2)}], jnp.ones(2))


def test_attention_alone_collapses_the_rank_and_a_skip_does_not():
    rng = np.random.default_rng(0)
    x = y = rng.normal(size=(1, 6, 4))
    for _ in range(6):
        scores = np.exp(x @ x.transpose(0, 2, 1) / 2)
        x = scores / scores.sum(-1, keepdims=True) @ x
        scores = np.exp(y @ y.transpose(0, 2, 1) / 8)
        y = y + 0.1 * (scores / scores.sum(-1, keepdims=True) @ y)
    assert rank_one_residual(x)[0] < 0.05 < 0.5 < rank_one_residual(y)[0]
    tokens = np.array([[[1.0, 0], [-1, 0]]])
    np.testing.assert_allclose(rank_one_residual(tokens), 1.0)
    assert np.isnan(rank_one_residual(np.zeros((1, 2, 2))))[0]
    with pytest.raises(ValueError, match="`tokens` must have the shape"):
        rank_one_residual(np.ones((2, 2)))
