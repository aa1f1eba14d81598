"""The loss on a grid of any number of directions through a point of parameter space.

Two compiled programs take turns, driven from the host: one builds the parameters of `chunk` grid points, the
other evaluates the loss at each of them, one after the other in one straight program. No convolution is in a
compiled loop (16 to 50 times slower on CPU) nor under vmap (grouped kernels, other rounding). Since a
point's parameters are an argument of the second program, as they are of jax.jit(loss), nothing of how they
came about is compiled into the loss: a grid has the same bits in chunks of any size, resumed, and over
several devices, and its centre those of the loss.

Calls are queued several ahead and never waited for one by one. Small networks travel as one flat vector:
handing over a hundred small arrays takes as long as a small network's loss.

Example:
  >>> import jax.numpy as jnp
  >>> from lsgeo.geometry import slice_along
  >>> loss = lambda w, batch: jnp.sum(w**2)
  >>> slice_along(loss, jnp.ones(2), None, [jnp.array([1.0, 0.0])], axes=[[-1, 0, 1]]).values.tolist()
  [1.0, 2.0, 5.0]
"""

import collections
import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count
from lsgeo.geometry.surfaces._grids import check_axes, check_directions, check_finished
from lsgeo.operators.products.means import check_mean
from lsgeo.operators.products.streaming import Batches
from lsgeo.trees import PyTree

AHEAD = 8  # calls in the queue; each holds the parameters of `chunk` points per device
# Parameters; beyond, handing over leaves costs nothing beside the loss, and memory counts.
PACKED = 2**24


class Grid:
    """What slices and surfaces say of their losses."""

    values: np.ndarray

    @property
    def num_evaluations(self) -> int:
        """Number of loss evaluations, the cost."""
        return self.values.size

    @property
    def finite_fraction(self) -> float:
        """Share of grid points whose loss is a finite number."""
        return float(np.mean(np.isfinite(self.values)))

    def _describe(self, sizes: Sequence[int]) -> str:
        # Size of the grid, range of the loss, share of points that are not finite.
        finite = self.values[np.isfinite(self.values)]
        span = f"loss {finite.min():.3g} to {finite.max():.3g}" if finite.size else "no finite loss"
        lost = 1 - finite.size / self.values.size
        holes = f", {lost:.1%} not finite" if lost else ""
        return f"{type(self).__name__}({' x '.join(map(str, sizes))} points, {span}{holes})"


@trees.frozen
class Slice(Grid):
    """The loss at params + sum_k axes[k][i_k] directions[k].

    values[i_0, i_1, ...] is the mean over the batch's examples; NaN and infinities are kept as they came.
    Coordinates are in units of the directions.
    """

    axes: tuple[np.ndarray, ...]  # one (n_k,) per direction
    values: np.ndarray  # (n_0, n_1, ...)

    def __str__(self) -> str:
        return self._describe(self.values.shape)


@accepts(params=as_params, batch=as_arrays)
def slice_along(
    loss: Callable[[PyTree, PyTree], jax.Array],
    params: PyTree,
    batch: PyTree,
    directions: Sequence[PyTree],
    *,
    axes: Sequence[Sequence[float]],
    chunk: int = 1,
    devices: Sequence[jax.Device] | None = None,
    finished: Mapping[int, np.ndarray] | None = None,
    on_row: Callable[[int, np.ndarray], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    batches: Iterable | None = None,
    count: Callable[[PyTree], Any] | None = None,
) -> Slice:
    """Evaluates the loss on a rectangular grid along one, two or more directions.

    The value where all coordinates are 0 is bitwise that of jax.jit(loss)(params, batch). Statistics that
    the loss holds (BatchNorm) stay those of the centre.

    A row is all points along the last direction; rows count through the other directions, the last of them
    fastest.

    Args:
      loss: loss(params, batch) -> scalar. A function, or a callable pytree whose arrays then are traced:
        slices of several checkpoints share one compilation.
      params: pytree of floating arrays, the centre.
      batch: pytree handed to loss. With its examples placed over several devices, each of them takes its
        share; the sum over examples then has another order, and other last bits.
      directions: pytrees like params, none of them zero.
      axes: for each direction its coordinates, strictly increasing, [n_k].
      chunk: points per compiled call on each device. More save the host's time where a loss takes
        less than a millisecond; compilation takes as many times as long.
      devices: places that share the points, each with a copy of params and batch; None leaves all where
        it is.
      finished: mapping from row index to values [n_last] that are there already and are not evaluated
        again.
      on_row: called as on_row(row, values) with each new row, [n_last], in ascending order.
      progress: called as progress(done, total), in rows, after each row.
      batches: instead of `batch`, which is None, batches that can be iterated again and again; each row goes
        through them once. Values are their mean, to rounding those of all data in one batch.
      count: what the loss of a batch is a mean over, as in `lsgeo.hessian`.

    Returns:
      Slice, its values in the dtype of the loss.

    Raises:
      ValueError: if `directions` are not trees like params, one is zero, `axes` are not one grid per
        direction, a row of `finished` does not fit, or `loss` does not return a real scalar or, streamed, is no
        mean over examples or what `count` counts.
    """
    check_directions(directions, params)
    grids = check_axes(axes, len(directions))
    rows, width = math.prod(map(len, grids[:-1])), len(grids[-1])
    finished = {} if finished is None else dict(finished)
    check_count(chunk, "chunk")
    check_finished(finished, rows, width)
    data = None if batches is None else Batches.of(batches, batch, count)
    first = batch if data is None else data.first()
    walk = _Walk.start(loss, params, first, directions, chunk=chunk, devices=devices)
    if data is not None:
        check_mean(walk.loss, params, data.telling, count=count)
    points = np.array(list(itertools.product(*grids))).reshape(rows, width, len(grids))
    new = [row for row in range(rows) if row not in finished]
    if data is None:
        stream = walk.losses(points[new].reshape(-1, len(grids)))
    else:
        stream = itertools.chain.from_iterable(walk.means(points[row], data) for row in new)
    values = np.empty((rows, width), walk.dtype)
    for row in range(rows):
        if row in finished:
            values[row] = finished[row]
        else:
            values[row] = list(itertools.islice(stream, width))
            if on_row is not None:
                on_row(row, values[row].copy())
        if progress is not None:
            progress(row + 1, rows)
    return Slice(grids, values.reshape([len(grid) for grid in grids]))


@dataclasses.dataclass(frozen=True)
class _Walk:
    """A centre and directions, placed where the loss at points around them is evaluated."""

    loss: PyTree
    centre: PyTree
    batch: PyTree
    directions: tuple[PyTree, ...]
    chunk: int
    space: trees.Space | None  # of the parameters, where they travel as one vector
    mesh: jax.sharding.Mesh | None
    dtype: np.dtype

    @classmethod
    def start(
        cls,
        loss: Callable,
        params: PyTree,
        batch: PyTree,
        directions: Sequence[PyTree],
        *,
        chunk: int,
        devices: Sequence[jax.Device] | None,
    ) -> "_Walk":
        """Places the arguments of `slice_along`."""
        params, batch, directions = jax.tree.map(jnp.asarray, (params, batch, tuple(directions)))
        space = trees.space_of(params)
        loss = programs.traced(loss, "loss", params, batch)
        dtype = _loss_dtype(loss, params, batch)
        if space.size > PACKED or any(len(leaf.devices()) > 1 for leaf in jax.tree.leaves(params)):
            space = None
        else:
            params, *directions = (_ravel(space, tree) for tree in (params, *directions))
        parts, mesh = (loss, params, batch, tuple(directions)), None
        if devices is not None:
            mesh = _mesh(devices)
            parts = jax.device_put(parts, jax.NamedSharding(mesh, jax.P()))
        return cls(*parts, chunk, space, mesh, dtype)

    def losses(self, points: np.ndarray) -> Iterator[np.generic]:
        """Yields the loss at points [m, number of directions], some calls after they were queued."""
        size = self.chunk * (1 if self.mesh is None else self.mesh.size)
        move, evaluate_all = _programs(self.space, self.chunk, self.mesh)
        queue = collections.deque()
        for start in range(0, len(points), size):
            group = points[start : start + size]
            # The last group is filled up: one program for all.
            whole = np.concatenate([group, np.repeat(group[-1:], size - len(group), axis=0)])
            moved = move(self.centre, self.directions, whole)
            values = evaluate_all(self.loss, moved, self.batch)
            queue.append((values, len(group)))
            if len(queue) > AHEAD:
                yield from _ready(*queue.popleft())
        while queue:
            yield from _ready(*queue.popleft())

    def means(self, points: np.ndarray, data: Batches) -> np.ndarray:
        """Returns the mean losses over all data at points [m, number of directions], from one pass."""
        total = np.zeros(len(points))
        for part, share in data:
            batch = jax.tree.map(jnp.asarray, part)
            if self.mesh is not None:
                batch = jax.device_put(batch, jax.NamedSharding(self.mesh, jax.P()))
            values = dataclasses.replace(self, batch=batch).losses(points)
            total += share * np.array(list(values), np.float64)
        return total


def _ready(values, count):
    return np.asarray(values)[:count]


@functools.lru_cache(64)
def _programs(space, chunk, mesh):
    # Looked up once for a walk: as static arguments, all shapes would be hashed at every call.
    def evaluate_all(loss, moved, batch):
        single = [jax.tree.map(lambda leaf, i=i: leaf[i], moved) for i in range(chunk)]
        if space is not None:
            single = [trees.unravel(space, flat) for flat in single]
        return jnp.stack([loss(one, batch) for one in single])

    whole, split = jax.P(), jax.P("points")
    return (
        jax.jit(_over(mesh, _shifted, (whole, whole, split))),
        jax.jit(_over(mesh, evaluate_all, (whole, split, whole))),
    )


def _over(mesh, function, specs):
    if mesh is None:
        return function
    return jax.shard_map(
        function, mesh=mesh, in_specs=specs, out_specs=jax.P("points"), check_vma=False
    )


def _shifted(centre, directions, points):
    def move(leaf, *along):
        wide = trees.common_dtype(leaf.dtype, jnp.float32)
        places = points.astype(wide).T.reshape(len(along), -1, *[1] * leaf.ndim)
        steps = [x * d.astype(wide)[None] for x, d in zip(places, along, strict=True)]
        return (leaf.astype(wide)[None] + sum(steps[1:], start=steps[0])).astype(leaf.dtype)

    return jax.tree.map(move, centre, *directions)


_ravel = jax.jit(trees.ravel, static_argnums=0)


def _mesh(devices):
    if not devices:
        raise ValueError(
            "`devices` must hold at least one device, as jax.devices() does; got none."
        )
    auto = (jax.sharding.AxisType.Auto,)
    return jax.make_mesh((len(devices),), ("points",), axis_types=auto, devices=list(devices))


def _loss_dtype(loss, params, batch):
    out = programs.outputs(loss, "loss", params, batch)
    if getattr(out, "shape", None) != () or not jnp.issubdtype(out.dtype, jnp.floating):
        raise ValueError(
            f"`loss` must return a real scalar, the mean over the examples; got {out}. Reduce with "
            "jnp.mean, and return auxiliary outputs apart."
        )
    return out.dtype
