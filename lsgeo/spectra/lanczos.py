"""The Lanczos process with two-pass Gram-Schmidt on a stored basis.

The loop runs on the host over one product and one compiled orthogonalisation per step; only the
coefficients of T come back. A breakdown is relative to the norm of T seen so far. Then the process goes on
from a fresh random vector orthogonal to the basis, coupled by an exact zero, so that repeated eigenvalues
and starts in an invariant subspace are found and nothing is invented.

References: Lanczos 1950; Parlett 1998, chapter 13; Giraud, Langou, Rozloznik and van den Eshof 2005 ("twice is
enough").
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import linalg

from lsgeo import trees
from lsgeo.operators.base import LinearOperator

BREAKDOWN = 32.0
CAPACITY = 64  # bases are allocated in multiples of this, so that runs share their compilations


class State(NamedTuple):
    """A Lanczos process under way.

    Rows of `basis` not reached yet are zero. `scale` is the largest row sum of T so far. `spare` is a
    random vector that, rolled on by `breakdowns`, replaces the next basis vector after a breakdown.
    """

    current: jax.Array  # (n,), the vector that the next product is due for
    basis: jax.Array  # (m + 1, n)
    alphas: jax.Array  # (m,)
    betas: jax.Array  # (m,), zero where a breakdown occurred
    scale: jax.Array  # ()
    spare: jax.Array  # (n,)
    breakdowns: jax.Array  # ()


class Tridiagonal(NamedTuple):
    """T on the host in float64; `betas[-1]` couples to the vector after the last."""

    alphas: np.ndarray  # (m,)
    betas: np.ndarray  # (m,)

    @property
    def num_connected(self) -> int:
        """Steps before the first breakdown: the Krylov space of the start vector itself."""
        broken = np.flatnonzero(self.betas == 0)
        return int(broken[0]) + 1 if len(broken) else len(self.alphas)

    def eigh(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues [m], ascending, and eigenvectors [m, m] of T."""
        return linalg.eigh_tridiagonal(self.alphas, self.betas[:-1])


def random_unit(key: jax.Array, n: int, dtype: Any) -> jax.Array:
    """Draws a vector uniformly from the unit sphere, shape [n]."""
    return _random_unit(key, n, np.dtype(dtype))


@functools.partial(jax.jit, static_argnums=(1, 2))
def _random_unit(key, n, dtype):
    v = jax.random.normal(key, (n,), dtype)
    return v / jnp.linalg.norm(v)


def start(op: LinearOperator, num_steps: int, *, key: jax.Array) -> State:
    """Begins a process at a random unit vector, with room for at least `num_steps` steps."""
    capacity = CAPACITY * -(-num_steps // CAPACITY)
    first, spare = (
        random_unit(jax.random.fold_in(key, i), op.shape[0], op.dtype) for i in range(2)
    )
    return _start(first, spare, capacity)


@functools.partial(jax.jit, static_argnums=2)
def _start(first, spare, capacity):
    zeros = jnp.zeros(capacity, first.dtype)
    basis = jnp.zeros((capacity + 1, first.shape[0]), first.dtype).at[0].set(first)
    scale = jnp.zeros((), first.dtype)
    return State(first, basis, zeros, zeros, scale, spare, jnp.zeros((), jnp.int32))


def extend(op: LinearOperator, state: State, begin: int, end: int) -> State:
    """Runs the steps `begin` to `end` - 1; costs one product each."""
    for j in range(begin, end):
        state = _step(state, op.flat_product(state.current), j)
    return state


def tridiagonal(state: State, num_steps: int) -> Tridiagonal:
    """Fetches the first `num_steps` coefficients.

    Raises:
      ValueError: if a product was not finite.
    """
    alphas = np.asarray(state.alphas, np.float64)[:num_steps]
    betas = np.asarray(state.betas, np.float64)[:num_steps]
    finite = np.isfinite(alphas) & np.isfinite(betas)
    if not finite.all():
        raise ValueError(
            f"the product of `op` was not finite at Lanczos step {int(np.argmin(finite))}. Likely "
            "causes: NaN in the parameters or the data, or overflow; check `loss` and rescale it."
        )
    return Tridiagonal(alphas, betas)


@functools.partial(jax.jit, donate_argnums=0)
def _step(state, product, j):
    basis = state.basis
    w, first = _orthogonalise(basis, product)
    w, second = _orthogonalise(basis, w)
    alpha = first[j] + second[j]
    beta = trees.norm(w)
    scale = jnp.maximum(state.scale, jnp.abs(alpha) + beta)
    broken = beta <= BREAKDOWN * jnp.finfo(w.dtype).eps * scale
    following = jax.lax.cond(
        broken,
        lambda: _fresh(basis, state.spare, state.breakdowns),
        lambda: w / jnp.where(broken, 1, beta),
    )
    return State(
        following,
        basis.at[j + 1].set(following),
        state.alphas.at[j].set(alpha),
        state.betas.at[j].set(jnp.where(broken, 0, beta)),
        scale,
        state.spare,
        state.breakdowns + broken.astype(jnp.int32),
    )


@functools.partial(jax.jit, donate_argnums=0)
def restart(
    state: State, rotation: jax.Array, num_kept: jax.Array, last: jax.Array, fresh: jax.Array
) -> State:
    """Compresses the basis to `rotation` @ basis and goes on from the row after the kept ones.

    Args:
      state: a process under way.
      rotation: [m + 1, m + 1]; its rows past the kept ones are zero.
      num_kept: rows kept: Ritz vectors.
      last: steps taken; the basis vector of that index comes after the kept rows.
      fresh: whether a fresh random vector comes after the kept rows instead.
    """
    basis = jnp.matmul(rotation, state.basis, precision=trees.HIGHEST)
    following = jax.lax.cond(
        fresh, lambda: _fresh(basis, state.spare, state.breakdowns), lambda: state.basis[last]
    )
    zeros = jnp.zeros_like(state.alphas)
    return state._replace(
        current=following,
        basis=basis.at[num_kept].set(following),
        alphas=zeros,
        betas=zeros,
        breakdowns=state.breakdowns + fresh,
    )


def _orthogonalise(basis, w):
    overlaps = jnp.matmul(basis, w, precision=trees.HIGHEST)
    return w - jnp.matmul(overlaps, basis, precision=trees.HIGHEST), overlaps


def _fresh(basis, spare, number):
    v = jnp.roll(spare, number)
    for _ in range(2):
        v = _orthogonalise(basis, v)[0]
        v = v / trees.norm(v)
    return v
