"""Do the blocks of a network push an input along one line, step by step in the same direction?"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.checks import check_key
from lsgeo.draws import generator


@trees.frozen
class ResidualAlignment:
    """Lines, singular vectors and values of L branches at N examples; see `residual_alignment`.

    `left_right` is between 0 and 1, and NaN where a branch has no such vector, its Jacobian being zero; the
    means leave such places out.
    """

    line: np.ndarray  # (N,), share of the states' variance along the best line
    equispaced: np.ndarray  # (N,), share that a line walked in equal steps explains
    singular_values: np.ndarray  # (N, L, k), descending
    ranks: np.ndarray  # (N, L), singular values above `threshold` times the largest; at most k
    left_right: np.ndarray  # (N, L, L), ||U_i' V_j||_F^2 / r of r left and r right vectors
    residual: float  # largest ||J' u - s v|| / s of the vectors compared
    num_directions: int  # r
    threshold: float
    width: int
    num_products: int  # with a Jacobian or its transpose, for each example

    @property
    def alignment(self) -> np.ndarray:
        """[L, L], cosine of branch i's left with branch j's right singular vectors, root mean square."""
        return np.sqrt(_mean(self.left_right, 0))

    @property
    def consecutive(self) -> np.ndarray:
        """[N], the same of each branch with the next, over all branches; NaN if there is one alone."""
        return np.sqrt(_mean(np.diagonal(self.left_right, offset=1, axis1=1, axis2=2), 1))

    @property
    def chance(self) -> float:
        """What random vectors have, sqrt(r / width)."""
        return float(np.sqrt(self.num_directions / self.width))

    def __str__(self) -> str:
        examples, blocks, _ = self.singular_values.shape
        return (
            f"ResidualAlignment of {blocks} branches at {examples} examples: line {_text(self.line)}, "
            f"equispaced {_text(self.equispaced)}, consecutive cosine {_text(self.consecutive)} (chance "
            f"{self.chance:.2g}), median rank {np.median(self.ranks):g}, largest singular value "
            f"{_text(self.singular_values[..., 0].mean(1))}"
        )


def residual_alignment(
    branches: Sequence[Callable[[jax.Array], jax.Array]],
    x: jax.Array,
    *,
    key: jax.Array,
    adds: bool = True,
    num_directions: int = 1,
    num_singular: int | None = None,
    threshold: float = 0.1,
    num_steps: int = 12,
) -> ResidualAlignment:
    """Measures the four properties that Li and Papyan (2023) find in trained residual networks.

    The stream is h_{l+1} = h_l + F_l(h_l), J_l the Jacobian of F_l at h_l.

    - RA1, states on a line: the share of the variance of h_0 ... h_L along their first principal
      component, and the share that a + b l explains. A walk of L equal steps, each orthogonal to all
      others, already has 6 / pi^2 = 0.61 and 0.6 of it as L grows: compare with these, not with 0.
    - RA2: cosines of the top left singular vectors of J_i with the top right ones of J_j.
    - RA3: the number of singular values that are not small, at most the number of classes.
    - RA4: the largest singular value, which falls as 1 / L in networks of several depths.

    The singular vectors come from subspace iteration by products with J and J' alone.

    Args:
      branches: F_l, functions of the streams of several examples, [N, ...] -> [N, ...], each independent
        of the others: with batch norm, under fixed statistics.
      x: [N, ...], the streams below the first branch.
      key: typed random key of the iteration's start; without influence where `num_singular` is the width.
      adds: False for a network without skips, h_{l+1} = F_l(h_l).
      num_directions: r, top singular vectors compared: as spaces, whatever their order within them.
      num_singular: k, singular values of each Jacobian; by default all if the stream has at most 256
        numbers, and 32 of a wider one.
      threshold: singular values above this share of the largest count as rank.
      num_steps: subspace iterations, where k is less than the width.

    Returns:
      ResidualAlignment.

    Raises:
      ValueError: for no branch, one that changes the stream's shape or is not finite, or a number out of its
        range.

    >>> import jax
    >>> push = lambda h: h * jnp.array([[0.5, 0.0]])
    >>> found = residual_alignment([push, push], jnp.array([[1.0, 2.0]]), key=jax.random.key(0))
    >>> found.singular_values[0, 0].tolist(), found.alignment[0, 1].tolist()
    ([0.5, 0.0], 1.0)
    """
    check_key(key)
    width = int(np.prod(x.shape[1:]))
    count = (width if width <= 256 else 32) if num_singular is None else num_singular
    _check(branches, count, width, num_directions, threshold)
    states, lefts, values, rights, residuals, products = [x], [], [], [], [], 0
    for number, branch in enumerate(branches):
        start = _start(key, number, x.shape, count, width)
        steps = 0 if count == width else num_steps
        out, (u, s, v), residual = _singular(branch, x, start, steps, num_directions, number)
        products += count * (2 * steps + 1) + num_directions
        lefts.append(u[..., :num_directions])
        rights.append(v[..., :num_directions])
        values.append(s)
        residuals.append(residual)
        x = x + out if adds else out
        states.append(x)
    line, equispaced = _lines(states)
    s = np.stack(values, 1)
    return ResidualAlignment(
        line,
        equispaced,
        s,
        (s > threshold * s[..., :1]).sum(-1),
        _cosines(lefts, rights),
        float(np.max(residuals)),
        num_directions,
        threshold,
        width,
        products,
    )


def _check(branches, count, width, num_directions, threshold):
    if not branches:
        raise ValueError("`branches` must hold at least one function of the streams; got none.")
    if not 1 <= count <= width:
        raise ValueError(
            f"`num_singular` must be 1 to {width}, the numbers in a stream; got {count}."
        )
    if not 1 <= num_directions <= count:
        raise ValueError(
            f"`num_directions` must be 1 to {count}, the singular values computed; got {num_directions}."
        )
    if not 0 < threshold < 1:
        raise ValueError(f"`threshold` must be between 0 and 1; got {threshold}.")


def _start(key, number, shape, count, width):
    if count == width:
        return np.broadcast_to(np.eye(width), (shape[0], width, width))
    draw = generator(jax.random.fold_in(key, number))
    return np.linalg.qr(draw.normal(size=(shape[0], width, count)))[0]


def _singular(branch, x, start, num_steps, num_directions, number):
    # One vector of every example at a time: examples are independent, so one product serves all.
    out, push = jax.linearize(branch, x)
    if out.shape != x.shape:
        raise ValueError(
            f"`branches` must keep the streams' shape; number {number} maps {x.shape} to {out.shape}."
        )
    trees.check_finite({f"number {number}": out}, "branches")
    forward = jax.vmap(push)
    pull = jax.linear_transpose(push, x)
    backward = jax.vmap(lambda t: pull(t)[0])

    def apply(function, vectors):
        moved = jnp.moveaxis(jnp.asarray(vectors, x.dtype), -1, 0)
        result = function(moved.reshape(-1, *x.shape))
        return np.moveaxis(np.asarray(result, np.float64).reshape(moved.shape), 0, -1)

    basis = start
    for _ in range(num_steps):
        basis = np.linalg.qr(apply(backward, np.linalg.qr(apply(forward, basis))[0]))[0]
    u, s, inner = np.linalg.svd(apply(forward, basis), full_matrices=False)
    v = basis @ np.swapaxes(inner, 1, 2)
    top = slice(num_directions)
    gaps = np.linalg.norm(apply(backward, u[..., top]) - v[..., top] * s[:, None, top], axis=1)
    scale = np.maximum(s[:, top], np.finfo(np.float64).tiny)
    # Where a singular value is zero any vector would do.
    there = s[:, None, :] > len(s[0]) * jnp.finfo(x.dtype).eps * s[:, None, :1]
    u, v = (np.where(there, vectors, np.nan) for vectors in (u, v))
    return out, (u, s, v), (gaps / scale).max()


def _lines(states):
    h = np.stack([np.asarray(state, np.float64) for state in states], 1)
    h = h.reshape(*h.shape[:2], -1)
    h = h - h.mean(1, keepdims=True)
    with np.errstate(invalid="ignore"):
        energies = np.linalg.svd(h, compute_uv=False) ** 2
        line = energies[:, 0] / energies.sum(1)
        times = np.arange(len(states)) - (len(states) - 1) / 2
        slopes = np.einsum("l,nlp->np", times, h) / (times**2).sum()
        equispaced = (slopes**2).sum(1) * (times**2).sum() / energies.sum(1)
    return line, equispaced


def _cosines(lefts, rights):
    u, v = np.stack(lefts, 1), np.stack(rights, 1)
    cosines = np.einsum("nipr,njps->nijrs", u, v)
    return (cosines**2).sum((-1, -2)) / u.shape[-1]


def _mean(values, axis):
    count = np.isfinite(values).sum(axis)
    with np.errstate(invalid="ignore"):
        return np.nansum(values, axis) / count


def _text(values):
    there = values[np.isfinite(values)]
    if not there.size:
        return "nan"
    error = np.std(there, ddof=1) / np.sqrt(there.size) if there.size > 1 else np.nan
    return f"{np.mean(there):.3g} ± {error:.1g}"
