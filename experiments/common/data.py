"""The data that a description of a training names; the digits as tokens are its own."""

import functools

import numpy as np

from experiments.common.problem import fingerprint
from lsgeo import data, models
from lsgeo.models import spelling
from lsgeo.training import Description

TOKENS = "digits-tokens"


def load_data(config: Description) -> data.Dataset:
    """Loads the data of a description.

    Raises:
      ValueError: for a dataset, an option or a size that does not exist, or a library that is not there.
    """
    sizes = (config.num_train or None, config.num_test or None, config.data_seed)
    if config.dataset == TOKENS:
        return _load(load_tokens, config.dataset, *sizes)
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in spelling.options(config.data_options).items()
    }
    options |= {"subset": config.subset, "random_labels": config.random_labels}
    try:
        return _load(data.load, config.dataset, *sizes, root=config.root or None, **options)
    except ImportError as error:  # A library of an extra, which the text names.
        raise ValueError(str(error)) from error


@functools.lru_cache(4)
def _load(load, name, num_train, num_test, seed, **options):
    return load(name, num_train=num_train, num_test=num_test, seed=seed, **options)


def check_task(config: Description, dataset: data.Dataset) -> None:
    """Raises a ValueError if the loss does not fit the data."""
    if dataset.num_classes:
        for part in (dataset.train, dataset.test):
            models.check_labels(part["label"], dataset.num_classes)
    elif config.loss != "squared_error" or config.mixup:
        raise ValueError(
            f"`dataset` {config.dataset} is a regression, which `loss` {config.loss!r} and `mixup` "
            f"{config.mixup} do not fit. Set loss='squared_error' and mixup=0."
        )


def load_tokens(
    name: str, *, num_train: int | None = None, num_test: int | None = None, seed: int = 0
) -> data.Dataset:
    """Reads the 8 x 8 pixels of each digit, 0 to 16, row by row; each is to be predicted from those before.

    The images decide how often that is possible at all: of the pixels of 30 images 98 % follow from those
    before them, at the others two images part. Sizes and seed are as in `lsgeo.data.load`.

    Returns:
      Dataset: {"image": int32 tokens [N, 63], "label": the tokens that follow them [N, 63]}; num_classes is the
      size of the vocabulary, 17.
    """
    digits = data.load("digits", seed=seed)
    levels = np.unique(digits.train["image"])  # All 17 are there.
    train = _shifted(levels, digits.train["image"], num_train)
    test = _shifted(levels, digits.test["image"], num_test)
    return data.Dataset(name, train, test, num_classes=len(levels), sha256=fingerprint(train, test))


def _shifted(levels, images, size):
    tokens = np.searchsorted(levels, images).reshape(len(images), -1).astype(np.int32)[:size]
    return {"image": tokens[:, :-1], "label": tokens[:, 1:]}
