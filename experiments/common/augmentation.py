"""What a training configuration does to its mini-batches, as functions that equal configurations share."""

import functools

from lsgeo import data

MODES = {"none": "", "crop-flip": "constant", "reflect-flip": "reflect"}


@functools.cache
def augment(name: str):
    """Returns the change of images that a name stands for, or None.

    Raises:
      ValueError: for an unknown name.
    """
    if name not in MODES:
        raise ValueError(f"Unknown `augment`: {name!r}. Choose one of: {', '.join(MODES)}.")
    if name == "none":
        return None
    return functools.partial(data.augment, padding=4, mode=MODES[name])


@functools.cache
def mix(alpha: float, num_classes: int):
    """Returns the mixup of a batch with Beta(alpha, alpha), or None for 0.

    Raises:
      ValueError: if `alpha` is negative.
    """
    if alpha < 0:
        raise ValueError(f"`mixup` must be 0 or positive; got {alpha}.")
    if alpha == 0:
        return None
    return functools.partial(data.mixup, num_classes=num_classes, alpha=alpha)
