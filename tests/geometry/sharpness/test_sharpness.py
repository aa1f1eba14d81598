"""Oracles: on a quadratic every measure of sharpness has a closed form."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, stats

from lsgeo import geometry
from lsgeo.operators.curvature import fisher
from lsgeo.spectra import Estimate
from tests import oracles

KEY = jax.random.key(0)
CURVATURES = np.array([4.0, 2.0, 1.0, 0.5, 0.25, 0.1])
HESSIAN = oracles.prescribed(CURVATURES)
CENTRE = np.random.default_rng(3).normal(size=6)
FLOOR = 0.3
AXES = "flax"  # A polynomial has no layers off which filters could be read.
MATRIX, MINIMUM = jnp.asarray(HESSIAN), jnp.asarray(CENTRE)


def flat(params):
    return jnp.concatenate([params["a"], params["b"].reshape(-1)])


def as_params(vector):
    return {"a": jnp.asarray(vector[:2]), "b": jnp.asarray(vector[2:]).reshape(2, 2)}


def quadratic(params, batch):
    away = flat(params) - MINIMUM
    return 0.5 * jnp.vdot(away, MATRIX @ away) + FLOOR


AT_MINIMUM = as_params(CENTRE)
OFFSET = 0.2 * np.ones(6)
SLOPE = HESSIAN @ OFFSET
OUTSIDE = as_params(CENTRE + OFFSET)


def scale_of(scaling, vector):
    if scaling == "none":
        return np.ones(6)
    if scaling == "magnitude":
        return np.abs(vector)
    columns = np.linalg.norm(vector[2:].reshape(2, 2), axis=0)
    return np.concatenate([np.abs(vector[:2]), np.tile(columns, 2)])


@pytest.mark.parametrize("scaling", ["none", "magnitude", "filter"])
def test_hessian_sharpness_is_the_largest_eigenvalue_and_the_trace_of_tht(scaling):
    t = scale_of(scaling, CENTRE + OFFSET)
    matrix = t[:, None] * HESSIAN * t[None, :]
    found = geometry.hessian_sharpness(quadratic, OUTSIDE, key=KEY, scaling=scaling, axes=AXES)
    np.testing.assert_allclose(found.largest, np.linalg.eigvalsh(matrix)[-1], rtol=1e-10)
    np.testing.assert_allclose(found.trace.value, np.trace(matrix), rtol=1e-10)
    assert isinstance(found.trace, Estimate) and found.size == 6 and found.converged


SECOND_ORDER = {"l2": 1 / 12, "linf": 1 / 6, "gaussian": 1 / 2}


@pytest.mark.parametrize("ball", SECOND_ORDER)
@pytest.mark.parametrize("scaling", ["none", "magnitude"])
def test_average_sharpness_of_a_quadratic_is_the_trace_times_the_second_moment(ball, scaling):
    t = scale_of(scaling, CENTRE + OFFSET)
    exact = 0.3**2 * np.sum(t**2 * np.diag(HESSIAN)) * SECOND_ORDER[ball]
    found = geometry.average_sharpness(
        quadratic, OUTSIDE, key=KEY, radius=0.3, ball=ball, scaling=scaling, num_pairs=200
    )
    # Four standard errors: once in 16 000 keys.
    assert abs(found.value - exact) < 4 * found.standard_error < 0.5 * exact
    assert found.num_evaluations == 401 and found.loss == jax.jit(quadratic)(OUTSIDE, None)


def test_average_sharpness_of_an_isotropic_bowl_has_no_spread_on_the_sphere():
    bowl = lambda w, _: jnp.sum(w**2)  # noqa: E731
    found = geometry.average_sharpness(bowl, jnp.ones(5), key=KEY, radius=2.0, num_pairs=2)
    np.testing.assert_allclose(found.value, 4.0, rtol=1e-12)
    assert found.standard_error < 1e-12


def test_average_sharpness_intervals_of_95_percent_cover_in_88_to_99_percent_of_100_seeds():
    exact = np.trace(HESSIAN) / 12
    hits = 0
    for seed in range(100):
        found = geometry.average_sharpness(
            quadratic, OUTSIDE, key=jax.random.key(seed), radius=1.0, num_pairs=6
        )
        hits += found.interval()[0] <= exact <= found.interval()[1]
    # Outside for 1 % of the keys if the coverage is 95 %.
    assert 88 <= hits <= 99


@pytest.mark.parametrize("scaling", ["none", "magnitude", "filter"])
def test_worst_sharpness_at_a_minimum_is_half_the_largest_eigenvalue_times_radius_squared(scaling):
    t = scale_of(scaling, CENTRE)
    top = np.linalg.eigvalsh(t[:, None] * HESSIAN * t[None, :])[-1]
    found = geometry.worst_sharpness(
        quadratic, AT_MINIMUM, key=KEY, radius=0.2, scaling=scaling, num_starts=2, axes=AXES
    )
    exact = 0.02 * top
    # A lower bound but for rounding of the loss, and reached to a gap that it knows.
    assert found.value <= exact + 1e-14
    np.testing.assert_allclose(found.value, exact, rtol=1e-4)
    assert 0 <= found.gap < 1e-2 * exact


def test_worst_sharpness_away_from_a_minimum_solves_the_trust_region_problem():
    values, vectors = np.linalg.eigh(HESSIAN)
    slope, radius = vectors.T @ SLOPE, 0.5

    # max g'z + z'Hz/2 over ||z|| = r: (mu - H) z = g with mu above the largest eigenvalue.
    def excess(mu):
        return np.linalg.norm(slope / (mu - values)) - radius

    mu = optimize.brentq(excess, values[-1] + 1e-6, 100)
    z = slope / (mu - values)
    exact = slope @ z + 0.5 * z @ (values * z)
    found = geometry.worst_sharpness(quadratic, OUTSIDE, key=KEY, radius=radius, num_starts=3)
    np.testing.assert_allclose(found.value, exact, rtol=1e-6)
    assert found.starts.max() == found.value and found.num_gradients == 1 + 3 * 21


def test_worst_sharpness_in_the_box_is_the_best_of_its_corners():
    corners = np.array(list(itertools.product([-0.1, 0.1], repeat=6)))
    exact = max(SLOPE @ z + 0.5 * z @ HESSIAN @ z for z in corners)
    found = geometry.worst_sharpness(
        quadratic, OUTSIDE, key=KEY, radius=0.1, ball="linf", num_starts=8
    )
    np.testing.assert_allclose(found.value, exact, rtol=1e-10)


def test_worst_sharpness_finds_the_rim_of_a_crater_that_lies_inside_the_ball():
    # sin^2 rises to 1 at pi / 2 and falls beyond: the best point is no corner.
    ring = lambda w, _: jnp.sin(w[0]) ** 2 + 0.0 * w[1]  # noqa: E731
    found = geometry.worst_sharpness(ring, jnp.zeros(2), key=KEY, radius=2.5, num_steps=40)
    np.testing.assert_allclose(found.value, 1.0, rtol=1e-3)


def test_keskar_sharpness_of_a_separable_quadratic_sums_the_best_end_of_every_side():
    h, w = np.array([3.0, 1.0, 0.2]), np.array([0.5, -2.0, 0.0])
    sides = 0.01 * (np.abs(w) + 1)
    rise = np.sum(0.5 * h * ((np.abs(w) + sides) ** 2 - w**2))
    centre = 0.5 * np.sum(h * w**2)
    found = geometry.keskar_sharpness(
        lambda p, _: 0.5 * jnp.sum(jnp.asarray(h) * p**2), jnp.asarray(w), key=KEY, epsilon=0.01
    )
    np.testing.assert_allclose(found.value, 100 * rise / (1 + centre), rtol=1e-10)
    assert found.loss == centre


@pytest.mark.parametrize("scaling", ["none", "magnitude", "filter"])
@pytest.mark.parametrize("ball", ["l2", "linf"])
def test_sam_sharpness_of_a_quadratic_is_its_first_two_terms_along_the_steepest_step(ball, scaling):
    t = scale_of(scaling, CENTRE + OFFSET)
    g, radius = t * SLOPE, 0.05
    z = radius * (g / np.linalg.norm(g) if ball == "l2" else np.sign(g))
    exact = g @ z + 0.5 * (t * z) @ HESSIAN @ (t * z)
    found = geometry.sam_sharpness(
        quadratic, OUTSIDE, radius=radius, ball=ball, scaling=scaling, axes=AXES
    )
    np.testing.assert_allclose(found.value, exact, rtol=1e-12)
    np.testing.assert_allclose(found.first_order, g @ z, rtol=1e-12)


def test_sam_sees_nothing_at_a_critical_point_however_sharp():
    steep = lambda w, _: 1e6 * jnp.sum(w**2)  # noqa: E731
    assert geometry.sam_sharpness(steep, jnp.zeros(3)).value == 0


@pytest.mark.parametrize("scaling", ["none", "magnitude"])
def test_pac_bayes_sigma_of_a_quadratic_inverts_the_mean_of_its_draws_and_both_ends_of_its_interval(
    scaling,
):
    t = scale_of(scaling, CENTRE + OFFSET)
    keys = [jax.random.fold_in(KEY, i) for i in range(12)]
    draws = np.array([t * flat(geometry.random_direction(OUTSIDE, key=key)) for key in keys])
    forms = 0.5 * np.einsum("ki,ij,kj->k", draws, HESSIAN, draws)  # the increase at sigma = 1
    width = Estimate(forms.mean(), forms.std(ddof=1) / math.sqrt(12), 0, _freedom(forms))
    found = geometry.pac_bayes_sigma(quadratic, OUTSIDE, key=KEY, scaling=scaling, num_pairs=12)
    exact = [math.sqrt(0.1 / form) for form in (forms.mean(), *width.interval()[::-1])]
    np.testing.assert_allclose([found.sigma, found.lower, found.upper], exact, rtol=2e-3)
    assert found.lower < math.sqrt(0.2 / np.sum(t**2 * np.diag(HESSIAN))) < found.upper


def _freedom(samples):
    excess = max(0.0, stats.kurtosis(samples, bias=False))
    return 2 / (excess / len(samples) + 2 / (len(samples) - 1))


def test_pac_bayes_sigma_of_an_isotropic_bowl_is_as_exact_as_its_draws():
    bowl = lambda w, _: 0.5 * jnp.sum(w**2)  # noqa: E731
    found = geometry.pac_bayes_sigma(bowl, jnp.zeros(4000), key=KEY, target=1e-3, num_pairs=8)
    # chi-squared with 4000 degrees of freedom, eight times: 0.8 % of the trace, 0.4 % of sigma.
    np.testing.assert_allclose(found.sigma, math.sqrt(2e-3 / 4000), rtol=0.016)


def test_pac_bayes_sigma_counts_a_loss_that_is_not_finite_as_above_the_target():
    walled = lambda w, _: jnp.where(jnp.max(jnp.abs(w)) > 0.5, jnp.nan, 0.0)  # noqa: E731
    found = geometry.pac_bayes_sigma(walled, jnp.zeros(5), key=KEY, num_pairs=4)
    # The largest of forty normal numbers is between 1.4 and 4: 0.5 over it.
    assert 0.12 < found.sigma < 0.36
    level = geometry.pac_bayes_sigma(lambda w, _: 0.0 * w[0], jnp.ones(2), key=KEY, num_pairs=2)
    assert level.sigma == level.upper == math.inf


def test_filter_radius_of_a_quadratic_is_the_root_along_each_direction():
    found = geometry.filter_radius(
        quadratic, OUTSIDE, key=KEY, rise=0.05, num_directions=9, axes=AXES
    )
    exact = []
    for i in range(9):
        (direction,) = _directions(i)
        d = np.asarray(flat(direction))
        slope, curvature = SLOPE @ d, d @ HESSIAN @ d
        exact.append((-slope + math.sqrt(slope**2 + 2 * 0.05 * curvature)) / curvature)
    np.testing.assert_allclose(found.radii, exact, rtol=1e-3)
    assert found.lower == np.sort(found.radii)[1] and found.upper == np.sort(found.radii)[7]
    assert found.median == np.median(found.radii)


def _directions(i):
    raw = geometry.random_direction(OUTSIDE, key=jax.random.fold_in(KEY, i))
    return (geometry.normalize_filters(raw, OUTSIDE, axes=AXES),)


def test_filter_radius_takes_the_first_of_several_crossings_and_says_where_there_is_none():
    waves = lambda w, _: jnp.sin(jnp.sum(jnp.abs(w["b"] - 1.0)))  # noqa: E731
    params = {"a": jnp.ones(2), "b": jnp.ones((2, 2))}
    found = geometry.filter_radius(waves, params, key=KEY, rise=0.5, num_directions=3, axes=AXES)
    for i in range(3):
        raw = geometry.random_direction(params, key=jax.random.fold_in(KEY, i))
        length = jnp.sum(jnp.abs(geometry.normalize_filters(raw, params, axes=AXES)["b"]))
        np.testing.assert_allclose(found.radii[i] * length, math.pi / 6, rtol=1e-3)
    level = lambda w, _: jnp.sum(0 * w["b"])  # noqa: E731
    plain = geometry.filter_radius(level, params, key=KEY, num_directions=3, axes=AXES)
    assert plain.median == math.inf and plain.lower == 0 and "3 beyond 4" in str(plain)


def relu_net(params, batch):
    return jnp.maximum(jnp.maximum(batch["x"] @ params[0], 0) @ params[1], 0) @ params[2]


def cross_entropy(outputs, batch):
    chosen = batch["y"][:, None] == jnp.arange(outputs.shape[1])[None, :]
    return -jnp.sum(jnp.where(chosen, jax.nn.log_softmax(outputs), 0), axis=1).mean()


def network():
    rng = np.random.default_rng(5)
    params = [jnp.asarray(rng.normal(size=size)) for size in [(3, 5), (5, 4), (4, 3)]]
    batch = {"x": jnp.asarray(rng.normal(size=(12, 3))), "y": jnp.asarray(rng.integers(0, 3, 12))}
    return params, batch


def test_fisher_rao_norm_is_the_quadratic_form_of_the_fisher_matrix():
    params, batch = network()
    op = fisher(relu_net, params, batch)
    exact = sum(np.vdot(w, fw) for w, fw in zip(params, op @ params, strict=True))
    found = geometry.fisher_rao_norm(relu_net, params, batch)
    np.testing.assert_allclose(found.squared, exact, rtol=1e-10)
    parts = [{k: v[a:b] for k, v in batch.items()} for a, b in ((0, 7), (7, 12))]
    split = geometry.fisher_rao_norm(relu_net, params, batches=parts)
    np.testing.assert_allclose(split.squared, exact, rtol=1e-10)
    np.testing.assert_allclose(split.misfit, 0, atol=1e-6)


def test_fisher_rao_norm_of_a_homogeneous_net_is_its_depth_squared_times_the_outputs_form():
    params, batch = network()
    logits = np.asarray(jax.jit(relu_net)(params, batch))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    form = np.mean((p * logits**2).sum(1) - (p * logits).sum(1) ** 2)
    found = geometry.fisher_rao_norm(relu_net, params, batch)
    np.testing.assert_allclose(
        [found.squared, found.homogeneous, found.degree], [9 * form, 9 * form, 3], rtol=1e-10
    )
    # Observed labels, the definition of Liang et al.: (L + 1)^2 E <dl / df, f>^2.
    slopes = p - np.eye(3)[np.asarray(batch["y"])]
    seen = geometry.fisher_rao_norm(relu_net, params, batch, criterion=cross_entropy)
    np.testing.assert_allclose(seen.squared, 9 * np.mean((slopes * logits).sum(1) ** 2), rtol=1e-10)
    assert abs(seen.squared / found.squared - 1) > 0.01


def test_fisher_rao_norm_of_a_residual_net_misses_the_homogeneous_form():
    def residual(params, batch):
        x = jnp.maximum(batch["x"] @ params[0], 0)
        return (x + jnp.maximum(x @ params[1] @ params[1].T, 0)) @ params[2] @ params[1].T

    params, batch = network()
    params = [params[0], params[1], params[2].T[:, :].repeat(2, 0)[:5, :4]]
    found = geometry.fisher_rao_norm(residual, params, batch, likelihood="gaussian")
    assert found.misfit > 0.01


def test_a_loss_that_is_not_finite_within_the_ball_stays_so():
    walled = lambda w, _: jnp.where(w[0] > 0.05, jnp.nan, w[0])  # noqa: E731
    for measure in (geometry.average_sharpness, geometry.worst_sharpness):
        assert math.isnan(measure(walled, jnp.zeros(2), key=KEY, radius=0.5).value)
    assert math.isnan(geometry.sam_sharpness(walled, jnp.zeros(2), radius=0.5).value)
    pole = lambda w, _: 1 / jnp.maximum(0.0, 0.1 - w[0])  # noqa: E731
    found = geometry.worst_sharpness(pole, jnp.zeros(2), key=KEY, radius=0.5)
    assert found.value == math.inf


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (
            lambda **o: geometry.average_sharpness(quadratic, OUTSIDE, key=KEY, **o),
            {"radius": 0.0, "match": "`radius` must be positive and finite; got 0.0"},
        ),
        (
            lambda **o: geometry.average_sharpness(quadratic, OUTSIDE, key=KEY, radius=1.0, **o),
            {"ball": "l1", "match": "`ball` must be one of l2, linf, gaussian; got 'l1'"},
        ),
        (
            lambda **o: geometry.worst_sharpness(quadratic, OUTSIDE, key=KEY, radius=1.0, **o),
            {"scaling": "layer", "match": "`scaling` must be one of none, magnitude.* got 'layer'"},
        ),
        (
            lambda **o: geometry.worst_sharpness(quadratic, OUTSIDE, radius=1.0, **o),
            {"key": 0, "match": "`key` must be one typed random key"},
        ),
        (
            lambda **o: geometry.keskar_sharpness(lambda w, _: jnp.sum(w) - 9.0, OUTSIDE["a"], **o),
            {"key": KEY, "match": "`loss` must be above -1"},
        ),
        (
            lambda **o: geometry.pac_bayes_sigma(quadratic, OUTSIDE, key=KEY, **o),
            {"target": 1e-16, "match": "`target` 1e-16 is lost in the rounding"},
        ),
        (
            lambda **o: geometry.filter_radius(quadratic, OUTSIDE, key=KEY, **o),
            {"rise": 1e-16, "match": "`rise` 1e-16 is lost in the rounding"},
        ),
        (
            lambda **o: geometry.filter_radius(lambda w, _: jnp.sum(w), jnp.ones(3), **o),
            {"key": KEY, "match": "`params` have no filter"},
        ),
        (
            lambda **o: geometry.sam_sharpness(quadratic, as_params(np.full(6, np.nan)), **o),
            {"match": "`params` has a NaN"},
        ),
        (
            lambda **o: geometry.sam_sharpness(lambda w, _: w, OUTSIDE["a"], **o),
            {"match": "`loss` must return a real scalar"},
        ),
        (
            lambda **o: geometry.fisher_rao_norm(relu_net, *network(), **o),
            {"likelihood": "poisson", "match": "`likelihood` must be 'softmax' or 'gaussian'"},
        ),
    ],
)
def test_bad_arguments_are_refused_by_name(measure, message):
    options = dict(message)
    with pytest.raises(ValueError, match=options.pop("match")):
        measure(**options)


def test_batches_give_the_sharpness_of_the_full_batch():
    loss, params, batch, _ = oracles.linear_regression()
    parts = [{k: v[a:b] for k, v in batch.items()} for a, b in ((0, 33), (33, 40))]
    whole = geometry.sam_sharpness(loss, params, batch)
    split = geometry.sam_sharpness(loss, params, batches=parts)
    for name in ("value", "first_order", "loss"):
        np.testing.assert_allclose(getattr(split, name), getattr(whole, name), rtol=1e-9)
