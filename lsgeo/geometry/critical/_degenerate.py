"""What second derivatives cannot see: whether a loss falls along the kernel of its Hessian."""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from lsgeo import trees
from lsgeo.geometry.critical._krylov import krylov
from lsgeo.geometry.critical.search import moved
from lsgeo.operators import LinearOperator
from lsgeo.spectra.krylov import lanczos

DOUBLINGS = 11


def falls_along_kernel(
    loss_at: Callable[[Any], float],
    params: Any,
    op: LinearOperator,
    *,
    threshold: float,
    largest: float,
    kernel: float,
    num_steps: int,
    key: jax.Array,
) -> tuple[bool, int]:
    """Walks both ways along a random direction of the Hessian's near-kernel, until the loss changes.

    Steps double from the one at which the steepest curvature would change the loss by `threshold`, up to 1024
    times that. A monkey saddle falls on one side before it rises on it, a degenerate minimum does not.

    Args:
      loss_at: loss_at(params) -> loss.
      params: the point, pytree.
      op: Hessian at the point.
      threshold: a change of the loss that counts.
      largest: max|lambda|.
      kernel: bound on |lambda| in the near-kernel.
      num_steps: products that the direction may take.
      key: typed random key of the direction.

    Returns:
      Whether the loss fell first, and the number of products.
    """
    start = lanczos.random_unit(key, op.shape[0], op.dtype)
    space = krylov(op, start, 1.0, num_steps)
    _, sizes, rows = np.linalg.svd(space.coefficients, full_matrices=False)
    near = rows[sizes <= kernel]
    weights = near[:, 0] @ near
    length = float(np.linalg.norm(weights))
    if not length or not threshold:
        return False, space.num_matvecs
    direction = space.combine(weights / length)
    x, value = trees.ravel(op.space, params), loss_at(params)
    for sign in (1, -1):
        for k in range(DOUBLINGS):
            rate = sign * 2**k * math.sqrt(2 * threshold / largest)
            change = loss_at(trees.unravel(op.space, moved(x, rate, direction))) - value
            if change < -threshold:
                return True, space.num_matvecs
            if not change <= threshold:
                break
    return False, space.num_matvecs
