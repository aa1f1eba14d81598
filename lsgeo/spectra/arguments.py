"""Boundary checks that the spectral functions share."""

from typing import Any

import jax
import numpy as np

from lsgeo.operators.base import LinearOperator
from lsgeo.spectra.basis import PLACES


def check_operator(op: Any) -> None:
    """Raises a ValueError unless `op` is an operator."""
    if not isinstance(op, LinearOperator):
        raise ValueError(
            f"`op` must be a lsgeo operator; got {type(op).__name__}. Make one with hessian, "
            "gauss_newton, dense(matrix) or from_matvec(matvec, like)."
        )


def check_key(key: Any) -> None:
    """Raises a ValueError unless `key` is one typed random key."""
    typed = isinstance(key, jax.Array) and jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key)
    if not typed or key.shape != ():
        raise ValueError(
            f"`key` must be one typed random key; got {type(key).__name__}"
            f"{getattr(key, 'shape', '')}. Pass jax.random.key(seed)."
        )


def check_count(value: Any, name: str, minimum: int = 1) -> None:
    """Raises a ValueError unless `value` is an integer of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise ValueError(f"`{name}` must be an integer of at least {minimum}; got {value!r}.")


def check_fraction(value: Any, name: str) -> None:
    """Raises a ValueError unless 0 < value < 1."""
    if not _between(value, 0, 1):
        raise ValueError(f"`{name}` must lie strictly between 0 and 1; got {value!r}.")


def check_positive(value: Any, name: str) -> None:
    """Raises a ValueError unless `value` is positive and finite."""
    if not _between(value, 0, float("inf")):
        raise ValueError(f"`{name}` must be positive and finite; got {value!r}.")


def _between(value, low, high):
    try:
        return bool(low < value < high)
    except (TypeError, ValueError):  # no number, or several
        return False


def check_place(basis: Any) -> None:
    """Raises a ValueError unless `basis` names a place for Lanczos vectors."""
    if basis not in PLACES:
        raise ValueError(f"`basis` must be one of {', '.join(PLACES)}; got {basis!r}.")
