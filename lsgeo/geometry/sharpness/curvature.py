"""Sharpness in the limit of small perturbations: the largest eigenvalue and the trace."""

from collections.abc import Callable, Iterable
from typing import Any

import jax

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_key
from lsgeo.geometry.sharpness import _scalings
from lsgeo.geometry.surfaces._filters import Rule
from lsgeo.operators import hessian
from lsgeo.operators.base import Preconditioned
from lsgeo.spectra import Estimate, extreme_eigenpairs
from lsgeo.spectra.traces import trace


@trees.frozen
class HessianSharpness:
    """The largest eigenvalue and the trace of T H T; see `hessian_sharpness`."""

    largest: float
    residual: float  # an eigenvalue lies within this of `largest`
    converged: bool
    trace: Estimate
    size: int  # number of parameters
    num_matvecs: int
    scaling: str = trees.static()
    invariant_under: tuple[str, ...] = trees.static()

    def __str__(self) -> str:
        return (
            f"lambda_max {self.largest:.4g} ± {self.residual:.1g}"
            f"{'' if self.converged else ' (not converged)'}, "
            f"trace {self.trace.value:.4g} ± {self.trace.standard_error:.2g} (scaling {self.scaling}; "
            f"{_scalings.describe(self.invariant_under)}; {self.num_matvecs} products)"
        )


@accepts(params=as_params, batch=as_arrays)
def hessian_sharpness(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    key: jax.Array,
    scaling: str = "none",
    tol: float = 1e-3,
    num_matvecs: int = 64,
    batches: Iterable | None = None,
    axes: str | Rule | None = None,
    count: Callable[[Any], Any] | None = None,
) -> HessianSharpness:
    """Measures lambda_max and the trace of T H T, with the spectral core.

    They are what worst- and average-case sharpness tend to as the radius does to zero: the increase of the loss
    is radius^2 lambda_max / 2 and, on average over the sphere, radius^2 tr / (2 n).

    Invariances: those of `average_sharpness`. Without scaling, the block of a layer that is multiplied by a is
    divided by a^2 (Dinh et al. 2017).

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      key: typed random key.
      scaling: "none", "magnitude" or "filter".
      tol: of the eigenvalue, as in `extreme_eigenpairs`.
      num_matvecs: products for the trace.
      batches: instead of `batch`, batches that can be iterated again and again.
      axes: where filters lie, if they cannot be read off the loss; see `normalize_direction`.
      count: what the loss of a batch is a mean over, as in `lsgeo.hessian`.

    Returns:
      HessianSharpness in units of loss / parameter^2, or, scaled, of the loss.

    Raises:
      ValueError: as `hessian`, `extreme_eigenpairs` and `trace`, or if the scaling is unknown.
    """
    check_key(key)
    first = batch
    if scaling == "filter" and batches is not None:
        first = as_arrays(next(iter(batches)), "batches")
    scales = _scalings.scales(params, scaling, loss, first, axes)
    op = hessian(loss, params, batch, batches=batches, count=count)
    if scaling != "none":
        op = Preconditioned(op, _ravel(op.space, scales))
    pairs = extreme_eigenpairs(op, key=jax.random.fold_in(key, 0), top=1, bottom=0, tol=tol)
    total = trace(op, key=jax.random.fold_in(key, 1), num_matvecs=num_matvecs)
    return HessianSharpness(
        float(pairs.values[-1]),
        float(pairs.residuals[-1]),
        bool(pairs.converged[-1]),
        total,
        op.shape[0],
        pairs.num_matvecs + total.num_matvecs,
        scaling,
        _scalings.INVARIANCES[scaling],
    )


_ravel = jax.jit(trees.ravel, static_argnums=0)
