"""Barriers, curves and bands on landscapes whose passes are known in closed form."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import integrate

from lsgeo import trees
from lsgeo.geometry import (
    Barrier,
    Curve,
    barrier_along,
    curvature_along,
    fit_curve,
    linear_barrier,
    nudged_elastic_band,
)

KEY = jax.random.key(0)
HEIGHT, STIFFNESS, BULGE = 0.3, 2.0, 0.8


def well(w, batch=None):
    # Minima of loss 0 at x = -1 and 1, a valley y = BULGE (1 - x^2), and the pass HEIGHT at (0, BULGE).
    x, y = w["x"], w["y"][0]
    return HEIGHT * (x**2 - 1) ** 2 + STIFFNESS * (y - BULGE * (1 - x**2)) ** 2


def minimum(x):
    return {"x": jnp.asarray(float(x)), "y": jnp.zeros(1)}


def test_linear_barrier_of_a_quadratic_is_the_closed_form():
    random = np.random.default_rng(0)
    start, off = random.normal(size=(2, 5))
    end = 0.2 * off - start
    bend = random.normal(size=(5, 5))
    hess = -bend @ bend.T

    def loss(w, batch):
        return 0.5 * w @ jnp.asarray(hess) @ w + 0.1 * jnp.sum(w)

    found = linear_barrier(loss, jnp.asarray(start), jnp.asarray(end), num_points=11)
    ts = np.linspace(0, 1, 11)
    points = start + ts[:, None] * (end - start)
    values = 0.5 * np.sum(points @ hess * points, axis=1) + 0.1 * points.sum(axis=1)
    np.testing.assert_allclose(found.losses, values, rtol=1e-12)
    across = (end - start) @ hess @ (end - start)
    # L(t) = chord(t) - t (1 - t) d'Hd / 2: highest over the chord at t = 1/2.
    np.testing.assert_allclose(found.above_chord, -across / 8, rtol=1e-12)
    slope = values[-1] - values[0]
    assert 0 < 0.5 - slope / across < 1  # the t of the largest loss
    top = slope**2 / (-2 * across) - across / 8
    np.testing.assert_allclose(found.above_mean + found.resolution, top, rtol=1e-10)
    np.testing.assert_allclose(found.lengths, ts * np.linalg.norm(end - start), rtol=1e-12)
    np.testing.assert_allclose(found.detour, 1, rtol=1e-12)
    assert found.num_evaluations == 11


def test_convex_path_has_no_barrier_over_the_chord_but_half_the_ends_difference_over_the_mean():
    found = linear_barrier(lambda w, batch: w[0] ** 2, jnp.zeros(1), jnp.full(1, 2.0))
    assert found.above_chord == 0 and found.above_mean == 2 and found.resolution == 0
    assert found.peak == 1


def test_straight_line_across_the_bent_valley_climbs_its_wall():
    found = linear_barrier(well, minimum(-1), minimum(1))
    np.testing.assert_allclose(found.above_mean, HEIGHT + STIFFNESS * BULGE**2, rtol=1e-12)
    assert found.peak == 0.5


def test_loss_that_is_not_finite_stays_in_the_barrier():
    found = Barrier(np.linspace(0, 1, 3), np.array([0.0, np.nan, 0.0]), np.zeros(3), 1.0, 3)
    assert np.isnan([found.above_mean, found.above_chord, found.resolution]).all()
    steep = linear_barrier(lambda w, b: 1 / w[0] ** 2, -jnp.ones(1), jnp.ones(1), num_points=3)
    assert steep.above_mean == np.inf


@pytest.mark.parametrize("t", [0.0, 0.3, 0.5, 1.0])
def test_curves_are_those_of_de_casteljau_and_of_numpy_interpolation(t):
    points = np.random.default_rng(1).normal(size=(4, 6))
    left = list(points)
    while len(left) > 1:
        left = [(1 - t) * a + t * b for a, b in itertools.pairwise(left)]
    stacked = {"w": jnp.asarray(points.reshape(4, 2, 3))}
    bezier = Curve(stacked, "bezier")(t)["w"]
    np.testing.assert_allclose(bezier, left[0].reshape(2, 3), rtol=1e-12)
    chain = [np.interp(t, np.linspace(0, 1, 4), column) for column in points.T]
    polygonal = Curve(stacked)(t)["w"]
    np.testing.assert_allclose(polygonal.ravel(), chain, rtol=1e-12, atol=1e-15)
    if t in (0, 1):
        for found in (bezier, polygonal):
            np.testing.assert_array_equal(found.ravel(), points[int(3 * t)])


@pytest.fixture(scope="module")
def fitted():
    return fit_curve(
        well, minimum(-1), minimum(1), key=KEY, optimizer=optax.adam(0.03), num_steps=300
    )


def test_bezier_curve_finds_the_planted_pass(fitted):
    # The parabola through the pass is a quadratic Bezier curve, with its bend at twice the height.
    top = fitted.barrier.above_mean
    np.testing.assert_allclose(top + fitted.barrier.resolution, HEIGHT, rtol=0.01)
    np.testing.assert_allclose(fitted.curve.points["y"][1, 0], 2 * BULGE, rtol=0.02)
    np.testing.assert_array_equal(fitted.curve(0.0)["x"], -1)
    assert fitted.num_gradients == len(fitted.history) == 300
    assert fitted.barrier.detour > 1.2


@pytest.mark.parametrize(
    ("kind", "weight"),
    [("bezier", lambda t: 2 * t * (1 - t)), ("polygonal", lambda t: min(2 * t, 2 - 2 * t))],
)
def test_first_step_of_a_curve_is_garipovs_gradient(kind, weight):
    optimizer = optax.sgd(1.0)
    step = fit_curve(
        well, minimum(-1), minimum(1), key=KEY, optimizer=optimizer, num_steps=1, kind=kind
    )
    t = float(jax.random.uniform(jax.random.fold_in(KEY, 0), (), jnp.float64))
    x = 2 * t - 1
    wall = 2 * STIFFNESS * -BULGE * (1 - x**2)
    np.testing.assert_allclose(step.curve.points["y"][1, 0], -weight(t) * wall, rtol=1e-10)
    np.testing.assert_allclose(step.history[0], well({"x": x, "y": [0.0]}), rtol=1e-10)


def test_curve_with_minibatches_finds_the_pass_of_the_mean_loss_and_depends_on_the_key_alone():
    shifts = jnp.linspace(-0.2, 0.2, 8)

    def loss(w, batch):
        return jnp.mean(jax.vmap(lambda s: well({**w, "y": w["y"] + s}))(batch))

    options = {"batch_size": 4, "optimizer": optax.adam(0.02)}

    def fit(key, num_steps):
        ends = minimum(-1), minimum(1)
        return fit_curve(loss, *ends, shifts, key=key, num_steps=num_steps, **options)

    one, again, other = fit(KEY, 300), fit(KEY, 5), fit(jax.random.key(1), 5)
    np.testing.assert_array_equal(one.history[:5], again.history)
    assert not np.array_equal(again.history, other.history)
    # Any four examples alone would move the path aside.
    noise = STIFFNESS * float(jnp.mean(shifts**2))
    np.testing.assert_allclose(one.barrier.losses.max() - noise, HEIGHT, atol=0.01)


def least_loss_path():
    # The gradient flow down from the pass, by SciPy, to both sides.
    def down(_, z):
        x, y = z
        wall = y - BULGE * (1 - x**2)
        slope = 4 * HEIGHT * x * (x**2 - 1) + 4 * STIFFNESS * BULGE * x * wall
        return -slope, -2 * STIFFNESS * wall

    flow = integrate.solve_ivp(down, (0, 30), [1e-4, BULGE], rtol=1e-9, atol=1e-9).y
    return np.r_[-flow[0, ::-1], flow[0]], np.r_[flow[1, ::-1], flow[1]]


def test_elastic_band_finds_the_pass_with_its_pivots_at_equal_distances():
    band = nudged_elastic_band(
        well, minimum(-1), minimum(1), optimizer=optax.sgd(0.05), num_pivots=7, num_steps=200
    )
    np.testing.assert_allclose(band.barrier.above_mean, HEIGHT, rtol=1e-6)
    assert band.forces.max() < 1e-6 and band.forces.shape == (7,)
    x, y = band.curve.points["x"], band.curve.points["y"][:, 0]
    np.testing.assert_allclose(y, np.interp(x, *least_loss_path()), atol=0.015)
    chords = np.hypot(np.diff(x), np.diff(y))
    np.testing.assert_allclose(chords, chords.mean(), rtol=0.02)
    assert band.num_gradients == 7 * 200 + 2


def test_further_cycles_put_pivots_where_the_loss_rises_between_them():
    def loss(w, batch):
        return jnp.exp(-((w[0] - 0.25) ** 2) / 0.02) + w[1] ** 2

    ends = jnp.array([-1.0, 0.0]), jnp.array([1.0, 0.0])
    options = {"optimizer": optax.sgd(0.1), "num_pivots": 1, "num_steps": 5}
    coarse, fine = (
        nudged_elastic_band(loss, *ends, num_cycles=cycles, **options) for cycles in (1, 2)
    )
    assert coarse.curve.num_points == 3 < fine.curve.num_points
    added = np.diff(fine.curve.points[:, 0])
    assert fine.curve.points[added.argmin(), 0] >= 0 and added.min() < added.max()
    np.testing.assert_allclose(fine.barrier.losses.max(), 1, rtol=1e-6)


def test_curvature_along_a_line_is_that_of_the_closed_form():
    line = Curve(jax.tree.map(lambda a, b: jnp.stack([a, b]), minimum(-1), minimum(1)))

    def straight_well(w, batch):
        return HEIGHT * (w["x"] ** 2 - 1) ** 2 + STIFFNESS * w["y"][0] ** 2

    found = curvature_along(straight_well, line, key=KEY, num_points=3)
    np.testing.assert_allclose(found.lowest, [8 * HEIGHT, -4 * HEIGHT, 8 * HEIGHT], rtol=1e-10)
    np.testing.assert_allclose(found.highest, [2 * STIFFNESS] * 3, rtol=1e-10)
    assert found.converged.all() and found.num_matvecs > 0


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
class Normed:
    scale: jax.Array

    def __call__(self, w, batch):
        return jnp.mean((w[0] * batch / self.scale - batch) ** 2)


def test_statistics_are_estimated_again_at_every_point_of_a_path():
    # Divided by its own size, w x is x whatever w; with the statistic of one end it is not.
    x = jnp.asarray([-1.0, 1.0])
    ends = jnp.full(1, 1.0), jnp.full(1, 3.0)
    assert linear_barrier(Normed(jnp.asarray(1.0)), *ends, x, num_points=5).above_mean > 1
    fresh = linear_barrier(
        Normed(jnp.asarray(1.0)), *ends, x, num_points=5, at=lambda w: Normed(jnp.std(w[0] * x))
    )
    np.testing.assert_allclose(fresh.losses, 0, atol=1e-12)


def test_bad_arguments_are_named():
    ends, options = (minimum(-1), minimum(1)), {"optimizer": optax.sgd(0.1), "key": KEY}
    with pytest.raises(
        ValueError, match="`start` and `end` must be parameters of one network; y has"
    ):
        linear_barrier(well, minimum(-1), {**minimum(1), "y": jnp.zeros(2)})
    with pytest.raises(ValueError, match="`end` has a NaN or an infinity in x"):
        linear_barrier(well, minimum(-1), minimum(jnp.nan))
    with pytest.raises(ValueError, match="`num_points` must be an integer of at least 3; got 2"):
        linear_barrier(well, *ends, num_points=2)
    with pytest.raises(ValueError, match="`kind` must be one of bezier, polygonal; got 'spline'"):
        fit_curve(well, *ends, kind="spline", **options)
    with pytest.raises(ValueError, match="`optimizer` must be an optax optimiser"):
        fit_curve(well, *ends, key=KEY, optimizer=0.1)
    with pytest.raises(ValueError, match="`batch_size` is 9, but the leaves of `batch`"):
        fit_curve(well, *ends, jnp.zeros(8), batch_size=9, **options)
    with pytest.raises(ValueError, match="`start` and `end` are the same point"):
        nudged_elastic_band(well, ends[0], ends[0], optimizer=optax.sgd(0.1))
    with pytest.raises(ValueError, match="must return a .*scalar"):
        barrier_along(lambda w, batch: w["y"], Curve(jax.tree.map(lambda a: a[None], minimum(1))))
