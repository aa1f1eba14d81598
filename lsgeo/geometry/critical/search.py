"""What the searches for critical points share: a loss seen from flat vectors, and how a search ends."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.checks import check_count, check_fraction
from lsgeo.operators import LinearOperator, hessian
from lsgeo.operators.products import modes
from lsgeo.operators.products.product import unchecked

Loss = Callable[[Any, Any], jax.Array]
Progress = Callable[[int, int, float], None]

CONVERGED = "the gradient norm fell below its tolerance"
FLAT = "the gradient lies in the kernel of the Hessian"
STALLED = "no step along the direction makes progress"
EXHAUSTED = "out of steps"


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
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
    reason: str = dataclasses.field(metadata={"static": True})

    @property
    def loss(self) -> float:
        return float(self.losses[-1])

    @property
    def gradient_norm(self) -> float:
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


class Landscape:
    """A loss on flat vectors [n], and what it was asked for."""

    def __init__(self, loss: Loss, params: Any, batch: Any):
        # Checks the loss and all products once, for every place that the search comes to.
        op = hessian(loss, params, batch)
        self.space, self.mode, self.noise = op.space, op.mode, float(op.noise)
        self.loss, self.batch = trees.as_pytree(loss, "loss"), jax.tree.map(jnp.asarray, batch)
        self.start = trees.ravel(self.space, params)
        self.num_gradients = 0

    def at(self, x: jax.Array) -> Place:
        self.num_gradients += 1
        value, gradient, norm = _slope(self.loss, self.space, x, self.batch)
        return Place(x, float(value), gradient, float(norm))

    def hessian(self, x: jax.Array) -> LinearOperator:
        params = trees.unravel(self.space, x)
        _, product = modes.MODES[self.mode].at(self.loss, params, self.batch)
        return unchecked(product, self.space, self.mode)


class Record:
    """The history of a search and its end."""

    def __init__(self, landscape: Landscape, tol: float, num_steps: int, progress: Progress | None):
        check_fraction(tol, "tol")
        check_count(num_steps, "num_steps")
        self.landscape, self.num_steps, self.progress = landscape, num_steps, progress
        self.place = landscape.at(landscape.start)
        self.losses, self.norms = [self.place.loss], [self.place.norm]
        self.target = tol * self.place.norm
        self.num_matvecs = 0

    @property
    def converged(self) -> bool:
        return self.place.norm <= self.target

    @property
    def exhausted(self) -> bool:
        return len(self.losses) > self.num_steps

    def add(self, place: Place) -> None:
        self.place = place
        self.losses.append(place.loss)
        self.norms.append(place.norm)
        if self.progress is not None:
            self.progress(len(self.losses) - 1, self.num_steps, place.norm)

    def found(self, reason: str) -> FoundPoint:
        return FoundPoint(
            params=trees.unravel(self.landscape.space, self.place.x),
            losses=np.array(self.losses),
            gradient_norms=np.array(self.norms),
            num_gradients=self.landscape.num_gradients,
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
