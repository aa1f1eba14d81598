"""A signal is that of the function handed in, whether it is compiled, or not, or bound to a device."""

import chex
import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import signals

MATRIX = np.array([[3.0, 1.0], [0.0, 2.0]])
X = jnp.array([[1.0, 2.0], [-1.0, 0.5]])


class TestVariants(chex.TestCase):
    @chex.variants(with_jit=True, without_jit=True, with_device=True)
    def test_jacobian_of_a_linear_map_has_its_singular_values(self):
        function = self.variant(lambda x: x @ MATRIX)
        found = signals.jacobian_spectrum(function, X[0])
        chex.assert_trees_all_close(
            found.singular_values, np.linalg.svd(MATRIX, compute_uv=False), rtol=1e-12
        )

    @chex.variants(with_jit=True, without_jit=True, with_device=True)
    def test_gradients_at_the_inputs_of_a_quadratic_are_twice_the_inputs(self):
        output = self.variant(lambda x: jnp.sum(x**2, axis=1))
        found = signals.input_gradients(output, X)
        chex.assert_trees_all_close(found.gradients, 2 * np.asarray(X), rtol=1e-12)

    @chex.variants(with_jit=True, without_jit=True, with_device=True)
    def test_parts_of_doubling_branches_are_binomial_multiples_of_one_vector(self):
        branches = [self.variant(lambda x: 2.0 * x)] * 3
        found = signals.gradient_path_energies(branches, X, jnp.ones_like(X))
        # (1 + 2)^3 = 1 + 6 + 12 + 8 times the cotangent.
        chex.assert_trees_all_close(found.shares, np.array([1, 6, 12, 8]) ** 2 / 245, rtol=1e-12)
        self.assertAlmostEqual(found.interference, 27**2 / 245)

    @chex.variants(with_jit=True, without_jit=True, with_device=True)
    def test_blocks_that_push_one_coordinate_are_aligned(self):
        push = self.variant(lambda h: h * jnp.array([[0.5, 0.0]]))
        found = signals.residual_alignment([push, push], X, key=jax.random.key(0))
        chex.assert_trees_all_close(found.alignment, np.ones((2, 2)), rtol=1e-12)
        chex.assert_shape(found.singular_values, (2, 2, 2))
