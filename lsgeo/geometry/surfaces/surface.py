"""The loss on a plane through parameter space, and what can be counted on it.

Rows can be stored as they come, and a walk that was cut short goes on where it stopped.

Two scalars summarise a surface: the share of points where it curves downwards, and the share of its
area under a loss level. A random plane sees the mean eigenvalue of the Hessian, not its largest:
E[d'Hd] = ||d||^2 tr(H) / n.

Example:
  >>> import jax, jax.numpy as jnp
  >>> from lsgeo.geometry import surface
  >>> loss = lambda w, batch: jnp.sum(w**2)
  >>> directions = jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])
  >>> bowl = surface(loss, jnp.zeros(2), None, directions, xs=[-1, 0, 1], ys=[-1, 0, 1])
  >>> bowl.values[1].tolist()
  [1.0, 0.0, 1.0]
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.geometry.surfaces._grids import (
    check_directions,
    check_grid,
    check_pair,
    second_difference,
)
from lsgeo.geometry.surfaces.slices import Grid, slice_along
from lsgeo.trees import PyTree


@trees.frozen
class Surface(Grid):
    """The loss on a rectangular grid of the plane params + x * d_x + y * d_y.

    values[j, i] is the loss at (xs[i], ys[j]), the mean over the batch's examples; NaN and
    infinities are kept as they came. Coordinates are in units of the directions: with
    filter-normalised ones, 1 moves every filter by its own norm.
    """

    xs: np.ndarray  # (nx,)
    ys: np.ndarray  # (ny,)
    values: np.ndarray  # (ny, nx)

    def non_convex_fraction(self) -> float:
        """Share of interior grid points with a negative discrete Laplacian.

        Curvature under the rounding of the five values that it is made of counts as zero.

        Returns:
          A float in [0, 1]; NaN if any point is not finite (a filled hole would be an invented
          result).

        Raises:
          ValueError: if the grid has no interior point.
        """
        if min(len(self.xs), len(self.ys)) < 3:
            raise ValueError(
                "`surface` must have at least 3 by 3 points to have curvature; got "
                f"{len(self.xs)} by {len(self.ys)}."
            )
        if self.finite_fraction < 1:
            return float("nan")
        values, eps = self.values.astype(np.float64), float(jnp.finfo(self.values.dtype).eps)
        across, floor_x = second_difference(values[1:-1], self.xs, eps)
        along, floor_y = second_difference(values[:, 1:-1].T, self.ys, eps)
        return float(np.mean(across + along.T < -(floor_x + floor_y.T)))

    def basin_area(self, level: float) -> float:
        """Share of the rectangle's area where the loss is below a level.

        With level = ln(number of classes), the loss of a uniform guess, this is the area that is
        better than chance.

        Args:
          level: loss value, NaN where there is none. Infinite losses are above any level.

        Returns:
          A float in [0, 1]; NaN if any point, or the level, is NaN.
        """
        if np.isnan(level) or np.any(np.isnan(self.values)):
            return float("nan")
        weights = _share(self.ys)[:, None] * _share(self.xs)[None, :]
        return float(np.sum(weights * (self.values < level)))

    def __str__(self) -> str:
        return self._describe((len(self.xs), len(self.ys)))


@accepts(params=as_params, batch=as_arrays)
def surface(
    loss: Callable[[PyTree, PyTree], jax.Array],
    params: PyTree,
    batch: PyTree,
    directions: tuple[PyTree, PyTree],
    *,
    xs: Sequence[float],
    ys: Sequence[float],
    chunk: int = 1,
    devices: Sequence[jax.Device] | None = None,
    finished: Mapping[int, np.ndarray] | None = None,
    on_row: Callable[[int, np.ndarray], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    batches: Iterable | None = None,
    count: Callable[[PyTree], Any] | None = None,
) -> Surface:
    """Evaluates the loss on a plane through the parameters.

    The value at x = y = 0 is bitwise that of jax.jit(loss)(params, batch), and a grid has the same bits
    in chunks, resumed and over several devices: see `slice_along`, of which this is the case of two
    directions. Statistics that the loss holds (BatchNorm) stay those of the centre.

    Args:
      loss: loss(params, batch) -> scalar. A function, or a callable pytree whose arrays then are
        traced: surfaces of several checkpoints share one compilation.
      params: pytree of floating arrays, the centre.
      batch: pytree handed to loss.
      directions: two pytrees like params, (d_x, d_y).
      xs: coordinates along d_x, strictly increasing, [nx].
      ys: coordinates along d_y, strictly increasing, [ny].
      chunk: points per compiled call on each device.
      devices: places that share the points, each with a copy of params and batch; None leaves all
        where it is.
      finished: mapping from row index j to values [nx] that are there already and are not evaluated
        again.
      on_row: called as on_row(j, values) with each new row, [nx], in ascending order.
      progress: called as progress(done, total), in rows, after each row.
      batches: instead of `batch`, which is None, batches that can be iterated again and again; each row goes
        through them once.
      count: what the loss of a batch is a mean over, as in `lsgeo.hessian`.

    Returns:
      Surface with values [ny, nx] in the dtype of the loss.

    Raises:
      ValueError: if `directions` are not two trees like params or one is zero, `xs` or `ys` is not
        a grid, a row of `finished` does not fit, or `loss` does not return a real scalar or, streamed, is no
        mean over examples or what `count` counts.
    """
    xs, ys = check_grid(xs, "xs"), check_grid(ys, "ys")
    check_pair(directions)
    along_x, along_y = directions
    check_directions(directions, params)
    found = slice_along(
        loss,
        params,
        batch,
        (along_y, along_x),
        axes=(ys, xs),
        chunk=chunk,
        devices=devices,
        finished=finished,
        on_row=on_row,
        progress=progress,
        batches=batches,
        count=count,
    )
    return Surface(xs, ys, found.values)


def _share(xs):
    if len(xs) == 1:
        return np.ones(1)
    edges = np.concatenate([xs[:1], (xs[1:] + xs[:-1]) / 2, xs[-1:]])
    return np.diff(edges) / (xs[-1] - xs[0])
