"""The Lanczos process with full orthogonalisation against a stored basis.

The loop runs on the host; only the coefficients of T come back. From a product the parts along the current
and the previous vector are taken first, then those along the whole basis; where that second pass still
takes much away, a third follows and is the last: at most two passes against the whole basis, the second
wherever one would not do. A breakdown is relative to the norm of T seen so far. Then the process goes on
from a fresh random vector orthogonal to the basis, coupled by an exact zero, so that repeated eigenvalues
and starts in an invariant subspace are found and nothing is invented.

References: Lanczos 1950; Daniel, Gragg, Kaufman and Stewart 1976 (when to repeat a pass); Parlett 1998, chapter
13; Giraud, Langou, Rozloznik and van den Eshof 2005 ("twice is enough").
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import linalg

from lsgeo import trees
from lsgeo.operators.base import LinearOperator
from lsgeo.spectra.krylov import basis as bases

BREAKDOWN = 32.0


@dataclasses.dataclass
class State:
    """A Lanczos process under way; `extend` moves it on."""

    key: jax.Array
    vectors: bases.Basis
    current: jax.Array  # (n,), the vector that the next product is due for
    previous: jax.Array | None  # (n,), the one before it; None after a start
    alphas: list[float] = dataclasses.field(default_factory=list)
    betas: list[float] = dataclasses.field(default_factory=list)  # zero where a breakdown occurred
    breakdowns: int = 0

    @property
    def basis(self) -> jax.Array:
        """The rows of the basis in one array [>= steps + 1, n]; rows not reached yet are zero."""
        blocks = self.vectors.blocks
        return blocks[0] if len(blocks) == 1 else jnp.concatenate(blocks)

    @property
    def rule(self) -> "Tridiagonal":
        """The coefficients of all steps so far."""
        return Tridiagonal(np.array(self.alphas), np.array(self.betas))


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


def start(op: LinearOperator, *, key: jax.Array, place: str = "device") -> State:
    """Begins a process at a random unit vector."""
    first = random_unit(jax.random.fold_in(key, 0), op.shape[0], op.dtype)
    vectors = bases.make(place, op.shape[0], op.dtype)
    vectors.append(first)
    return State(key, vectors, first, None)


def extend(op: LinearOperator, state: State, count: int) -> State:
    """Runs `count` steps; costs one product each."""
    for _ in range(count):
        advance(op, state)
    return state


def rules(op: LinearOperator, key: jax.Array, num_probes: int, num_steps: int) -> list[Tridiagonal]:
    """Runs processes of `num_steps` steps from independent random starts."""
    keys = (jax.random.fold_in(key, probe) for probe in range(num_probes))
    return [extend(op, start(op, key=one), num_steps).rule for one in keys]


def advance(op: LinearOperator, state: State) -> None:
    """Runs one step in place.

    Raises:
      ValueError: if the product is not finite.
    """
    coupling = state.betas[-1] if state.betas else 0.0
    rest = orthogonalised(
        state.vectors, op.flat_product(state.current), state.current, state.previous, coupling
    )
    step = len(state.alphas)
    alpha = rest.alpha + (rest.overlaps[step] if state.vectors.count else 0.0)
    check_finite(alpha, rest.norm, step)
    state.alphas.append(alpha)
    scale = _norm_of(state.alphas, [*state.betas, rest.norm])
    following, broken = _next_vector(op, state, rest, scale)
    state.betas.append(0.0 if broken else rest.norm)
    state.previous, state.current = (None if broken else state.current), following
    state.vectors.append(following)


class _Rest(NamedTuple):
    """What orthogonalisation leaves of a product, and what it took."""

    vector: jax.Array  # (n,)
    norm: float
    alpha: float  # taken along the current vector before the sweeps
    overlaps: np.ndarray  # (count,), taken in the sweeps


def orthogonalised(
    vectors: bases.Basis,
    product: jax.Array,
    current: jax.Array,
    previous: jax.Array | None,
    coupling: float,
) -> _Rest:
    """Takes out of a product its parts along the two last vectors, then along the whole basis."""
    if previous is None:
        previous, coupling = current, 0.0
    w, alpha, before = _local(product, current, previous, np.asarray(coupling, product.dtype))
    w, norm, overlaps, (alpha, before) = _swept(vectors, w, (alpha, before))
    if norm < before * np.sqrt(0.5):
        w, norm, again, _ = _swept(vectors, w, ())
        overlaps = overlaps + again
    return _Rest(w, norm, float(alpha), overlaps)


def _swept(vectors, w, others):
    w, pieces = vectors.sweep(w)
    norm, pieces, others = jax.device_get((_norm(w), pieces, others))
    overlaps = np.concatenate([np.zeros(0), *pieces])[: vectors.count]
    return w, float(norm), overlaps, others


def fresh_vector(vectors: bases.Basis, key: jax.Array, n: int, dtype: Any) -> jax.Array:
    """Draws a random unit vector orthogonal to the basis."""
    v = random_unit(key, n, dtype)
    for _ in range(3):
        v, norm, _, _ = _swept(vectors, v, ())
        v = divided(v, norm)
        if norm > np.sqrt(0.5):
            break
    return v


def _next_vector(op, state, rest: _Rest, scale: float) -> tuple[jax.Array, bool]:
    """Returns the next basis vector, and whether it is a fresh one after a breakdown."""
    if not is_breakdown(rest.norm, scale, op.dtype):
        return divided(rest.vector, rest.norm), False
    state.breakdowns += 1
    key = jax.random.fold_in(state.key, state.breakdowns)
    return fresh_vector(state.vectors, key, op.shape[0], op.dtype), True


def divided(v: jax.Array, norm: float) -> jax.Array:
    """Returns v / norm."""
    return _divided(v, np.asarray(norm, v.dtype))


def is_breakdown(norm: float, scale: float, dtype: Any) -> bool:
    """Whether a rest of this norm is rounding, where T has norm `scale`."""
    return norm <= BREAKDOWN * float(jnp.finfo(dtype).eps) * scale


def _norm_of(alphas: Any, betas: Any) -> float:
    """Returns the largest |alpha| + beta: within a factor of two the norm of T."""
    return float(np.max(np.abs(alphas) + np.abs(betas)))


def check_finite(alpha: float, beta: float, step: int) -> None:
    """Raises a ValueError that names the step unless both coefficients are finite."""
    if not (np.isfinite(alpha) and np.isfinite(beta)):
        raise ValueError(
            f"the product of `op` was not finite at Lanczos step {step}. Likely causes: NaN in the "
            "parameters or the data, or overflow; check `loss` and rescale it."
        )


def local(
    product: jax.Array, current: jax.Array, previous: jax.Array, coupling: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The three-term recurrence: returns (rest, alpha, norm of the rest)."""
    alpha = jnp.vdot(current, product, precision=trees.HIGHEST)
    w = product - alpha * current - coupling * previous
    return w, alpha, trees.norm(w)


_local = jax.jit(local)
_norm = jax.jit(trees.norm)
_divided = jax.jit(lambda v, scale: v / scale)
