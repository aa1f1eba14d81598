"""Where the Lanczos basis lives: on the device, in host memory, or nowhere.

An algorithm asks for products with the basis and nothing else: one Gram-Schmidt sweep, combinations of its
rows, one more row. The rows lie in blocks that are allocated when they are reached, so that a sweep reads
few rows that are not there yet.
"""

from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees

PLACES = ("auto", "device", "host", "none")
BLOCK_BYTES = 2**26  # smaller blocks pay for their calls, larger ones for rows not reached yet


class Basis(Protocol):
    """Orthonormal rows."""

    count: int

    def append(self, v: jax.Array) -> None:
        """Adds the row `v` [n]."""

    def sweep(self, w: jax.Array) -> tuple[jax.Array, list[jax.Array]]:
        """Takes the rows' part out of `w` [n]; returns the rest and, in pieces, the overlaps."""

    def combine(self, coefficients: np.ndarray) -> jax.Array:
        """Returns coefficients [k, count] @ rows, shape [k, n]."""


def make(place: str, n: int, dtype: Any) -> Basis:
    """Returns an empty basis at `place`: "device", "host" or "none"."""
    if place == "none":
        return _NoBasis()
    return _HostBasis(n, dtype) if place == "host" else _DeviceBasis(n, dtype)


def _block_rows(n: int, dtype: Any) -> int:
    """Rows in one block: a power of two from 4 to 64."""
    fitting = max(1, BLOCK_BYTES // (n * np.dtype(dtype).itemsize))
    return int(np.clip(2 ** (fitting.bit_length() - 1), 4, 64))


class _DeviceBasis:
    """Rows on the device."""

    def __init__(self, n: int, dtype: Any):
        self.n, self.dtype = n, np.dtype(dtype)
        self.rows = _block_rows(n, dtype)
        self.blocks: list[Any] = []
        self.count = 0

    def append(self, v):
        position = self.count % self.rows
        if position == 0:
            self.blocks.append(self._empty())
        self.blocks[-1] = self._write(self.blocks[-1], v, position)
        self.count += 1

    def sweep(self, w):
        overlaps = []
        for block in self.blocks:
            w, part = _sweep(jnp.asarray(block), w)
            overlaps.append(part)
        return w, overlaps

    def combine(self, coefficients):
        padded = np.zeros((len(coefficients), len(self.blocks) * self.rows), self.dtype)
        padded[:, : self.count] = coefficients
        total = None
        for i, block in enumerate(self.blocks):
            part = jnp.asarray(padded[:, i * self.rows : (i + 1) * self.rows])
            total = _add_combination(total, part, jnp.asarray(block))
        return total

    def rotated(self, rotation: np.ndarray) -> "_DeviceBasis":
        """Returns the basis of the rows rotation [k, count] @ rows."""
        result = type(self)(self.n, self.dtype)
        padded = np.zeros((-(-len(rotation) // self.rows) * self.rows, self.count))
        padded[: len(rotation)] = rotation
        for i in range(0, len(padded), self.rows):
            result.blocks.append(self._kept(self.combine(padded[i : i + self.rows])))
        result.count = len(rotation)
        return result

    def restore(self, blocks: list[np.ndarray], count: int) -> None:
        """Takes over blocks that were saved."""
        self.blocks = [self._kept(jnp.asarray(block)) for block in blocks]
        self.count = count

    def row(self, i: int) -> jax.Array:
        """Returns row `i` [n]."""
        return _row(jnp.asarray(self.blocks[i // self.rows]), i % self.rows)

    def _empty(self):
        return jnp.zeros((self.rows, self.n), self.dtype)

    def _write(self, block, v, position):
        return _write(block, v, position)

    def _kept(self, block):
        return block


class _HostBasis(_DeviceBasis):
    """Rows in the host's memory; one block at a time visits the device."""

    def _empty(self):
        return np.zeros((self.rows, self.n), self.dtype)

    def _write(self, block, v, position):
        block[position] = np.asarray(v)
        return block

    def _kept(self, block):
        return np.array(block)


class _NoBasis:
    """No rows: a three-vector recurrence, which loses orthogonality and shows ghosts."""

    count = 0
    blocks: tuple = ()

    def append(self, v):
        pass

    def restore(self, blocks, count):
        pass

    def sweep(self, w):
        return w, []

    def combine(self, coefficients):
        raise ValueError('`basis` is "none": there are no vectors. Use "device" or "host".')


def sweep_rows(block: jax.Array, w: jax.Array) -> tuple[jax.Array, jax.Array]:
    """One Gram-Schmidt sweep: returns w without its part along the rows of `block`, and the overlaps."""
    overlaps = jnp.matmul(block, w, precision=trees.HIGHEST)
    return w - jnp.matmul(overlaps, block, precision=trees.HIGHEST), overlaps


_sweep = jax.jit(sweep_rows)
_write = jax.jit(lambda block, v, i: block.at[i].set(v), donate_argnums=0)
_row = jax.jit(lambda block, i: block[i])


@jax.jit
def _add_combination(total, coefficients, block):
    part = jnp.matmul(coefficients, block, precision=trees.HIGHEST)
    return part if total is None else total + part
