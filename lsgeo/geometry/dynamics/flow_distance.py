"""How far training strays from the gradient flow."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_positive
from lsgeo.geometry.dynamics.descent import DescentState, Optimizer, descend
from lsgeo.geometry.dynamics.flow import FlowState, between, follow_flow
from lsgeo.operators.evaluation import evaluate


@trees.frozen
class FlowDistance:
    """How far training is from the gradient flow at equal times; see `flow_distance`.

    Attributes:
      steps: (r,) of training.
      times: (r,) of the flow.
      distance: (r,) ||w_training - w_flow||; NaN from where training or the integration ended early.
      travelled: (r,) ||w_flow - w_start||.
      error: (r,) of w_flow, estimated by halving all steps of its integration.
      loss: (r,) of training.
      flow_loss: (r,) of the flow.
      num_gradients: of the flow.
    """

    steps: np.ndarray
    times: np.ndarray
    distance: np.ndarray
    travelled: np.ndarray
    error: np.ndarray
    loss: np.ndarray
    flow_loss: np.ndarray
    num_gradients: int

    @property
    def relative(self) -> np.ndarray:
        """Distance over the way that the flow has made, (r,); NaN at the start."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.distance / self.travelled

    def __str__(self) -> str:
        known = np.flatnonzero(np.isfinite(self.distance))
        if not known.size:
            return f"FlowDistance: training diverged at its start ({self.num_gradients} gradients)"
        seen = known[-1]
        return (
            f"FlowDistance: {self.distance[seen]:.4g} ± {self.error[seen]:.1g} after {self.steps[seen]} steps, "
            f"{self.relative[seen]:.3g} of the flow's way ({self.num_gradients} gradients)"
        )


@accepts(params=as_params, batch=as_arrays)
def flow_distance(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    optimizer: Optimizer = optax.sgd,
    learning_rate: float,
    num_steps: int,
    every: int = 20,
    time_per_step: float | None = None,
    tol: float = 1e-3,
    max_gradients: int = 100_000,
) -> FlowDistance:
    """Measures the distance between full-batch training and the gradient flow from the same point.

    As long as the sharpness is below 2 / lr, gradient descent stays close to the flow; from the edge of
    stability on the two part (Cohen et al. 2021). They are compared at the same time, not at the same loss.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating-point arrays, where both start.
      batch: pytree handed to the loss.
      optimizer: optimizer(learning_rate), as `descend`.
      learning_rate: positive.
      num_steps: updates.
      every: updates between two records.
      time_per_step: of the flow; by default the learning rate. With momentum m training follows the flow
        at learning_rate / (1 - m).
      tol: of the integration, as `follow_flow`.
      max_gradients: of the integration.

    Returns:
      FlowDistance.

    Raises:
      ValueError: for a number out of range.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo.geometry import flow_distance
      >>> bowl = lambda w, _: 0.5 * jnp.sum(w**2)
      >>> found = flow_distance(bowl, jnp.ones(1), learning_rate=0.5, num_steps=2, every=1)
      >>> found.distance.round(3).tolist()  # e^-t - (1 - 0.5)^(2 t)
      [0.0, 0.107, 0.118]
    """
    time_per_step = learning_rate if time_per_step is None else time_per_step
    check_positive(time_per_step, "time_per_step")
    loss = programs.traced(loss, "loss", params, batch)
    states = descend(
        loss,
        params,
        batch,
        optimizer=optimizer,
        learning_rate=learning_rate,
        num_steps=num_steps,
        every=every,
    )
    flow, rows = params, []
    for state in states:
        time = time_per_step * state.step
        flow = follow_flow(loss, flow, batch, until=time, tol=tol, max_gradients=max_gradients)
        rows.append((state.step, time, *compare(loss, state, flow, params, batch, time)))
    columns = [np.asarray(column) for column in zip(*rows, strict=True)]
    return FlowDistance(*columns, flow.num_gradients)


def compare(
    loss: Callable, state: DescentState, flow: FlowState, start: Any, batch: Any, time: float
) -> tuple[float, float, float, float, float]:
    """Returns distance, travelled, error, loss and flow_loss of `FlowDistance` at one step."""
    lost = float("nan")
    if flow.time < time:
        return lost, lost, lost, state.loss, lost
    loss = programs.traced(loss, "loss", start, batch)
    return (
        lost if state.diverged else float(between(state.params, flow.params)),
        float(between(flow.params, start)),
        flow.error,
        state.loss,
        float(evaluate(loss, flow.params, batch)),
    )
