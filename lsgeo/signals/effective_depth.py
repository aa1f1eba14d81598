"""How many blocks deep is a residual network? Counted by what each branch adds to the stream."""

from collections.abc import Sequence

import numpy as np

from lsgeo import trees


@trees.frozen
class EffectiveDepth:
    """Share of each of L branches in the stream above it, at N examples; see `effective_depth`."""

    shares: np.ndarray  # (N, L), ||F||^2 / (||x||^2 + ||F||^2)

    @property
    def value(self) -> float:
        """Sum of the shares, mean over examples: between 0 and L."""
        return float(self.shares.sum(1).mean())

    @property
    def standard_error(self) -> float:
        """Of the value, over examples; NaN for one example."""
        n = len(self.shares)
        return float(self.shares.sum(1).std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")

    def __str__(self) -> str:
        examples, branches = self.shares.shape
        return (
            f"EffectiveDepth {self.value:.3g} ± {self.standard_error:.1g} of {branches} branches "
            f"({examples} examples)"
        )


def effective_depth(
    streams: Sequence[np.ndarray], branches: Sequence[np.ndarray]
) -> EffectiveDepth:
    """Estimates the mean path length of a residual network from its forward pass.

    A branch of gain a^2 = ||F(x)||^2 / ||x||^2 carries a^2 / (1 + a^2) of the energy above it, and the sum of
    these shares is the mean of the Poisson-binomial law of path lengths (`path_length_law`): L a^2 /
    (1 + a^2) for equal gains, sum 1 / (l + 1), about ln L, where block l has the gain 1 / l, as batch norm
    has it at initialisation (De and Smith 2020). That is what gradients find (`gradient_path_energies`,
    `BackwardLesions.effective_depth`) as long as branches are independent of the stream and linear; a
    difference between the two is itself a result.

    Args:
      streams: what each branch is added to, [N, ...]: the stream below it, or where that changes its shape
        the shortcut's output.
      branches: what is added, of the same shape, with all its factors.

    Returns:
      EffectiveDepth; NaN shares where both are zero.

    Raises:
      ValueError: for no branch, or a pair of different shapes.

    >>> effective_depth([np.ones((2, 3))] * 4, [np.ones((2, 3))] * 4).value
    2.0
    """
    shapes = [np.shape(stream) for stream in streams], [np.shape(branch) for branch in branches]
    if not shapes[0] or shapes[0] != shapes[1]:
        raise ValueError(
            "`streams` and `branches` must be lists of arrays of the same shapes, one pair for each "
            f"branch; got {shapes[0]} and {shapes[1]}."
        )
    below, added = (
        np.stack([_energies(part) for part in parts], 1) for parts in (streams, branches)
    )
    with np.errstate(invalid="ignore"):
        return EffectiveDepth(added / (below + added))


def _energies(activations):
    rows = np.asarray(activations, np.float64)
    return (rows.reshape(len(rows), -1) ** 2).sum(1)
