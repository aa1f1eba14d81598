"""Parameters of every dtype are measured in that dtype, and nothing is promoted on the way."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lsgeo import geometry

KEY = jax.random.key(0)
GRID = [-1.0, 0.0, 1.0]


def drawn(seed, *shape, dtype):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def network(dtype, seed=0):
    kernel, bias, last = (
        drawn(seed + i, *shape, dtype=dtype) / 2 for i, shape in enumerate(((4, 5), (5,), (5, 3)))
    )
    return {"a": {"kernel": kernel, "bias": bias}, "b": {"kernel": last}}


def batch(dtype):
    return {"x": drawn(5, 12, 4, dtype=dtype), "y": drawn(6, 12, 3, dtype=dtype)}


def loss(params, batch):
    hidden = jax.nn.relu(batch["x"] @ params["a"]["kernel"] + params["a"]["bias"][None])
    return jnp.mean((hidden @ params["b"]["kernel"] - batch["y"]) ** 2)


def surface(params, data):
    directions = geometry.filter_normalized_directions(params, key=KEY)
    return geometry.surface(loss, params, data, directions, xs=GRID, ys=GRID)


def trained(params, data):
    options = {"optimizer": optax.adam, "learning_rate": 0.01, "num_steps": 2}
    return list(geometry.descend(loss, params, data, **options))[-1].params


def escaped(params, data):
    starts = geometry.perturbed_starts(params, key=KEY, count=2, radius=0.1)
    options = {"optimizer": optax.adam(0.01), "num_steps": 2, "fraction": 0.5}
    found = geometry.escape(loss, starts, data, key=KEY, batch_size=3, noise=0.1, **options)
    return jax.tree.map(lambda leaf: leaf[0], found.ends)


def curved(kind):
    def fitted(params, data):
        other = network(params["b"]["kernel"].dtype, seed=9)
        options = {"optimizer": optax.adam(0.01), "num_steps": 2, "kind": kind, "num_points": 3}
        return geometry.fit_curve(loss, params, other, data, key=KEY, **options).curve(0.5)

    return fitted


def banded(params, data):
    other = network(params["b"]["kernel"].dtype, seed=9)
    options = {"optimizer": optax.adam(0.01), "num_steps": 2, "num_pivots": 2}
    return geometry.nudged_elastic_band(loss, params, other, data, **options).curve(0.5)


def searched(params, data):
    return geometry.newton_mr(loss, params, data, num_steps=2, inner_steps=3).params


def flowed(params, data):
    return geometry.follow_flow(loss, params, data, until=0.05).params


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "move",
    [trained, escaped, curved("bezier"), curved("polygonal"), banded, searched, flowed],
    ids=lambda move: move.__qualname__.split(".")[0],
)
def test_parameters_that_move_keep_their_dtype_and_stay_finite(move, dtype):
    params = network(dtype)
    moved = move(params, batch(dtype))
    chex.assert_trees_all_equal_shapes_and_dtypes(moved, params)
    chex.assert_tree_all_finite(moved)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_surface_of_coarse_weights_has_the_losses_of_its_rounded_points(dtype):
    params, data = network(dtype), batch(dtype)
    found = surface(params, data)
    chex.assert_shape(found.values, (3, 3))
    assert found.values.dtype == dtype
    assert found.values[1, 1] == jax.jit(loss)(params, data)
    # A minimum of a merge tree is one of the values as they are.
    tree = geometry.merge_tree(found)
    assert tree.births[0] == np.min(found.values.astype(np.float64))
