"""Minima and barriers by hand, and their null: sign-symmetric fields give uniform p-values."""

import chex
import jax
import numpy as np
import pytest
from scipy import ndimage

from lsgeo.geometry import Surface, terrain

KEY = jax.random.key(0)


def test_two_wells_are_joined_at_their_known_barrier():
    xs, ys = np.linspace(-1, 1, 21), np.linspace(-1, 1, 11)
    # Wells at x = -1/2 (0) and 1/2 (0.2); between them 1.1 at x = 0.
    values = (4 * xs**2 - 1)[None, :] ** 2 + 0.2 * (xs[None, :] + 0.5) + ys[:, None] ** 2
    tree = terrain.merge_tree(Surface(xs, ys, values))
    np.testing.assert_allclose(tree.births, [0, 0.2], atol=1e-12)
    np.testing.assert_allclose(tree.deaths, [np.inf, 1.1])
    np.testing.assert_array_equal(tree.minima, [[5, 5], [5, 15]])
    np.testing.assert_array_equal(tree.saddles, [[-1, -1], [5, 10]])
    np.testing.assert_array_equal(tree.joins, [-1, 0])
    assert tree.count(0.89) == 1 and tree.count(0.91) == 0


def test_neighbours_across_the_corner_join_with_eight_and_not_with_four():
    values = np.array([[0.0, 5.0, 9.0], [6.0, 1.0, 7.0], [9.0, 8.0, 2.0]])
    assert len(terrain.merge_tree(values).births) == 1
    tree = terrain.merge_tree(values, neighbours=4)
    np.testing.assert_array_equal(tree.births, [0, 1, 2])
    np.testing.assert_array_equal(tree.deaths, [np.inf, 5, 7])
    np.testing.assert_array_equal(tree.joins, [-1, 0, 0])


def test_minima_are_those_of_a_local_filter_and_barriers_those_of_flooding():
    values = np.random.default_rng(1).normal(size=(9, 12))
    tree = terrain.merge_tree(values)
    lowest = values == ndimage.minimum_filter(values, size=3, mode="nearest")
    np.testing.assert_array_equal(tree.births, np.sort(values[lowest]))
    for birth, death, (j, i) in zip(tree.births, tree.deaths, tree.minima, strict=True):
        # Flooded to just below the saddle the minimum is the lowest of its lake, and at it no more.
        levels = [(np.nextafter(death, -np.inf), True), (death, False)]
        for level, alone in levels if np.isfinite(death) else [(values.max(), True)]:
            lakes, _ = ndimage.label(values <= level, structure=np.ones((3, 3)))
            assert (values[lakes == lakes[j, i]].min() == birth) == alone


def test_an_increasing_map_maps_the_values_and_leaves_the_tree():
    values = np.random.default_rng(2).normal(size=(8, 7))
    tree, mapped = terrain.merge_tree(values), terrain.merge_tree(np.exp(3 * values))
    for name in ("minima", "saddles", "joins"):
        np.testing.assert_array_equal(getattr(tree, name), getattr(mapped, name))
    for name in ("births", "deaths"):
        np.testing.assert_array_equal(np.exp(3 * getattr(tree, name)), getattr(mapped, name))


def test_plateaus_are_one_minimum_and_no_way_leads_through_nan_or_infinity():
    flat = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 2.0, 1.0]])
    assert len(terrain.merge_tree(flat, neighbours=4).births) == 1
    for wall in (np.nan, np.inf):
        values = np.array([[0.0, wall, 1.0], [0.5, wall, 2.0]])
        tree = terrain.merge_tree(values)
        np.testing.assert_array_equal(tree.births, [0, 1])
        np.testing.assert_array_equal(tree.persistence, [np.inf, np.inf])
        np.testing.assert_array_equal(tree.joins, [-1, -1])
        assert tree.count(0) == 0
        assert np.isnan(terrain.persistence_null(values, key=KEY, num_fields=3).p_more)
        assert len(terrain.merge_tree(np.full((2, 2), wall)).births) == 0


def test_p_values_of_random_fields_are_uniform():
    rng = np.random.default_rng(3)
    below = 0
    for _ in range(100):
        coefficients = rng.normal(size=(6, 6)) / (1 + np.add.outer(np.arange(6), np.arange(6)))
        field = terrain.random_fields.idctn(coefficients, norm="ortho")
        below += terrain.persistence_null(field, key=KEY, num_fields=9).p_more <= 0.2
    # At most 20 %, less where counts tie; four standard errors of 100 draws are 16 %.
    assert 0.02 <= below / 100 < 0.36


def test_the_null_does_not_ask_for_the_scale_of_the_loss():
    values = np.random.default_rng(5).normal(size=(7, 9))
    one, other = (
        terrain.persistence_null(v, key=KEY, num_fields=9) for v in (values, np.exp(9 * values))
    )
    chex.assert_trees_all_equal(one, other)


def test_a_bowl_has_fewer_minima_than_its_null_and_a_plain_with_equal_pits_has_more():
    xs, rng = np.linspace(-1, 1, 12), np.random.default_rng(4)
    bowl = xs[None, :] ** 2 + 2 * xs[:, None] ** 2 + 0.1 * xs[None, :]
    found = terrain.persistence_null(bowl, key=KEY, threshold=0.01, num_fields=39)
    assert found.count == 0 and found.p_fewer < 0.2 and found.p_more == 1
    plain = np.zeros((16, 16))
    for j, i in np.ndindex(4, 4):
        plain[4 * j + rng.integers(3), 4 * i + rng.integers(3)] = -1
    found = terrain.persistence_null(plain, key=KEY, threshold=2, num_fields=39)
    assert found.count == 15 and found.p_more == 1 / 40 and found.p_fewer == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: terrain.merge_tree(np.eye(3), neighbours=6), "`neighbours` must be 4 or 8; got 6"),
        (lambda: terrain.merge_tree(np.ones(3)), "`values` must be real numbers [ny, nx]"),
        (
            lambda: terrain.persistence_null(np.eye(3), key=KEY, threshold=0),
            "`threshold` must be positive",
        ),
    ],
)
def test_bad_arguments_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message.replace("[", "\\[")):
        call()
