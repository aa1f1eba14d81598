"""Where training becomes unstable: on a quadratic in closed form, and by the losses of one that was run."""

import math
from collections.abc import Sequence

import numpy as np

from lsgeo.checks import check_positive

LIMITED = ("sgd", "momentum", "nesterov", "adam")


def stability_limit(
    optimizer: str, learning_rate: float, *, momentum: float = 0.9, b1: float = 0.9
) -> float:
    """Returns the largest sharpness at which full-batch steps with a learning rate do not grow.

    On a quadratic every eigendirection of the Hessian is a linear recurrence of its own, stable as long as
    its eigenvalue is below (Cohen et al. 2021; Cohen et al. 2022 for Adam)

      "sgd"       2 / lr
      "momentum"  2 (1 + m) / lr, the heavy ball v = m v + g, w -= lr v
      "nesterov"  2 (1 + m) / (lr (1 + 2 m)), w -= lr (g + m v)
      "adam"      2 (1 + b1) / ((1 - b1) lr), of the preconditioned Hessian P^-1/2 H P^-1/2 with
                  P = `adam_diagonal`, 38 / lr by default

    Args:
      optimizer: one of these names.
      learning_rate: positive.
      momentum: m of the two that have one, without damping, as in `optax.sgd`.
      b1: Adam's decay of the first moment.

    Returns:
      The limit in the units of the Hessian, loss / parameter^2; of Adam, in 1 / lr's.

    Raises:
      ValueError: for an optimiser without a known limit, or a number out of range.

    Example:
      >>> from lsgeo.geometry import stability_limit
      >>> stability_limit("sgd", 0.1), round(stability_limit("momentum", 1.0), 6)
      (20.0, 3.8)
    """
    if optimizer not in LIMITED:
        raise ValueError(
            f"Unknown `optimizer`: {optimizer!r}. A closed form is known for: {', '.join(LIMITED)}."
        )
    check_positive(learning_rate, "learning_rate")
    for name, value in (("momentum", momentum), ("b1", b1)):
        if not 0 <= value < 1:
            raise ValueError(f"`{name}` must be at least 0 and below 1; got {value!r}.")
    numerator = {
        "sgd": 2.0,
        "momentum": 2 * (1 + momentum),
        "nesterov": 2 * (1 + momentum) / (1 + 2 * momentum),
        "adam": 2 * (1 + b1) / (1 - b1),
    }
    return numerator[optimizer] / learning_rate


def mean_at_end(losses: Sequence[float]) -> float:
    """Returns the mean of the last tenth of the losses, of one at least."""
    return float(np.mean(losses[-max(1, len(losses) // 10) :]))


def ends_below(losses: Sequence[float], *, bound: float = math.inf, share: float = 1.0) -> bool:
    """Whether `mean_at_end` is below a share of the first loss, or of `bound` where it is lower; NaN is not."""
    return bool(mean_at_end(losses) < share * min(losses[0], bound))
