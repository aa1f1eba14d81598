"""What a mean is over, and how much a batch or an example therefore weighs.

The loss of a batch is a mean over some things: its examples, or its unmasked tokens, or a mean with weights
whose sum takes the place of their number. The loss of all data is then the mean of the batches' losses, each
with its count as weight, and a batch's that of its examples.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo.operators.products import examples as ex

Count = Callable[[Any], Any] | None

# Relative; counts are sums, perhaps of float32 weights on the device.
_ROUNDING = 1e-5


def of(count: Count, batch: Any) -> float:
    """Returns how much a batch counts; None counts its examples.

    Raises:
      ValueError: if `count` is no function of a batch, or gives no finite number of at least zero.
    """
    if count is None:
        return float(ex.num_examples(batch))
    if not callable(count):
        raise ValueError(
            f"`count` must be a function of a batch, such as lambda batch: batch['mask'].sum(); got {count!r}."
        )
    try:
        value = np.asarray(count(batch))
    except Exception as error:
        raise ValueError(
            f"`count` cannot be computed from a batch of shapes {jax.tree.map(np.shape, batch)}: {error}"
        ) from error
    real = any(jnp.issubdtype(value.dtype, kind) for kind in (jnp.floating, jnp.integer, np.bool_))
    number = float(value) if real and value.ndim == 0 else np.nan
    if not 0 <= number < np.inf:
        raise ValueError(
            "`count` must give one finite number of at least zero, what the loss of the batch is a mean over; "
            f"got {value if value.size < 5 else f'an array of shape {value.shape}'}."
        )
    return number


def each(count: Count, batch: Any) -> np.ndarray:
    """Returns the counts of the single examples [N], in float64.

    Raises:
      ValueError: as `of`, or if they do not add up to that of the batch.
    """
    num = ex.num_examples(batch)
    if count is None:
        return np.ones(num)
    # On the host, where a slice of an array costs nothing.
    there = jax.tree.map(lambda leaf: leaf if ex.is_key(leaf) else ex.on_host(leaf), batch)
    parts = [of(count, row(there, i)) for i in range(num)]
    check_sum(of(count, batch), parts, num)
    return np.array(parts)


def row(batch: Any, i: int) -> Any:
    """Returns the batch of one example."""
    return jax.tree.map(lambda leaf: leaf[i : i + 1], batch)


def check_sum(together: float, parts: list[float], num: int) -> None:
    """Raises a ValueError unless the count of `num` examples is the sum of their counts."""
    if not abs(together - sum(parts)) <= _ROUNDING * together:
        raise ValueError(
            f"`count` must add up: {num} examples together have {together:.9g}, one by one they have "
            f"{sum(parts):.9g}. Return a sum over examples, as batch['mask'].sum(), in float32 or wider."
        )


def weigh(weights: Any, counted: np.ndarray) -> np.ndarray:
    """Returns the shares [N] of examples in the mean, in float64: weight times count, of sum one.

    Raises:
      ValueError: as `examples.normalized`, or if no example with a weight counts.
    """
    values = ex.normalized(weights, len(counted)) * counted
    total = values.sum()
    if not total > 0:
        raise ValueError(
            "`count` is zero for all examples that have a weight: there is no mean over nothing."
        )
    return values / total
