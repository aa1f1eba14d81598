"""Which examples are taken, in which order, and with which labels."""

import numpy as np

from lsgeo.data.sources._pool import Images, Pool, Signals

_TEST_SHARE = 0.25
_LABELS = 1  # Apart from the generator of the split, which has the bare seed.


def parts(pool: Pool, *, subset: str, seed: int) -> list[tuple[Images | Signals, np.ndarray]]:
    """Returns both parts' images with their order: ((images, index), (images, index)).

    A quarter of each class is set aside for testing where there is no official test set.
    """
    if pool.test is None:
        order = _balanced(pool.train.label, seed)
        num_test = np.ceil(len(order) * _TEST_SHARE).astype(int)
        chosen = [(pool.train, order[num_test:]), (pool.train, order[:num_test])]
    else:
        chosen = [(part, _balanced(part.label, seed)) for part in (pool.train, pool.test)]
    if subset == "first":
        chosen = [(images, np.sort(index)) for images, index in chosen]
    return chosen


def first(argument: str, index: np.ndarray, size: int | None) -> np.ndarray:
    """Returns the first `size` entries; None takes all."""
    if size is None:
        return index
    if not 1 <= size <= len(index):
        raise ValueError(f"`{argument}` must be between 1 and {len(index)}; got {size}.")
    return index[:size]


def randomise(labels: np.ndarray, num_classes: int, share: float, seed: int) -> np.ndarray:
    """Draws labels anew, uniformly over the classes, each with probability `share`."""
    # One row per example: the first n do not depend on how many there are.
    draws = np.random.default_rng([seed, _LABELS]).random((len(labels), 2))
    drawn = (num_classes * draws[:, 1]).astype(labels.dtype)
    return np.where(draws[:, 0] < share, drawn, labels)


def _balanced(labels, seed):
    # Ordered by (rank within the class, class): prefixes are balanced.
    rng = np.random.default_rng(seed)
    index = rng.permutation(len(labels))
    rank = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = index[labels[index] == label]
        rank[members] = np.arange(len(members))
    return np.lexsort((labels, rank))
