"""The data that a description of a training names."""

import functools

from experiments.common import tokens
from lsgeo import data, models
from lsgeo.models import spelling
from lsgeo.training import Description


def load_data(config: Description) -> data.Dataset:
    """Loads the data of a description.

    Raises:
      ValueError: for a dataset, an option or a size that does not exist, or a library that is not there.
    """
    sizes = (config.num_train or None, config.num_test or None, config.data_seed)
    if config.dataset == tokens.NAME:
        return _load(tokens.load, config.dataset, *sizes)
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
