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


class State(NamedTuple):
    """A Lanczos process under way.

    Rows of `basis` not reached yet are zero. `scale` is the largest row sum of T so far.
    """

    current: jax.Array  # (n,), the vector that the next product is due for
    basis: jax.Array  # (m + 1, n)
    alphas: jax.Array  # (m,)
    betas: jax.Array  # (m,), zero where a breakdown occurred
    scale: jax.Array  # ()
    key: jax.Array


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


def start(first: jax.Array, num_steps: int, *, key: jax.Array) -> State:
    """Begins a process at the unit vector `first` [n] with room for `num_steps` steps."""
    return _start(first, num_steps, key)


@functools.partial(jax.jit, static_argnums=1)
def _start(first, num_steps, key):
    zeros = jnp.zeros(num_steps, first.dtype)
    basis = jnp.zeros((num_steps + 1, first.shape[0]), first.dtype).at[0].set(first)
    return State(first, basis, zeros, zeros, jnp.zeros((), first.dtype), key)


def extend(op: LinearOperator, state: State, begin: int, end: int) -> State:
    """Runs the steps `begin` to `end` - 1; costs one product each."""
    for j in range(begin, end):
        state = _step(state, op.flat_product(state.current), j)
    return state


def run_block(op: LinearOperator, firsts: jax.Array, num_steps: int) -> list[Tridiagonal]:
    """Runs one process from each row of `firsts` [k, n] in step, without restart after a breakdown."""
    states = _start_block(firsts, num_steps)
    for j in range(num_steps):
        states = _step_block(states, op.block_product(states.current), j)
    return [_tridiagonal(a, b) for a, b in zip(states.alphas, states.betas, strict=True)]


def tridiagonal(state: State, num_steps: int) -> Tridiagonal:
    """Fetches the first `num_steps` coefficients.

    Raises:
      ValueError: if a product was not finite.
    """
    return _tridiagonal(state.alphas[:num_steps], state.betas[:num_steps])


def _tridiagonal(alphas, betas):
    alphas, betas = np.asarray(alphas, np.float64), np.asarray(betas, np.float64)
    finite = np.isfinite(alphas) & np.isfinite(betas)
    if not finite.all():
        raise ValueError(
            f"the product of `op` was not finite at Lanczos step {int(np.argmin(finite))}. Likely "
            "causes: NaN in the parameters or the data, or overflow; check `loss` and rescale it."
        )
    return Tridiagonal(alphas, betas)


def _advance(state, product, j, *, refill):
    basis = state.basis
    w, first = _orthogonalise(basis, product)
    w, second = _orthogonalise(basis, w)
    alpha = first[j] + second[j]
    beta = trees.norm(w)
    scale = jnp.maximum(state.scale, jnp.abs(alpha) + beta)
    broken = beta <= BREAKDOWN * jnp.finfo(w.dtype).eps * scale
    following = w / jnp.where(broken, 1, beta)
    if refill:
        key = jax.random.fold_in(state.key, j)
        following = jax.lax.cond(broken, lambda: _fresh(basis, key), lambda: following)
    else:
        following = jnp.where(broken, 0, following)
    return State(
        following,
        basis.at[j + 1].set(following),
        state.alphas.at[j].set(alpha),
        state.betas.at[j].set(jnp.where(broken, 0, beta)),
        scale,
        state.key,
    )


_step = jax.jit(functools.partial(_advance, refill=True), donate_argnums=0)


@functools.partial(jax.jit, donate_argnums=0)
def _step_block(states, products, j):
    axes = State(0, 0, 0, 0, 0, None)
    advance = functools.partial(_advance, refill=False)
    return jax.vmap(advance, in_axes=(axes, 0, None), out_axes=axes)(states, products, j)


@functools.partial(jax.jit, static_argnums=1)
def _start_block(firsts, num_steps):
    return jax.vmap(lambda first: _start(first, num_steps, None))(firsts)


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
    key = jax.random.fold_in(state.key, 2**30)
    following = jax.lax.cond(
        fresh, lambda: _fresh(basis, jax.random.fold_in(key, 1)), lambda: state.basis[last]
    )
    zeros = jnp.zeros_like(state.alphas)
    basis = basis.at[num_kept].set(following)
    return State(following, basis, zeros, zeros, state.scale, key)


def _orthogonalise(basis, w):
    overlaps = jnp.matmul(basis, w, precision=trees.HIGHEST)
    return w - jnp.matmul(overlaps, basis, precision=trees.HIGHEST), overlaps


def _fresh(basis, key):
    v = jax.random.normal(key, basis.shape[1:], basis.dtype)
    v = v / trees.norm(v)
    for _ in range(2):
        v = _orthogonalise(basis, v)[0]
        v = v / trees.norm(v)
    return v
