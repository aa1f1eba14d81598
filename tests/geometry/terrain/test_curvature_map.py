"""Both ends of the spectrum over a plane: a quartic in closed form, rectangular, resumed, with a hole."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.geometry import terrain
from lsgeo.operators import base

SIZE = 90  # over 64, so that Lanczos runs and nothing is diagonalised whole
RNG = np.random.default_rng(0)
SCALES = RNG.normal(size=SIZE)
CENTRE, *PAIR = RNG.normal(size=(3, SIZE))
XS, YS = np.array([-0.5, 0.0, 1.0]), np.array([-1.0, 0.3])


def quartic(w, scales):
    return jnp.vdot(scales, w**4) / 12 + jnp.vdot(w, w)


def mapped(**changes):
    arguments = {
        "directions": tuple(PAIR),
        "xs": XS,
        "ys": YS,
        "key": jax.random.key(1),
        "tol": 1e-4,
    }
    return terrain.curvature_map(quartic, CENTRE, SCALES, **{**arguments, **changes})


@pytest.fixture(scope="module")
def found():
    return mapped()


def test_map_of_a_quartic_is_the_truth_at_every_point_of_a_rectangle(found):
    chex.assert_shape(
        [found.lowest, found.highest, found.losses, found.residuals], [*[(2, 3)] * 3, (2, 3, 2)]
    )
    for j, y in enumerate(YS):
        for i, x in enumerate(XS):
            point = CENTRE + x * PAIR[0] + y * PAIR[1]
            exact = SCALES * point**2 + 2
            size = 1e-4 * np.abs(exact).max()
            ends = [found.lowest[j, i], found.highest[j, i]]
            np.testing.assert_allclose(ends, [exact.min(), exact.max()], atol=size)
            np.testing.assert_allclose(found.losses[j, i], quartic(point, SCALES), rtol=1e-12)
    assert found.converged.all() and found.residuals.max() <= 1e-4 * np.abs(found.highest).max() * 9
    negative = -found.lowest / found.highest
    np.testing.assert_allclose(found.ratio(), negative)
    assert np.all(negative > 0)


def test_resumed_map_is_bitwise_the_fresh_one_and_compiles_no_product(found):
    rows, steps = {}, []
    mapped(ys=YS[:1], on_row=rows.__setitem__)
    before = base._flat_product._cache_size()
    again = mapped(finished=rows, progress=lambda *step: steps.append(step))
    chex.assert_trees_all_equal(again, found)
    assert steps == [(3, 6), (4, 6), (5, 6), (6, 6)]
    assert base._flat_product._cache_size() == before


def test_a_point_without_a_finite_loss_is_a_hole():
    def rooted(w, batch):
        return jnp.sqrt(w[0]) + jnp.vdot(w, w)

    xs = [-1.0, 1.0]
    pair = jnp.eye(2)[0], jnp.eye(2)[1]
    found = terrain.curvature_map(
        rooted, jnp.zeros(2), None, pair, xs=xs, ys=[0.5], key=jax.random.key(0)
    )
    np.testing.assert_array_equal(np.isnan(found.ratio()), [[True, False]])
    # At w = (1, 1/2): second derivative 2 - 1/4 along the first axis.
    np.testing.assert_allclose([found.lowest[0, 1], found.highest[0, 1]], [1.75, 2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xs": [1.0, 0.0]}, "`xs` must be a non-empty, strictly increasing list"),
        ({"finished": {2: np.zeros((3, 7))}}, "`finished` must map rows 0 to 1"),
        ({"directions": (PAIR[0], 0 * PAIR[1])}, r"`directions\[1\]` must not be zero"),
        ({"directions": PAIR[:1]}, "`directions` must be a pair of pytrees"),
        ({"tol": 0.0}, "`tol` must lie strictly between 0 and 1"),
    ],
)
def test_bad_arguments_are_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        mapped(**changes)


def test_a_point_without_a_hessian_is_a_hole_and_its_neighbours_are_measured():
    def cusp(w, _):
        return jnp.sum(jnp.where(w > 0, w, -w) ** 1.5)

    pair = tuple(jnp.eye(2))
    found = terrain.curvature_map(
        cusp, jnp.ones(2), None, pair, xs=[-1.0, 0.0], ys=[0.0], key=jax.random.key(0)
    )
    assert np.isfinite(found.losses).all() and found.converged.tolist() == [[False, True]]
    np.testing.assert_allclose(found.lowest, [[np.nan, 0.75]], rtol=1e-9)
