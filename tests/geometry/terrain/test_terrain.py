"""Scalars of a surface against closed forms: quartics, two wells, sinusoids, quadratics; their intervals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, signal

from lsgeo.geometry import Surface, terrain

XS, YS = np.linspace(-1, 1, 41), np.linspace(-0.8, 0.8, 33)  # steps of 0.05 both


def plane(function, xs=XS, ys=YS):
    return Surface(xs, ys, function(xs[None, :], ys[:, None]) + 0 * xs[None, :] + 0 * ys[:, None])


# Along a radius r^2 - r^4 curves by 2 - 12 r^2, across it by 2 - 4 r^2: convex up to 1 / sqrt(6).
RING = plane(lambda x, y: (x**2 + y**2) - (x**2 + y**2) ** 2)


@pytest.mark.parametrize("test", ["chords", "hessian"])
def test_convexity_radius_is_where_a_quartic_turns_over_to_one_step_of_the_grid(test):
    found = terrain.convexity_radius(RING, test=test)
    # A stencil reaches one diagonal step over the edge.
    assert abs(found.value - 6**-0.5) < 0.05 * 2**0.5 and not found.censored
    np.testing.assert_allclose(found.resolution, 0.05)
    moved = Surface(XS + 3, YS - 2, RING.values)
    np.testing.assert_allclose(
        terrain.convexity_radius(moved, centre=(3, -2), test=test).value, found.value
    )


@pytest.mark.parametrize("test", ["chords", "hessian"])
def test_convex_and_flat_surfaces_have_a_censored_radius_up_to_the_border(test):
    for function in (lambda x, y: 3 * x**2 + y**2 + x * y, lambda x, y: 7 + 0.1 * x - y):
        found = terrain.convexity_radius(plane(function), test=test)
        assert found.censored and found.value == 0.8
    single = Surface(XS, YS, np.float32(1e3 + XS[None, :] ** 2 + YS[:, None] ** 2))
    assert terrain.convexity_radius(single, test=test).censored


def test_the_hessian_sees_a_narrow_cone_that_chords_miss_and_chords_do_not_trip_over_a_kink():
    # Negative along (2, 1) alone: eigenvalues 2 and -0.02, rows, columns and diagonals all convex.
    along, across = (lambda x, y: (2 * x + y) / 5**0.5), (lambda x, y: (x - 2 * y) / 5**0.5)
    cone = plane(lambda x, y: across(x, y) ** 2 - 0.01 * along(x, y) ** 2)
    assert terrain.convexity_radius(cone, test="hessian").value == 0
    assert terrain.convexity_radius(cone, test="chords").censored
    kink = plane(lambda x, y: np.abs(x - y))
    assert terrain.convexity_radius(kink, test="chords").censored
    assert not terrain.convexity_radius(kink, test="hessian").censored


def test_plane_hessian_of_a_quadratic_is_exact_on_a_grid_of_unequal_steps():
    matrix = np.array([[1.0, 2.0], [2.0, -0.5]])
    xs, ys = np.array([-1.0, -0.7, 0.1, 0.4, 2.0]), np.array([-2.0, 0.0, 0.5, 3.0])
    found = terrain.plane_hessian(
        plane(lambda x, y: 0.5 * (x * x + 4 * x * y - 0.5 * y * y) + 3 * x - y + 2, xs, ys)
    )
    low, high = np.linalg.eigvalsh(matrix)
    assert found.lowest.shape == (2, 3)
    np.testing.assert_allclose(found.lowest, np.full((2, 3), low), rtol=1e-10)
    np.testing.assert_allclose(found.highest, np.full((2, 3), high), rtol=1e-10)
    np.testing.assert_allclose(found.ratio(), np.full((2, 3), -low / high), rtol=1e-10)
    # Its trace is positive: convex on average, and nowhere in every direction.
    assert found.non_convex_fraction() == 1
    bowl = terrain.plane_hessian(plane(lambda x, y: x * x + y * y))
    assert np.all(bowl.ratio() == 0) and bowl.non_convex_fraction() == 0


def test_a_hole_hides_what_lies_behind_it_and_nothing_nearer():
    for at, hidden in (((16, 21), True), ((0, 0), False)):
        values = RING.values.copy()
        values[at] = np.nan
        broken = Surface(XS, YS, values)
        for test in terrain.convexity.TESTS:
            value = terrain.convexity_radius(broken, test=test).value
            assert np.isnan(value) == hidden
        assert np.isnan(terrain.hull_deficit(broken).value)
        assert np.isnan(terrain.roughness(broken).values).all()
        assert np.isnan(terrain.plane_hessian(broken).ratio()).sum() == (9 if hidden else 1)
        assert np.isnan(terrain.plane_hessian(broken).non_convex_fraction())


def test_hull_deficit_of_two_wells_is_its_closed_form():
    # The convex envelope of a sum over separate variables is the sum of theirs; the wells touch zero.
    wells = plane(lambda x, y: (4 * x**2 - 1) ** 2 + y**2)
    found = terrain.hull_deficit(wells)
    exact = np.where(np.abs(XS) < 0.5, (4 * XS**2 - 1) ** 2, 0.0)
    np.testing.assert_allclose(found.heights, np.tile(exact, (33, 1)), atol=1e-12)
    np.testing.assert_allclose(found.value, exact.mean(), rtol=1e-10)
    np.testing.assert_allclose(found.relative, exact.mean() / wells.values.mean(), rtol=1e-10)
    scaled = terrain.hull_deficit(Surface(5 * XS, YS / 3, 1e9 * wells.values + 1e7))
    np.testing.assert_allclose(scaled.relative, found.relative, rtol=1e-9)
    for convex in (plane(lambda x, y: np.abs(x - y) + x), plane(lambda x, y: 3.0)):
        assert terrain.hull_deficit(convex).relative < 1e-12


def test_hull_deficit_is_that_of_a_linear_programme_at_every_point_of_noise():
    rng = np.random.default_rng(0)
    xs, ys = np.sort(rng.normal(size=5)), np.sort(rng.normal(size=4))
    noise = Surface(xs, ys, rng.normal(size=(4, 5)))
    x, y = (part.ravel() for part in np.meshgrid(xs, ys))
    weights = np.stack([x, y, np.ones(20)])
    for k, height in enumerate(terrain.hull_deficit(noise).heights.ravel()):
        low = optimize.linprog(noise.values.ravel(), A_eq=weights, b_eq=weights[:, k]).fun
        np.testing.assert_allclose(height, noise.values.ravel()[k] - low, atol=1e-9)


def test_roughness_of_a_ripple_on_a_bowl_is_the_savitzky_golay_response():
    periods, amplitude = 4, 0.3
    # Over whole periods of the middles that a window of nine leaves: 32 of 41 columns.
    wave = 2 * np.pi * periods / (32 * 0.05)
    rippled = plane(lambda x, y: 50 * (x * x + x * y + 3 * y * y) + amplitude * np.cos(wave * x))
    found = terrain.roughness(Surface(XS[:40], YS, rippled.values[:, :40]), windows=[9])
    weights = signal.savgol_coeffs(9, 2)
    response = weights @ np.cos(wave * 0.05 * (np.arange(9) - 4))
    np.testing.assert_allclose(found.values, [amplitude / 2**0.5 * (1 - response)], rtol=1e-10)
    np.testing.assert_allclose(found.scales, [[0.4, 0.4]])
    np.testing.assert_allclose(found.relative, found.values / rippled.values[:, :40].std())
    smooth = terrain.roughness(plane(lambda x, y: 50 * (x * x + x * y + 3 * y * y)))
    assert np.all(smooth.values < 30 * smooth.rounding) and np.all(smooth.relative < 1e-12)
    assert np.all(terrain.roughness(plane(lambda x, y: 2.0)).relative == 0)


def test_gradient_smoothness_on_a_quadratic_is_its_closed_form_at_every_step():
    rng = np.random.default_rng(1)
    factor, w = rng.normal(size=(4, 4)), rng.normal(size=4)
    matrix = factor + factor.T
    steps = [1e-2, 0.3, 2.0]

    def loss(w, batch):
        return 0.5 * jnp.vdot(w, batch[0] @ w) + batch[1] * jnp.sum(w**4)

    found = terrain.gradient_smoothness(loss, w, (matrix, 0.0), steps=steps)
    gradient = matrix @ w
    exact = np.linalg.norm(matrix @ gradient) / np.linalg.norm(gradient)
    np.testing.assert_allclose(found.values, [exact] * 3, rtol=1e-10)
    assert found.value <= np.abs(np.linalg.eigvalsh(matrix)).max() and found.num_gradients == 4
    still = terrain.gradient_smoothness(loss, 0 * w, (matrix, 0.0), steps=steps)
    assert np.isnan(still.values).all() and still.gradient_norm == 0
    # On w^4 the gradient 4 w^3 turns most where the step goes farthest.
    start = np.array([1.0, 0.0, 0.0, 0.0])
    quartic = terrain.gradient_smoothness(loss, start, (0 * matrix, 1.0), steps=[0.1, 0.75])
    np.testing.assert_allclose(quartic.values, [(4 - 4 * 0.6**3) / 0.4, (4 + 4 * 2**3) / 3])
    assert quartic.value == quartic.values[1]


def test_gradient_smoothness_of_a_step_that_float32_rounds_stays_under_the_curvature_and_says_so():
    rng = np.random.default_rng(4)
    curvatures = np.linspace(0.1, 10, 400).astype(np.float32)
    centre = jnp.asarray(rng.normal(size=400), jnp.float32)
    slope = (1e-5 * rng.normal(size=400)).astype(np.float32)

    def loss(w, batch):
        return 0.5 * jnp.sum(batch[0] * (w - centre) ** 2) + jnp.sum(batch[1] * w)

    batch = jnp.asarray(curvatures), jnp.asarray(slope)
    found = terrain.gradient_smoothness(loss, centre, batch, steps=[1e-4, 1e-3, 1.0])
    exact = np.linalg.norm(curvatures * slope) / np.linalg.norm(slope)
    # Steps of 1e-9 and 1e-8 under weights of 1 move few of them, those by too much or too little.
    assert np.all(np.abs(found.values - exact) <= found.rounding) and found.value < 10
    assert found.rounding[0] > exact and found.rounding[-1] < 0.1 * exact
    lost = terrain.gradient_smoothness(loss, centre + 1, (batch[0], slope), steps=[1e-12, 1.0])
    assert np.isnan(lost.values[0]) and np.isfinite(lost.values[1]) and np.isnan(lost.value)
    steep = terrain.gradient_smoothness(
        lambda w, _: jnp.sum(w**4), jnp.ones(3, jnp.float32), steps=[1e-2, 1e30]
    )
    assert np.isfinite(steep.values[0]) and np.isnan(steep.values[1])


def test_nested_intervals_cover_the_mean_of_new_networks_where_planes_taken_for_networks_do_not():
    rng = np.random.default_rng(2)
    key, cover, naive = jax.random.key(0), 0, 0
    for _ in range(200):
        data = rng.normal(size=(4, 1)) + 0.3 * rng.normal(size=(4, 6))
        found = terrain.nested_interval(data, key=key, num_resamples=200)
        cover += found.lower <= 0 <= found.upper
        pooled = 1.96 * data.std(ddof=1) / 24**0.5
        naive += abs(data.mean()) <= pooled
    # 95 % nominal: four standard errors of 200 draws are 6 %.
    assert cover / 200 > 0.89 and naive / 200 < 0.75


def test_nested_interval_separates_seeds_from_planes_and_keeps_nan():
    rng = np.random.default_rng(3)
    data = 2 * rng.normal(size=(400, 1)) + 0.5 * rng.normal(size=(400, 5))
    key = jax.random.key(1)
    found = terrain.nested_interval(data, key=key)
    # Standard errors: 2 / sqrt(800) and 0.5 / sqrt(3200).
    assert abs(found.between - 2) < 0.3 and abs(found.within - 0.5) < 0.04
    np.testing.assert_allclose(found.value, data.mean())
    ragged = terrain.nested_interval([[0.1, 0.3], [0.0], [0.4, 0.4, 0.4]], key=key, bounds=(0, 1))
    np.testing.assert_allclose(ragged.value, (0.2 + 0 + 0.4) / 3)
    assert ragged.lower == 0 and 0.5 < ragged.upper <= 1 and ragged.num_values == 6
    # Seeds that agree by luck: the planes' standard error, 0.1 / sqrt(2) / sqrt(6), times Student's 3.18.
    agree = terrain.nested_interval([[0.0, 0.1]] * 3, key=key)
    np.testing.assert_allclose(agree.upper - agree.value, 3.1824 * 0.1 / 12**0.5, rtol=1e-4)
    two = terrain.nested_interval([[0.1], [0.2]], key=key, bounds=(0, 1))
    assert (two.lower, two.upper) == (0, 1)
    lost = terrain.nested_interval([[0.1, np.nan], [0.2], [0.1]], key=key)
    assert np.isnan([lost.value, lost.lower, lost.upper]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: terrain.convexity_radius(RING, test="hull"), "Unknown `test`: 'hull'"),
        (lambda: terrain.convexity_radius(RING, centre=(2, 0)), "`centre` must lie in the grid"),
        (lambda: terrain.hull_deficit(plane(lambda x, y: x, XS[:2])), "at least 3 by 3"),
        (lambda: terrain.roughness(RING, windows=[4]), "odd numbers from 3 to 33"),
        (lambda: terrain.roughness(plane(lambda x, y: x, XS**3)), "`xs` of the surface must have"),
        (
            lambda: terrain.gradient_smoothness(lambda w, b: w, 1.0, steps=[0]),
            "`steps` must be positive",
        ),
        (
            lambda: terrain.nested_interval([[], [1]], key=jax.random.key(0)),
            "`values` must hold one list per seed",
        ),
    ],
)
def test_bad_arguments_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
