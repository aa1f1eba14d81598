"""Names and leaves get random numbers that depend on nothing else."""

import chex
import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import draws

KEY = jax.random.key(0)


def test_the_key_of_a_name_folds_in_its_cyclic_redundancy_check():
    # The check value of CRC-32 that every catalogue of them lists.
    expected = jax.random.fold_in(KEY, 0xCBF43926)
    np.testing.assert_array_equal(
        *(jax.random.key_data(key) for key in (draws.named(KEY, "123456789"), expected))
    )


def test_a_leafs_draw_does_not_depend_on_what_stands_beside_it():
    alone, together = {"b": jnp.ones((2, 3))}, {"a": jnp.ones(4), "b": jnp.ones((2, 3))}
    drawn = [draws.random_direction(params, key=KEY) for params in (alone, together)]
    chex.assert_trees_all_equal(drawn[0]["b"], drawn[1]["b"])
    assert not np.allclose(drawn[1]["a"], drawn[1]["b"].reshape(-1)[:4])
