"""Planted permutations are found again, and the stream's quadratic problem is solved as such."""

import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.geometry import match_activations, match_weights
from lsgeo.matching import permutation_groups
from lsgeo.matching._quadratic_assignment import best_assignment, relaxed_assignment
from tests.geometry import networks

KEY = jax.random.key(0)
DEPTH, WIDTH = 6, 24


def plain(p, x):
    h = x @ p["stem"]
    for i in range(DEPTH):
        h = jax.nn.relu(h @ p[f"in_{i}"])
    return h @ p["head"]


def residual(p, x):
    h = x @ p["stem"]
    for i in range(DEPTH):
        h = h + jax.nn.relu(h @ p[f"in_{i}"]) @ p[f"out_{i}"]
    return h @ p["head"]


def draw(seed, names):
    random = np.random.default_rng(seed)
    square = {f"{name}_{i}": (WIDTH, WIDTH) for name in names for i in range(DEPTH)}
    shapes = {"stem": (2, WIDTH), "head": (WIDTH, 2), **square}
    return {n: jnp.asarray(random.normal(size=s) / s[0] ** 0.5) for n, s in shapes.items()}


# Batches for the derivation are small, and those for the activations big enough to tell units apart.
@pytest.fixture(scope="module", params=["plain", "residual"])
def network(request):
    predict, names = {"plain": (plain, ("in",)), "residual": (residual, ("in", "out"))}[
        request.param
    ]
    groups = permutation_groups(predict, draw(0, names), jnp.ones((3, 2)), key=KEY)
    return predict, names, groups


def planted(groups, names, seed):
    params = draw(seed, names)
    permutations = groups.random(key=jax.random.key(seed))
    return params, permutations, groups.permute(params, permutations)


def test_planted_permutation_is_recovered_with_starts_that_fail_one_by_one(network):
    _, names, groups = network
    ends = []
    for seed in range(5):
        params, permutations, moved = planted(groups, names, seed)
        found = match_weights(groups, params, moved, key=KEY, num_starts=4)
        for mine, theirs in zip(found.permutations, permutations, strict=True):
            np.testing.assert_array_equal(theirs[mine], np.arange(WIDTH))
        chex.assert_trees_all_equal(found.params, params)
        assert found.distance == 0 and found.distance_before > 1 and found.converged
        ends += found.distances.tolist()
    assert min(ends) == 0
    if names == ("in", "out"):
        assert max(ends) > 1


def test_planted_permutation_is_recovered_from_activations(network):
    predict, names, groups = network
    params, permutations, moved = planted(groups, names, 7)
    x = jax.random.normal(KEY, (64, 2))
    found = match_activations(groups, predict, params, moved, x)
    for mine, theirs in zip(found.permutations, permutations, strict=True):
        np.testing.assert_array_equal(theirs[mine], np.arange(WIDTH))
    assert found.distance == 0


def test_matching_never_ends_farther_away_and_depends_on_the_key_alone():
    groups = permutation_groups(residual, draw(0, ("in", "out")), jnp.ones((3, 2)), key=KEY)
    one, other = draw(1, ("in", "out")), draw(2, ("in", "out"))
    found = [match_weights(groups, one, other, key=KEY, num_starts=3) for _ in range(2)]
    np.testing.assert_array_equal(found[0].distances, found[1].distances)
    assert found[0].distance == found[0].distances.min() < found[0].distance_before
    gaps = jax.tree.map(lambda a, b: jnp.sum((a - b) ** 2), one, found[0].params)
    np.testing.assert_allclose(found[0].distance, sum(jax.tree.leaves(gaps)) ** 0.5, rtol=1e-12)
    assert "starts" in str(found[0])


def test_small_networks_are_matched_as_well_as_by_trying_every_permutation():
    # Stream of 5 that meets itself in the weights: 120 permutations.
    def predict(p, x):
        return (x @ p["stem"] + jax.nn.relu(x @ p["stem"]) @ p["w"]) @ p["head"]

    def weights(seed):
        random = np.random.default_rng(seed)
        shapes = {"stem": (2, 5), "w": (5, 5), "head": (5, 2)}
        return {name: jnp.asarray(random.normal(size=s)) for name, s in shapes.items()}

    groups = permutation_groups(predict, weights(0), jnp.ones((3, 2)), key=KEY)
    assert groups.sizes == (5,)
    for seed in range(4):
        one, other = weights(2 * seed), weights(2 * seed + 1)
        best = min(
            sum(np.sum((np.asarray(one[n]) - np.asarray(moved[n])) ** 2) for n in one)
            for moved in (
                {
                    "stem": np.asarray(other["stem"])[:, p],
                    "w": np.asarray(other["w"])[np.ix_(p, p)],
                    "head": np.asarray(other["head"])[p],
                }
                for p in map(list, itertools.permutations(range(5)))
            )
        )
        found = match_weights(groups, one, other, key=KEY, num_starts=20)
        np.testing.assert_allclose(found.distance**2, best, rtol=1e-12)


def test_relaxed_assignment_of_a_linear_function_is_the_exact_one():
    scores = np.random.default_rng(0).normal(size=(6, 6))
    best = max(
        itertools.permutations(range(6)), key=lambda q: sum(scores[i, j] for i, j in enumerate(q))
    )
    np.testing.assert_array_equal(best_assignment(scores), best)
    np.testing.assert_array_equal(relaxed_assignment(lambda p: scores, np.eye(6)), best)


def test_bad_arguments_are_named():
    groups = permutation_groups(plain, draw(0, ("in",)), jnp.ones((3, 2)), key=KEY)
    params = draw(0, ("in",))
    with pytest.raises(ValueError, match="`num_starts` must be an integer of at least 1; got 0"):
        match_weights(groups, params, params, key=KEY, num_starts=0)
    with pytest.raises(ValueError, match="`target` and `params` must be parameters of one network"):
        match_weights(groups, params, {"stem": params["stem"]}, key=KEY)
    case = networks.plain()
    with pytest.raises(
        ValueError, match="`params` must have the structure and shapes that the gro"
    ):
        match_weights(groups, case.params, case.params, key=KEY)
