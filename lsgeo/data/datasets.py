"""Datasets by name, with a fixed, class-balanced split."""

import dataclasses
import hashlib

import numpy as np

from lsgeo.data.digits import digits

DATASETS = {"digits": digits}
_TEST_SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Images and labels in memory.

    Attributes:
      name: the dataset's name.
      train: {"image": float32 [N, H, W, C], "label": int32 [N]}, standardised.
      test: the same for the test examples, standardised with the training set's mean and deviation.
      num_classes: number of classes.
      sha256: of all four arrays, with their shapes and dtypes.
    """

    name: str
    train: dict[str, np.ndarray]
    test: dict[str, np.ndarray]
    num_classes: int
    sha256: str

    def __str__(self) -> str:
        """One line: name, sizes and the hash's beginning."""
        sizes = f"{len(self.train['label'])} train, {len(self.test['label'])} test examples"
        return f"Dataset {self.name}: {sizes}, {self.num_classes} classes, {self.sha256[:12]}"


def load(
    name: str, *, num_train: int | None = None, num_test: int | None = None, seed: int = 0
) -> Dataset:
    """Loads a dataset.

    A quarter of each class is set aside for testing before any subset is taken, so that no size
    ever trains on another size's test examples. Subsets are balanced over the classes as far as
    the classes reach, and nested: the first n examples of a larger subset are the smaller one.

    Args:
      name: "digits" (1347 train and 450 test examples).
      num_train: number of training examples; None takes all.
      num_test: number of test examples; None takes all.
      seed: chooses the split and the subsets, by NumPy's generator.

    Returns:
      Dataset, with images standardised by one mean and one deviation, those of `train`.

    Raises:
      ValueError: for an unknown name, or sizes that the split cannot give.
    """
    if name not in DATASETS:
        known = ", ".join(sorted(DATASETS))
        raise ValueError(f"Unknown dataset: {name!r}. Choose one of: {known}.")
    pixels, labels = DATASETS[name]()
    train, test = _split(labels, seed)
    train = _first("num_train", train, num_train)
    test = _first("num_test", test, num_test)
    # Sums of whole numbers are exact in float64: the same bits on every machine.
    mean = pixels[train].mean()
    deviation = np.sqrt((pixels[train] ** 2).mean() - mean**2)

    def batch(index):
        image = ((pixels[index] - mean) / deviation).astype(np.float32)
        return {"image": image, "label": labels[index]}

    parts = batch(train), batch(test)
    return Dataset(name, *parts, num_classes=int(labels.max()) + 1, sha256=_sha256(*parts))


def _split(labels, seed):
    # Indices of both parts, ordered by (rank within the class, class): prefixes are balanced.
    rng = np.random.default_rng(seed)
    index = rng.permutation(len(labels))
    rank = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = index[labels[index] == label]
        rank[members] = np.arange(len(members))
    order = np.lexsort((labels, rank))
    num_test = np.ceil(len(labels) * _TEST_SHARE).astype(int)
    return order[num_test:], order[:num_test]


def _first(argument, index, size):
    if size is None:
        return index
    if not 1 <= size <= len(index):
        raise ValueError(f"`{argument}` must be between 1 and {len(index)}; got {size}.")
    return index[:size]


def _sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        for name in sorted(part):
            digest.update(f"{name} {part[name].dtype.str} {part[name].shape}".encode())
            digest.update(np.ascontiguousarray(part[name]).tobytes())
    return digest.hexdigest()
