"""What the searches for critical points share: a loss seen from flat vectors, and how a search ends."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import programs, trees
from lsgeo.checks import check_count, check_fraction
from lsgeo.geometry.critical._krylov import Krylov, krylov
from lsgeo.operators import LinearOperator, hessian
from lsgeo.operators.products import modes
from lsgeo.operators.products.product import unchecked

Loss = Callable[[Any, Any], jax.Array]
Progress = Callable[[int, int, float], None]

CONVERGED = "the gradient norm fell below its tolerance"
FLAT = "the gradient lies in the kernel of the Hessian"
STALLED = "no step along the direction makes progress"
EXHAUSTED = "out of steps"


@trees.frozen
class FoundPoint:
    """Where a search for a critical point ended; what kind of point it is, `classify_critical_point` says.

    Attributes:
      params: the point, like the parameters.
      losses: (k + 1,) at the start and after each of k steps.
      gradient_norms: (k + 1,) likewise.
      num_gradients: gradients of the loss.
      num_matvecs: products with a Hessian.
      converged: whether the gradient norm fell below the tolerance.
      reason: why the search ended.
    """

    params: Any
    losses: np.ndarray
    gradient_norms: np.ndarray
    num_gradients: int
    num_matvecs: int
    converged: bool
    reason: str = trees.static()

    @property
    def loss(self) -> float:
        """At the point found."""
        return float(self.losses[-1])

    @property
    def gradient_norm(self) -> float:
        """At the point found."""
        return float(self.gradient_norms[-1])

    def __str__(self) -> str:
        return (
            f"FoundPoint: loss {self.losses[0]:.4g} -> {self.loss:.4g}, ||g|| "
            f"{self.gradient_norms[0]:.3g} -> {self.gradient_norm:.3g} in {len(self.losses) - 1} steps "
            f"({self.num_gradients} gradients, {self.num_matvecs} products): {self.reason}"
        )


@dataclasses.dataclass(frozen=True)
class Place:
    """The loss and its gradient at a flat vector."""

    x: jax.Array  # (n,)
    loss: float
    gradient: jax.Array  # (n,)
    norm: float  # of the gradient


class Search:
    """A loss on flat vectors [n], where a search on it stands, and what it was asked for."""

    def __init__(
        self,
        loss: Loss,
        params: Any,
        batch: Any,
        *,
        tol: float,
        num_steps: int,
        progress: Progress | None,
    ):
        check_fraction(tol, "tol")
        check_count(num_steps, "num_steps")
        # Checks the loss and all products once, for every place that the search comes to.
        self._batch = jax.tree.map(jnp.asarray, batch)
        self._loss = programs.traced(loss, "loss", params, self._batch)
        op = hessian(self._loss, params, self._batch)
        self.space, self.noise, self._mode = op.space, float(op.noise), op.mode
        self._num_steps, self._progress = num_steps, progress
        self.num_gradients = self.num_matvecs = 0
        self.place = self.at(trees.ravel(self.space, params))
        self._losses, self._norms = [self.place.loss], [self.place.norm]
        self._target = tol * self.place.norm

    @property
    def converged(self) -> bool:
        """Whether the gradient norm fell below its tolerance."""
        return self.place.norm <= self._target

    @property
    def exhausted(self) -> bool:
        """Whether all steps were made."""
        return len(self._losses) > self._num_steps

    def at(self, x: jax.Array) -> Place:
        """Evaluates the loss and its gradient."""
        self.num_gradients += 1
        value, gradient, norm = _slope(self._loss, self.space, x, self._batch)
        return Place(x, float(value), gradient, float(norm))

    def hessian(self, x: jax.Array) -> LinearOperator:
        """Returns the Hessian, unchecked."""
        params = trees.unravel(self.space, x)
        product = modes.MODES[self._mode].product(self._loss, params, self._batch)
        return unchecked(product, self.space, self._mode)

    def walk(
        self,
        step: Callable[["Search", Krylov], Place | str],
        inner_steps: int,
        inner_tol: float | None = None,
    ) -> FoundPoint:
        """Walks by a rule that is given the Krylov space of Hessian and gradient.

        Args:
          step: the rule; returns the next place, or why there is none.
          inner_steps: products at most of one step.
          inner_tol: as `krylov`.
        """
        while not (self.converged or self.exhausted):
            here = self.place
            space = krylov(
                self.hessian(here.x), here.gradient, here.norm, inner_steps, tol=inner_tol
            )
            self.num_matvecs += space.num_matvecs
            found = step(self, space)
            if isinstance(found, str):
                return self.found(found)
            self.add(found)
        return self.found(EXHAUSTED)

    def add(self, place: Place) -> None:
        """Goes to a place."""
        self.place = place
        self._losses.append(place.loss)
        self._norms.append(place.norm)
        if self._progress is not None:
            self._progress(len(self._losses) - 1, self._num_steps, place.norm)

    def found(self, reason: str) -> FoundPoint:
        """Ends the search where it stands."""
        return FoundPoint(
            params=trees.unravel(self.space, self.place.x),
            losses=np.array(self._losses),
            gradient_norms=np.array(self._norms),
            num_gradients=self.num_gradients,
            num_matvecs=self.num_matvecs,
            converged=self.converged,
            reason=CONVERGED if self.converged else reason,
        )


@functools.partial(jax.jit, static_argnums=1)
def _slope(loss, space, x, batch):
    with jax.default_matmul_precision("highest"):
        value, slope = jax.value_and_grad(loss)(trees.unravel(space, x), batch)
    gradient = trees.ravel(space, slope)
    return value, gradient, trees.norm(gradient)


@jax.jit
def moved(x: jax.Array, rate: float, direction: jax.Array) -> jax.Array:
    """Returns x + rate * direction."""
    return x + jnp.asarray(rate, x.dtype) * direction
