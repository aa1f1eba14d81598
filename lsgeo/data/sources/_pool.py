"""What the readers hand over: examples with labels, before any subset and any standardisation."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Images:
    """Images as they are in the files.

    Attributes:
      image: uint8 [N, H, W, C].
      label: int32 [N].
    """

    image: np.ndarray
    label: np.ndarray

    @classmethod
    def of(
        cls,
        image: np.ndarray,
        label: np.ndarray,
        *,
        source: str,
        num_classes: int,
        shape: tuple[int, int, int] | None = None,
    ) -> "Images":
        """Checks images and labels against each other and against what the data set is said to be.

        Args:
          image: uint8 [N, H, W, C].
          label: whole numbers [N].
          source: what the errors call them.
          num_classes: labels lie below it.
          shape: the (H, W, C) that the data set has; None takes any.

        Raises:
          ValueError: for another type, shape or number, or a label outside the classes.
        """
        if image.dtype != np.uint8 or image.ndim != 4:
            raise ValueError(
                f"{source}: images must be uint8 [N, H, W, C]; got {image.dtype} {list(image.shape)}."
            )
        if shape is not None and image.shape[1:] != tuple(shape):
            raise ValueError(
                f"{source}: images must be {_size(shape)}; these are {_size(image.shape[1:])}."
            )
        if label.dtype.kind not in "iu" or label.shape != image.shape[:1]:
            raise ValueError(
                f"{source}: {len(image)} images need as many whole-number labels; "
                f"got {label.dtype} {list(label.shape)}."
            )
        if len(image) == 0:
            raise ValueError(f"{source}: there are no images.")
        _check_classes(label, source, num_classes)
        return cls(image, label.astype(np.int32))


@dataclasses.dataclass(frozen=True)
class Signals:
    """Vectors whose scale is the data set's own: nothing standardises them.

    Attributes:
      image: float32 [N, D].
      label: int32 [N].
    """

    image: np.ndarray
    label: np.ndarray

    @classmethod
    def of(
        cls, image: np.ndarray, label: np.ndarray, *, source: str, features: int, num_classes: int
    ) -> "Signals":
        """Checks vectors [N, features] and labels [N] against each other, and takes them over.

        Raises:
          ValueError: for another shape, a number that is not finite, or a label outside the classes.
        """
        if image.shape != (*label.shape, features) or not np.isfinite(image).all():
            raise ValueError(
                f"{source}: signals must be finite numbers [N, {features}] with N labels; got "
                f"{list(image.shape)} and {list(label.shape)}."
            )
        _check_classes(label, source, num_classes)
        return cls(image.astype(np.float32), label.astype(np.int32))


@dataclasses.dataclass(frozen=True)
class Pool:
    """All examples of a data set.

    Attributes:
      train: the official training set, or all examples where `test` is None.
      test: the official test set; None where there is none.
      num_classes: number of classes.
    """

    train: Images | Signals
    test: Images | Signals | None
    num_classes: int


def _check_classes(label, source, num_classes):
    outside = np.flatnonzero((label < 0) | (label >= num_classes))
    if len(outside):
        raise ValueError(
            f"{source}: label {label[outside[0]]} of example {outside[0]} is outside the "
            f"{num_classes} classes, 0 to {num_classes - 1}."
        )


def _size(shape):
    return " x ".join(map(str, shape))
