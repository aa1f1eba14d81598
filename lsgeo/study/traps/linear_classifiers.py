"""The best linear classifier of a batch, and what the labels leave for it to explain."""

import dataclasses
import warnings

import jax
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from lsgeo import models

Batch = dict[str, jax.Array]
GRADIENT = 1e-6  # about the rounding of a gradient in float32


@dataclasses.dataclass(frozen=True)
class LinearClassifier:
    """The best softmax regression on a batch; see `fit_linear`.

    Attributes:
      kernel: [D, classes].
      bias: [classes].
      loss: its mean cross-entropy in nats, the least that any affine function of the inputs has.
      gradient: largest component of the loss's gradient, 0 at the optimum.
      accuracy: share of the examples.
    """

    kernel: np.ndarray
    bias: np.ndarray
    loss: float
    gradient: float
    accuracy: float

    def __str__(self) -> str:
        return (
            f"linear classifier: loss {self.loss:.6g} (gradient {self.gradient:.1g}), accuracy "
            f"{self.accuracy:.3f}"
        )


def fit_linear(batch: Batch, num_classes: int) -> LinearClassifier:
    """Fits softmax regression without any penalty, in float64 on the host.

    Args:
      batch: {"image": [N, ...], "label": [N]}.
      num_classes: each must occur.

    Returns:
      LinearClassifier.

    Raises:
      ValueError: if a class does not occur, or the data can be told apart linearly, or nearly so: then there is
        no best classifier, its loss goes to zero.

    Example:
      >>> import numpy as np
      >>> from lsgeo.study import fit_linear
      >>> batch = {"image": np.array([[0.0], [1.0]] * 2), "label": np.array([0, 0, 1, 1])}
      >>> round(fit_linear(batch, 2).loss, 6) == round(float(np.log(2)), 6)
      True
    """
    inputs, right = flat_inputs(batch), one_hot(batch, num_classes)
    labels = right.argmax(1)
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000, solver="newton-cg")
    with warnings.catch_warnings():  # The gradient decides, below.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(inputs, labels)
    kernel, bias = model.coef_.T, model.intercept_
    if num_classes == 2:  # scikit-learn keeps the difference of the two
        kernel, bias = (np.concatenate([-part / 2, part / 2], -1) for part in (kernel, bias))
    logits = inputs @ kernel + bias
    logits -= logits.max(1, keepdims=True)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    accuracy = float((logits.argmax(1) == labels).mean())
    if accuracy == 1:
        raise ValueError(
            "a linear classifier tells all examples of `batch` apart, so that its loss has no minimum to build "
            "on. Take more examples, fewer classes (labels modulo a number) or random labels."
        )
    error = (shares - right) / len(labels)
    slope = max(np.abs(inputs.T @ error).max(), np.abs(error.sum(0)).max())
    if not slope <= GRADIENT:
        raise ValueError(
            f"the best linear classifier of `batch` was not found: its gradient is still {slope:.1g}. The data "
            "are nearly told apart by one, or badly scaled; take more examples, or fewer classes."
        )
    loss = -np.log((shares * right).sum(1)).mean()
    return LinearClassifier(kernel, bias, float(loss), float(slope), accuracy)


def log_shares(batch: Batch, num_classes: int) -> np.ndarray:
    """Logarithms of the classes' shares of a batch, [classes]: the best constant logits."""
    return np.log(one_hot(batch, num_classes).mean(0))


def label_signal(batch: Batch, num_classes: int) -> float:
    """The largest singular value of E[(onehot - class shares) x'], the inputs' covariance with the labels.

    The lowest eigenvalue of the loss's Hessian at the zero point of a network x + F(x) is its negative: the
    logits are H S x there to second order, in the head H and the stem S alone.
    """
    right = one_hot(batch, num_classes)
    covariance = (right - right.mean(0)).T @ flat_inputs(batch) / len(right)
    return float(np.linalg.norm(covariance, 2))


def flat_inputs(batch: Batch) -> np.ndarray:
    """The inputs as a matrix [N, D] of float64."""
    image = np.asarray(batch["image"], np.float64)
    return image.reshape(len(image), -1)


def one_hot(batch: Batch, num_classes: int) -> np.ndarray:
    """The labels as a matrix [N, classes]; a ValueError where there is another class, or one does not occur."""
    labels = np.asarray(batch["label"])
    models.check_labels(labels, num_classes)
    found = np.unique(labels).tolist()
    if found != list(range(num_classes)):
        raise ValueError(
            f"`batch` must have examples of all {num_classes} classes, labelled from 0; it has the labels "
            f"{found}. Take more examples, or another number of classes."
        )
    return np.eye(num_classes)[labels]
