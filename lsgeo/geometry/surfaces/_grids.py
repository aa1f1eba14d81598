"""What is asked of the arguments of a grid through parameter space, and differences along its axes."""

from collections.abc import Mapping, Sequence

import jax
import numpy as np

from lsgeo.checks import check_same
from lsgeo.trees import PyTree


def check_grid(values: Sequence[float], name: str) -> np.ndarray:
    """Returns coordinates [n] in float64.

    Raises:
      ValueError: if they are empty, not finite or not strictly increasing; the text calls them `name`.
    """
    grid = np.asarray(values, dtype=np.float64)
    ordered = grid.ndim == 1 and grid.size > 0 and np.all(np.diff(grid) > 0)
    if not ordered or not np.all(np.isfinite(grid)):
        raise ValueError(
            f"`{name}` must be a non-empty, strictly increasing list of finite numbers; got {values!r}."
        )
    return grid


def check_axes(axes: Sequence[Sequence[float]], count: int) -> tuple[np.ndarray, ...]:
    """Returns one grid per direction.

    Raises:
      ValueError: if there are not `count` grids, or one is no grid.
    """
    if len(axes) != count:
        raise ValueError(
            f"`axes` must be one list of coordinates per direction; got {len(axes)} for {count} directions."
        )
    return tuple(check_grid(values, f"axes[{k}]") for k, values in enumerate(axes))


def check_directions(directions: Sequence[PyTree], params: PyTree) -> None:
    """Refuses what is no list of directions through params.

    Raises:
      ValueError: if there is none, one has not the structure and shapes of params, or is zero.
    """
    if not isinstance(directions, (tuple, list)) or not directions:
        raise ValueError(
            "`directions` must be a list of pytrees like params, one per direction; got "
            f"{'an empty one' if isinstance(directions, (tuple, list)) else type(directions).__name__}."
        )
    for number, direction in enumerate(directions):
        check_same(direction, params, f"directions[{number}]", "params")
        if not any(np.any(np.asarray(leaf)) for leaf in jax.tree.leaves(direction)):
            raise ValueError(
                f"`directions[{number}]` must not be zero: the loss would be the same all along it. Where it "
                "was normalised, the weights are zero, or no leaf has filters."
            )


def check_pair(directions: Sequence[PyTree]) -> None:
    """Refuses what is no pair of directions.

    Raises:
      ValueError: if there are not two.
    """
    if not isinstance(directions, (tuple, list)) or len(directions) != 2:
        raise ValueError(
            "`directions` must be a pair of pytrees like params, as from "
            f"filter_normalized_directions(params, key=key); got {type(directions).__name__}"
            + (f" of length {len(directions)}." if hasattr(directions, "__len__") else ".")
        )


def check_finished(finished: Mapping[int, np.ndarray], rows: int, width: int) -> None:
    """Refuses rows that belong to another grid than one of `rows` rows of `width` values.

    Raises:
      ValueError: if one does not fit.
    """
    for row, values in finished.items():
        if row not in range(rows) or np.shape(values) != (width,):
            raise ValueError(
                f"`finished` must map rows 0 to {rows - 1} to {width} values each; got row {row} of shape "
                f"{np.shape(values)}. It belongs to another grid: start afresh."
            )


def second_difference(
    values: np.ndarray, xs: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Second differences along the last axis [..., n - 2], and bounds on their rounding.

    Args:
      values: [..., n].
      xs: [n], strictly increasing.
      eps: machine epsilon of the values.
    """
    left, right, both = xs[1:-1] - xs[:-2], xs[2:] - xs[1:-1], xs[2:] - xs[:-2]
    before, here, after = values[..., :-2], values[..., 1:-1], values[..., 2:]
    with np.errstate(invalid="ignore"):
        rise, fall = (after - here) / right, (here - before) / left
        curvature = 2 * (rise - fall) / both
        sizes = (np.abs(after) + np.abs(here)) / right + (np.abs(here) + np.abs(before)) / left
        # The coordinates are rounded too, which tilts slopes by so much.
        tilt = (np.abs(rise) / right + np.abs(fall) / left) * np.max(np.abs(xs))
        rounding = 4 * (2 * eps * sizes + 2 * np.finfo(np.float64).eps * tilt) / both
    return curvature, rounding
