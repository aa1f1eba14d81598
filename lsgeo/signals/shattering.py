"""Do the gradients at neighbouring inputs have anything to do with each other?"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees


@trees.frozen
class InputGradients:
    """Gradients of an output with respect to N inputs and how they correlate; see `input_gradients`."""

    gradients: np.ndarray  # (N, inputs), float64

    @property
    def correlation(self) -> float:
        """Mean over pairs of inputs of the cosine between their gradients; NaN with fewer than two."""
        norms = np.linalg.norm(self.gradients, axis=1)
        unit = self.gradients[norms > 0] / norms[norms > 0, None]
        n = len(unit)
        return float(((unit.sum(0) ** 2).sum() - n) / (n * (n - 1))) if n > 1 else float("nan")

    def autocorrelation(self, lag: int = 1) -> float:
        """Correlation of the gradients of inputs that lie `lag` apart in the order given.

        White noise has about -1 / N, Brownian motion nearly 1 (Balduzzi et al. 2017, figure 1).
        """
        if not 1 <= lag < len(self.gradients):
            raise ValueError(
                f"`lag` must be between 1 and {len(self.gradients) - 1}, one less than the inputs; got {lag}."
            )
        centred = self.gradients - self.gradients.mean(0)
        return float((centred[:-lag] * centred[lag:]).sum() / (centred**2).sum())

    def __str__(self) -> str:
        return (
            f"InputGradients({len(self.gradients)} inputs, mean correlation {self.correlation:.3g})"
        )


def input_gradients(output: Callable[[jax.Array], jax.Array], inputs: jax.Array) -> InputGradients:
    """Measures the gradient of a scalar output at each of several inputs.

    In plain deep ReLU networks with batch norm these gradients look like white noise, "shattered"; with
    skip connections their correlation falls with depth far more slowly (Balduzzi et al. 2017).

    Args:
      output: maps inputs [N, ...] to one number for each, [N], examples independent of each other: with
        batch norm, under fixed statistics.
      inputs: [N, ...]; for `autocorrelation` evenly spaced on a line.

    Returns:
      InputGradients with gradients [N, inputs].

    Raises:
      ValueError: if `output` does not give one number for each input.

    >>> line = jnp.linspace(0.0, 1.0, 5)[:, None]
    >>> round(input_gradients(lambda x: (x**2).sum(1), line).autocorrelation(), 3)
    0.4
    """
    shape = jax.eval_shape(output, inputs).shape
    if shape != inputs.shape[:1]:
        raise ValueError(
            f"`output` must map {inputs.shape[0]} inputs to one number each, shape {inputs.shape[:1]}; got "
            f"{shape}. Take one logit, or a sum of them."
        )
    gradients = jax.grad(lambda x: jnp.sum(output(x)))(inputs)
    return InputGradients(np.asarray(gradients, np.float64).reshape(len(inputs), -1))
