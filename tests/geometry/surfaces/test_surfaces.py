"""Oracles: a quadratic in closed form on a grid that is not square, and shares of area by hand."""

import dataclasses
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.geometry import Surface, filter_normalized_directions, surface

XS, YS = np.linspace(-1, 1, 5), np.linspace(-0.5, 0.5, 3)


def network_loss(params, batch):
    hidden = jnp.tanh(batch["x"] @ params["first"]["kernel"] + params["first"]["bias"][None, :])
    return jnp.mean(jnp.square(hidden @ params["last"]["kernel"] - batch["y"]))


def network():
    rng = np.random.default_rng(0)
    params = {
        "first": {"kernel": rng.normal(size=(3, 4)), "bias": rng.normal(size=4)},
        "last": {"kernel": rng.normal(size=(4, 2))},
    }
    batch = {"x": rng.normal(size=(16, 3)), "y": rng.normal(size=(16, 2))}
    return jax.tree.map(jnp.asarray, (params, batch))


def pair(params):
    return filter_normalized_directions(params, key=jax.random.key(0))


def on_grid(function, points=41, extent=1.0):
    xs = np.linspace(-extent, extent, points)
    return Surface(xs, xs, function(xs[None, :], xs[:, None]))


def test_centre_is_bitwise_the_loss_of_the_parameters():
    params, batch = network()
    values = surface(network_loss, params, batch, pair(params), xs=XS, ys=YS).values
    assert values[1, 2] == jax.jit(network_loss)(params, batch)


def test_quadratic_equals_its_closed_form_on_a_grid_that_is_not_square():
    rng = np.random.default_rng(1)
    factor, centre, dx, dy = (rng.normal(size=size) for size in [(4, 4), 4, 4, 4])
    matrix = factor + factor.T

    def loss(w, shift):
        return 0.5 * jnp.vdot(w, jnp.asarray(matrix) @ w) + shift

    found = surface(loss, centre, 0.25, (dx, dy), xs=XS, ys=YS)
    assert found.values.shape == (3, 5) and found.num_evaluations == 15
    for j, y in enumerate(YS):
        for i, x in enumerate(XS):
            point = centre + x * dx + y * dy
            exact = 0.5 * point @ matrix @ point + 0.25
            np.testing.assert_allclose(found.values[j, i], exact, rtol=1e-13, atol=1e-13)


def test_resumed_surface_is_bitwise_the_fresh_one_and_skips_finished_rows():
    params, batch = network()
    rows, reports = {}, []
    fresh = surface(
        network_loss, params, batch, pair(params), xs=XS, ys=YS, on_row=rows.__setitem__
    )
    kept, new = {0: rows[0], 2: rows[2]}, {}
    resumed = surface(
        network_loss,
        params,
        batch,
        pair(params),
        xs=XS,
        ys=YS,
        finished=kept,
        on_row=new.__setitem__,
        progress=lambda done, total: reports.append((done, total)),
    )
    assert fresh.values.tobytes() == resumed.values.tobytes()
    assert list(new) == [1] and reports == [(1, 3), (2, 3), (3, 3)]


def test_checkpoints_of_one_callable_pytree_share_one_compilation():
    @jax.tree_util.register_dataclass
    @dataclasses.dataclass(frozen=True)
    class Loss:
        statistics: jax.Array

        @chex.assert_max_traces(n=6)  # two looks a call; what is compiled is made of these
        def __call__(self, params, batch):
            return jnp.sum(jnp.square(params - self.statistics)) * batch

    directions = jnp.eye(2)[0], jnp.eye(2)[1]
    for seed in range(3):
        statistics = jnp.full(2, float(seed))
        found = surface(Loss(statistics), jnp.zeros(2), 1.0, directions, xs=[0.0], ys=[0.0])
        assert found.values == 2 * seed**2


def test_nan_and_infinity_stay_and_are_counted():
    def loss(w, batch):
        return jnp.log(w[0]) + 0.0 * w[1]

    found = surface(loss, jnp.zeros(2), None, (jnp.eye(2)[0], jnp.eye(2)[1]), xs=[-1, 0, 1], ys=YS)
    assert np.all(np.isnan(found.values[:, 0])) and np.all(found.values[:, 1] == -np.inf)
    assert np.all(found.values[:, 2] == 0) and found.finite_fraction == pytest.approx(1 / 3)
    assert math.isnan(found.non_convex_fraction()) and math.isnan(found.basin_area(1.0))
    assert "66.7% not finite" in str(found)


def test_dtype_of_the_surface_is_that_of_the_loss():
    weights = jnp.ones(2, jnp.float32)
    found = surface(lambda w, _: jnp.sum(w), weights, None, (weights, weights), xs=XS, ys=YS)
    assert found.values.dtype == np.float32


def test_non_convex_fraction_is_zero_on_a_bowl_one_on_a_dome_and_half_on_a_wave():
    assert on_grid(lambda x, y: x**2 + 3 * y**2).non_convex_fraction() == 0
    assert on_grid(lambda x, y: -(x**2) - y**2).non_convex_fraction() == 1
    # Laplacian of sin(pi x): negative for 0 < x < 1, half of the interior but for the column x = 0.
    wave = on_grid(lambda x, y: np.sin(np.pi * x) + 0 * y).non_convex_fraction()
    assert wave == pytest.approx(19 / 39)


def test_non_convex_fraction_takes_rounding_for_zero_at_every_scale():
    for scale in (1e-12, 1.0, 1e12):
        flat = on_grid(lambda x, y, scale=scale: scale * (0.3 + x / 7 + y / 3))
        assert flat.non_convex_fraction() == 0
        dome = on_grid(lambda x, y, scale=scale: -scale * (x**2 + y**2))
        assert dome.non_convex_fraction() == 1


def test_non_convex_fraction_is_right_on_uneven_grids():
    xs, ys = np.array([-1.0, -0.2, 0.1, 2.0]), np.array([0.0, 0.5, 3.0])
    assert Surface(xs, ys, xs[None, :] ** 2 + ys[:, None] ** 2).non_convex_fraction() == 0
    assert Surface(xs, ys, -(xs[None, :] ** 2) + 0 * ys[:, None]).non_convex_fraction() == 1


def test_basin_area_of_a_bowl_is_that_of_its_disc():
    bowl = on_grid(lambda x, y: x**2 + y**2, points=201)
    # pi r^2 / 4 of the square; the grid blurs the rim by about one spacing, 1 %, of its length 2 pi
    # r / 4.
    assert bowl.basin_area(0.25) == pytest.approx(np.pi * 0.25 / 4, abs=0.008)
    assert math.isnan(bowl.basin_area(math.nan))
    assert bowl.basin_area(0.0) == 0 and bowl.basin_area(9.0) == pytest.approx(1)


def test_basin_area_weighs_points_by_area_and_puts_infinity_above_every_level():
    uneven = Surface(np.array([0.0, 1.0, 10.0]), np.array([0.0]), np.array([[0.0, 0.0, np.inf]]))
    assert uneven.basin_area(1.0) == pytest.approx(0.55)


def test_surface_is_a_pytree():
    found = on_grid(lambda x, y: x + y, points=3)
    doubled = jax.tree.map(lambda leaf: 2 * leaf, found)
    assert isinstance(doubled, Surface) and np.array_equal(doubled.values, 2 * found.values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"directions": (jnp.ones(2),)}, r"`directions` must be a pair.*tuple of length 1"),
        ({"directions": 3}, r"`directions` must be a pair.*got int"),
        (
            {"directions": (jnp.ones(2), jnp.ones(3))},
            r"`directions\[1\]` and `params` .* has shape \(3,\) in the one",
        ),
        ({"xs": []}, r"`xs` must be a non-empty"),
        ({"ys": [0.0, 0.0]}, r"`ys` must be .* strictly increasing"),
        ({"xs": [0.0, float("nan")]}, r"`xs` must be .* finite"),
        ({"finished": {3: np.zeros(5)}}, r"`finished` must map rows 0 to 2 to 5 values"),
        ({"finished": {0: np.zeros(4)}}, r"got row 0 of shape \(4,\)"),
        ({"loss": lambda w, _: w}, r"`loss` must return a real scalar"),
        ({"loss": lambda w, _: (jnp.sum(w), w)}, r"`loss` must return a real scalar"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    arguments = {
        "loss": lambda w, _: jnp.sum(w),
        "directions": (jnp.ones(2), jnp.ones(2)),
        "xs": XS,
        "ys": YS,
    } | change
    loss, directions = arguments.pop("loss"), arguments.pop("directions")
    with pytest.raises(ValueError, match=message):
        surface(loss, jnp.zeros(2), None, directions, **arguments)


def test_a_grid_without_interior_points_has_no_curvature():
    with pytest.raises(ValueError, match=r"at least 3 by 3 points to have curvature; got 5 by 2"):
        Surface(XS, np.array([0.0, 1.0]), np.zeros((2, 5))).non_convex_fraction()
