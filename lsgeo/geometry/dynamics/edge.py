"""Does training end at the edge of stability? Sharpness along full-batch training against its limit."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_key, check_positive
from lsgeo.geometry.dynamics.descent import DescentState, Optimizer, descend
from lsgeo.operators import adam_diagonal, hessian
from lsgeo.spectra import EigenPairs, extreme_eigenpairs


@trees.frozen
class EdgeOfStability:
    """Loss and sharpness along full-batch training; see `edge_of_stability`.

    Attributes:
      steps: (r,) at which the sharpness was taken.
      loss: (r,) there.
      losses: (number of updates,) the loss before every one.
      sharpness: (r,) largest eigenvalue, of the preconditioned Hessian for Adam; NaN where it is not
        defined: before Adam's first step, and after divergence.
      residuals: (r,) an eigenvalue lies within so much of each.
      converged: (r,) bool.
      limit: the sharpness at which the optimiser is unstable.
      diverged: whether training did.
      num_matvecs: Hessian products.
      last: state of the last step.
    """

    steps: np.ndarray
    loss: np.ndarray
    losses: np.ndarray
    sharpness: np.ndarray
    residuals: np.ndarray
    converged: np.ndarray
    limit: float
    diverged: bool
    num_matvecs: int
    last: DescentState

    @property
    def ratio(self) -> np.ndarray:
        """Sharpness over its limit, (r,): 1 is the edge, lr lambda / 2 for gradient descent."""
        return self.sharpness / self.limit

    def settled(self, share: float = 0.25) -> tuple[float, float]:
        """Median of the ratio over the last `share` of the records, and half of its central 80 %."""
        tail = self.ratio[-max(1, round(share * len(self.steps))) :]
        low, middle, high = np.quantile(tail, [0.1, 0.5, 0.9])
        return float(middle), float(high - low) / 2

    def __str__(self) -> str:
        if self.diverged:
            return (
                f"EdgeOfStability: diverged by step {self.last.step} ({self.num_matvecs} products)"
            )
        middle, spread = self.settled()
        return (
            f"EdgeOfStability: sharpness / limit {middle:.4g} ± {spread:.1g} at the end, "
            f"{np.nanmax(self.ratio):.4g} at most, {self.last.step} steps to a loss of {self.last.loss:.4g} "
            f"({self.num_matvecs} products)"
        )


@accepts(params=as_params, batch=as_arrays)
def edge_of_stability(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    key: jax.Array,
    optimizer: Optimizer = optax.sgd,
    learning_rate: float,
    limit: float,
    num_steps: int,
    every: int = 20,
    tol: float = 1e-3,
    b2: float | None = None,
    eps: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> EdgeOfStability:
    """Trains on the full batch and follows the sharpness, each eigenvector the start for the next.

    Gradient descent raises the sharpness until it reaches 2 / lr and then holds it there, while the loss
    falls non-monotonically (Cohen et al. 2021); Adam does so with that of its preconditioned Hessian (Cohen
    et al. 2022). So a sharpness measured there is the learning rate's, not the network's.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating-point arrays, where training starts.
      batch: pytree handed to the loss.
      key: typed random key of the start vectors.
      optimizer: optimizer(learning_rate), as `descend`. Where its state has a second moment beside the
        first, the Hessian is preconditioned with its `adam_diagonal`.
      learning_rate: positive.
      limit: of the sharpness, `stability_limit(name, learning_rate)`.
      num_steps: updates.
      every: updates between two records.
      tol: bound on the eigenvalue's residual, relative to the largest |lambda|.
      b2: Adam's decay of the second moment, by default Optax's; checked, as in `adam_diagonal`.
      eps: Adam's, likewise.
      progress: progress(steps done, steps).

    Returns:
      EdgeOfStability.

    Raises:
      ValueError: for a number out of range, as `hessian`, or as `adam_diagonal`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo.geometry import edge_of_stability, stability_limit
      >>> bowl = lambda w, _: jnp.sum(jnp.array([0.5, 2.0]) * w**2)
      >>> limit = stability_limit("sgd", 0.1)
      >>> run = edge_of_stability(bowl, jnp.ones(2), key=jax.random.key(0), learning_rate=0.1,
      ...                         limit=limit, num_steps=4, every=2)
      >>> run.steps.tolist(), run.ratio.round(3).tolist()
      ([0, 2, 4], [0.2, 0.2, 0.2])
    """
    check_key(key)
    check_positive(limit, "limit")
    states = descend(
        loss,
        params,
        batch,
        optimizer=optimizer,
        learning_rate=learning_rate,
        num_steps=num_steps,
        every=every,
    )
    records, losses, vectors, products = [], [], None, 0
    for i, state in enumerate(states):
        losses.append(state.losses)
        pairs = sharpness(
            loss,
            state,
            batch,
            key=jax.random.fold_in(key, i),
            optimizer=optimizer,
            start=vectors,
            tol=tol,
            b2=b2,
            eps=eps,
        )
        row = (np.nan, np.nan, False)
        if pairs is not None:
            vectors, products = pairs.vectors, products + pairs.num_matvecs
            row = (float(pairs.values[-1]), float(pairs.residuals[-1]), bool(pairs.converged[-1]))
        records.append((state.step, state.loss, *row))
        if progress is not None:
            progress(state.step, num_steps)
    columns = [np.asarray(column) for column in zip(*records, strict=True)]
    return EdgeOfStability(
        *columns[:2],
        np.concatenate(losses),
        *columns[2:],
        float(limit),
        state.diverged,
        products,
        state,
    )


def sharpness(
    loss: Callable[[Any, Any], jax.Array],
    state: DescentState,
    batch: Any = None,
    *,
    key: jax.Array,
    optimizer: Optimizer,
    start: Any = None,
    tol: float = 1e-3,
    b2: float | None = None,
    eps: float | None = None,
) -> EigenPairs | None:
    """Finds the largest eigenvalue that decides over the stability of the next steps of an optimiser.

    Args:
      loss: `loss(params, batch) -> scalar`.
      state: of `descend`.
      batch: pytree handed to the loss.
      key: typed random key of the start vector.
      optimizer: that of `descend`.
      start: vectors of the state before.
      tol: as `extreme_eigenpairs`.
      b2: as `adam_diagonal`.
      eps: as `adam_diagonal`.

    Returns:
      EigenPairs of one pair, of the Hessian, or with Adam's state of the preconditioned one; None where
      training has diverged, or Adam has made no step.

    Raises:
      ValueError: as `adam_diagonal`, for an optimiser with two moments whose division it does not know.
    """
    adaptive = has_adam(state.opt_state)
    if state.diverged or (adaptive and not state.step):
        return None
    op = hessian(loss, state.params, batch)
    if adaptive:
        op = op.precondition(
            adam_diagonal(state.opt_state, _at_rate_one(optimizer), b2=b2, eps=eps)
        )
    return extreme_eigenpairs(op, key=key, top=1, bottom=0, tol=tol, start=start)


@functools.lru_cache(maxsize=16)
def _at_rate_one(optimizer):
    # The same object for each record, so that it is asked for its division by one compiled program.
    return optimizer(1.0)


def has_adam(opt_state: Any) -> bool:
    """Says whether an Optax state has first and second moments, which `adam_diagonal` reads or refuses."""
    nodes = jax.tree.leaves(opt_state, is_leaf=_has_moments)
    return any(map(_has_moments, nodes))


def _has_moments(node):
    return {"mu", "nu"} <= set(getattr(node, "_fields", ()))
