"""Activations shaped so that a plain network of a given depth trains: TAT and DKS.

With random weights that keep the mean square (`initializers.scaled_orthogonal`) and wide layers, one layer
sends the mean square q of a unit to Q(q) = E[f(sqrt(q) z)^2], and the cosine c of two examples to
C(c) = E[f(z) f(z')] / Q(1), z and z' standard normal with the correlation c. The maps of all layers one after
the other tell what is left of the examples' differences at the top (Poole et al. 2016).
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from scipy import optimize, special

Activation = Callable[[jax.Array], jax.Array]

ETA = 0.9  # What orthogonal examples' cosine may become, Zhang et al. 2022, section 3.
ZETA = 1.5  # Slope of the whole map at 1, Martens et al. 2021, section 10.
_NODES = 200
_SOFTPLUS = (lambda x: np.logaddexp(0, x), special.expit, jax.nn.softplus)
_TANH = (np.tanh, lambda x: 1 - np.tanh(x) ** 2, jnp.tanh)


def tailored_slope(num_activations: int, target: float = ETA) -> float:
    """The negative slope with which leaky ReLUs take the cosine 0 to `target` in a whole plain network.

    TAT for leaky ReLUs: Zhang et al. 2022, Deep learning without shortcuts, section 3.2. A network so shallow
    that ReLUs stay below the target has the slope 0: it needs no tailoring.

    Args:
      num_activations: nonlinear layers between input and output.
      target: eta, over 0 and below 1.

    Returns:
      A number from 0 (ReLU) to 1 (linear).
    """

    def above(slope):
        return leaky_cosine(0.0, slope, num_activations) - target

    return float(optimize.brentq(above, 0.0, 1.0, xtol=1e-14)) if above(0.0) > 0 else 0.0


def leaky_cosine(cosine: float, slope: float, num_activations: int) -> float:
    """The cosine of two examples after some leaky ReLUs (Zhang et al. 2022, eq. 9; ReLU: Cho and Saul 2009)."""
    bend = (1 - slope) ** 2 / (np.pi * (1 + slope**2))
    for _ in range(num_activations):
        # Rounding may take a cosine beyond 1.
        c = min(cosine, 1.0)
        cosine = c + bend * (np.sqrt(1 - c * c) - c * np.arccos(c))
    return float(cosine)


@functools.cache
def tailored(num_activations: int) -> Activation:
    """The leaky ReLU of `tailored_slope`, times sqrt(2 / (1 + slope^2)): Q(q) = q for every q."""
    slope = tailored_slope(num_activations)
    gain = float(np.sqrt(2 / (1 + slope**2)))

    def activation(x):
        return jnp.where(x > 0, x, slope * x) * gain

    return activation


def shaped_numbers(base: str, num_activations: int) -> tuple[float, float, float, float]:
    """The numbers a, b, c, d with which c (f(a x + b) + d) meets the four conditions of deep kernel shaping.

    DKS: Martens et al. 2021, Rapid training of deep neural networks without skip connections or normalization
    layers using Deep Kernel Shaping, section 10. Q(1) = 1, Q'(1) = 1, C(0) = 0, and the slope at 1 of the
    cosine's map through the whole network is 1.5: that of a layer is its root.

    Args:
      base: "softplus" or "tanh".
      num_activations: nonlinear layers between input and output.

    Raises:
      ValueError: if the conditions have no solution from where the search starts.
    """
    value, slope, _ = _BASES[base]
    nodes, weights = special.roots_hermitenorm(_NODES)
    weights = weights / weights.sum()
    wanted = ZETA ** (1 / num_activations)

    def moments(scale, shift):
        there = value(scale * nodes + shift)
        offset = -(weights @ there)
        return offset, 1 / np.sqrt(weights @ (there + offset) ** 2)

    def misses(unknown):
        # The scale as its logarithm: at 0 the activation is constant.
        scale, shift = np.exp(unknown[0]), unknown[1]
        offset, gain = moments(scale, shift)
        centred = gain * (value(scale * nodes + shift) + offset)
        rising = gain * scale * slope(scale * nodes + shift)
        return weights @ (centred * rising * nodes) - 1, weights @ rising**2 - wanted

    # The search may come by a constant activation, which has no gain.
    with np.errstate(all="ignore"):
        found = optimize.root(misses, (np.log(0.5), 0.5), tol=1e-12)
    if not (found.success and np.abs(found.fun).max() < 1e-9):
        raise ValueError(
            f"`activation` dks_{base} cannot be shaped for {num_activations} nonlinear layers: "
            f"{found.message} Take another depth, or the activation tat."
        )
    scale, shift = float(np.exp(found.x[0])), float(found.x[1])
    offset, gain = moments(scale, shift)
    return scale, shift, float(gain), float(offset)


@functools.cache
def shaped(base: str, num_activations: int) -> Activation:
    """The activation of `shaped_numbers`."""
    scale, shift, gain, offset = shaped_numbers(base, num_activations)
    inner = _BASES[base][2]

    def activation(x):
        return gain * (inner(scale * x + shift) + offset)

    return activation


_BASES = {"softplus": _SOFTPLUS, "tanh": _TANH}
SHAPED: dict[str, Callable[[int], Activation]] = {
    "tat": tailored,
    "dks_softplus": functools.partial(shaped, "softplus"),
    "dks_tanh": functools.partial(shaped, "tanh"),
}
