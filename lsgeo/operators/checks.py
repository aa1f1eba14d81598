"""The pre-flight check of an operator: is the product finite, deterministic, symmetric, and how noisy?

A random loss looks deterministic under `jit` and `linearize`, where its mask is frozen, so the loss is
evaluated twice apart, op by op. The products are then tested on two fixed vectors: no statistics depend on
them.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees

CAUSES = (
    "Likely causes: dropout or other noise inside the loss, batch normalisation in training mode, "
    "data that are shuffled or augmented between evaluations."
)


def check_scalar(evaluate: Callable[[], jax.Array]) -> None:
    """Evaluates a loss twice and refuses what has no Hessian.

    Raises:
      ValueError: if it is not a real scalar, not finite, or differs between the two evaluations.
    """
    first = evaluate()
    if jnp.shape(first) != () or not jnp.issubdtype(jnp.result_type(first), jnp.floating):
        raise ValueError(
            f"`loss` must return a real scalar, the mean over the batch; got shape {jnp.shape(first)}, "
            f"dtype {jnp.result_type(first)}."
        )
    if not bool(jnp.isfinite(first)):
        raise ValueError(
            f"`loss` is {float(first)} at these `params`: there is no curvature to measure. "
            "Check the data and the parameters for NaN, or pass an earlier checkpoint."
        )
    second = evaluate()
    if not bool(first == second):
        raise ValueError(
            f"`loss` is random: two evaluations gave {float(first)} and {float(second)}. {CAUSES}"
        )


def measure_noise(op) -> jax.Array:
    """Tests the products of `op` and measures their relative rounding noise.

    The noise is the failure of additivity, ||H(u+v) - Hu - Hv|| / (||Hu|| + ||Hv||), of an operator that
    is exactly linear but for rounding; at least the machine epsilon.

    Raises:
      ValueError: if a product is not finite, not repeatable or not symmetric.
    """
    rng = np.random.default_rng(0)
    u, v = jnp.asarray(rng.standard_normal((2, op.space.size)), op.dtype)
    if op.space.size == 1:
        v = 2 * u
    hu, again, hv, huv = (op.flat_product(x) for x in (u, u, v, u + v))
    finite, repeat, asymmetry, additivity = np.asarray(_figures(u, v, hu, again, hv, huv))
    if not finite:
        raise ValueError(
            "the curvature product has a NaN or an infinity although the loss is finite. Likely causes: a "
            "square root, norm or logarithm at zero, or overflow in this precision."
        )
    eps = float(jnp.finfo(op.dtype).eps)
    tolerance = 1e3 * eps * np.sqrt(np.sqrt(op.space.size))
    if repeat > tolerance:
        raise ValueError(
            f"the curvature product is not repeatable: two products with one vector differ by {repeat:.1e} "
            f"of their size. {CAUSES}"
        )
    if asymmetry > max(tolerance, 1e2 * additivity):
        raise ValueError(
            f"the curvature product is not symmetric: u'Hv and v'Hu differ by {asymmetry:.1e} of "
            f"||u|| ||Hv||. Likely causes: a custom derivative rule that is wrong, stop_gradient, a "
            f"product that is not linear, or a loss that is random. {CAUSES}"
        )
    if additivity > np.sqrt(eps):
        raise ValueError(
            f"the curvature product is not linear: H(u+v) and Hu + Hv differ by {additivity:.1e} of their "
            "size. Check the function that computes it."
        )
    return jnp.asarray(max(additivity, eps, repeat), op.dtype)


@jax.jit
def _figures(u, v, hu, again, hv, huv):
    norm = trees.norm

    def ratio(a, b):
        return jnp.where(b > 0, a / jnp.where(b > 0, b, 1), 0)

    finite = jnp.isfinite(norm(hu)) & jnp.isfinite(norm(hv))
    repeat = ratio(norm(hu - again), norm(hu))
    gap = jnp.abs(jnp.vdot(u, hv) - jnp.vdot(v, hu))
    asymmetry = ratio(gap, norm(u) * norm(hv) + norm(v) * norm(hu))
    additivity = ratio(norm(huv - hu - hv), norm(hu) + norm(hv))
    return jnp.stack([finite.astype(u.dtype), repeat, asymmetry, additivity])
