"""Singular values of a network's input-output Jacobian: dynamical isometry, or its lack."""

from collections.abc import Callable

import jax
import numpy as np

from lsgeo import trees

_LARGEST = 4096


@trees.frozen
class JacobianSpectrum:
    """Singular values of a Jacobian; see `jacobian_spectrum`."""

    singular_values: np.ndarray  # descending, float64

    @property
    def mean_square(self) -> float:
        """m1, the mean squared singular value: by how much a random change of the input grows."""
        return float(np.mean(self.singular_values**2))

    @property
    def moment_ratio(self) -> float:
        """m2 / m1^2 of the squared singular values; 1 where all are equal (isometry), NaN if all are 0."""
        with np.errstate(invalid="ignore"):
            return float(np.mean(self.singular_values**4) / np.float64(self.mean_square) ** 2)

    @property
    def condition_number(self) -> float:
        """Largest over smallest singular value; infinite for a singular Jacobian."""
        with np.errstate(divide="ignore"):
            return float(self.singular_values[0] / self.singular_values[-1])

    def __str__(self) -> str:
        return (
            f"JacobianSpectrum({len(self.singular_values)} values, mean square {self.mean_square:.4g}, "
            f"moment ratio {self.moment_ratio:.4g}, condition number {self.condition_number:.3g})"
        )


def jacobian_spectrum(function: Callable[[jax.Array], jax.Array], x: jax.Array) -> JacobianSpectrum:
    """Measures the singular values of d function / d x at one input.

    For a chain of L residual blocks of branch variance a^2 the moment ratio of wide networks is
    1 + L (1 - (1 + a^2)^-2) if they are linear, 2 L + 1 for plain ReLU layers with He weights
    (Pennington et al. 2017; Tarnowski et al. 2019).

    Args:
      function: maps one input, or one stream, to an array; no batch axis, so that it has to be
        evaluated as batch norm evaluates: with fixed statistics.
      x: the input.

    Returns:
      JacobianSpectrum with min(inputs, outputs) values.

    Raises:
      ValueError: if the matrix is too large to form.

    >>> import jax.numpy as jnp
    >>> jacobian_spectrum(lambda x: 2 * x, jnp.ones(3)).singular_values.tolist()
    [2.0, 2.0, 2.0]
    """
    out = jax.eval_shape(function, x)
    if max(out.size, x.size) > _LARGEST:
        raise ValueError(
            f"`function` maps {x.size} numbers to {out.size}; the Jacobian is formed and may have at "
            f"most {_LARGEST} rows and columns. Take a smaller input, or a part of the network."
        )
    transform = jax.jacfwd if x.size <= out.size else jax.jacrev
    matrix = np.asarray(transform(function)(x), np.float64).reshape(out.size, x.size)
    return JacobianSpectrum(np.linalg.svd(matrix, compute_uv=False))
