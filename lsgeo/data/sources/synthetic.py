"""Data with a known law, drawn from a seed: inputs [N, D], not standardised.

The training and the test set come from separate generators. A larger set begins with the smaller one,
but for "deep-linear", whose whitening depends on all inputs, and "chebyshev", whose points are spaced evenly.
Factorisations and matrix products round as the machine's linear algebra does: the last bits, and the hash, may
differ between machines, which those of image data do not.
"""

import math

import numpy as np

Part = dict[str, np.ndarray]
Parts = tuple[Part, Part, int]  # train, test, number of classes (0 for regression)


def gaussian_mixture(
    num_train: int | None,
    num_test: int | None,
    seed: int,
    *,
    num_classes: int = 2,
    dim: int = 10,
    separation: float = 3.0,
) -> Parts:
    """Draws balanced classes N(mean_k, I) whose means are `separation` apart, each from each other.

    The means are orthogonal and of equal length. Two classes have the Bayes error Phi(-separation / 2).

    Args:
      num_train: number of training examples; None takes 1000.
      num_test: number of test examples; None takes 1000.
      seed: chooses the means and the examples.
      num_classes: number of classes, at most `dim`.
      dim: input dimension.
      separation: distance between two means, in standard deviations within a class.

    Raises:
      ValueError: for sizes below 1, or more classes than dimensions.
    """
    if not 2 <= num_classes <= dim:
        raise ValueError(
            f"`num_classes` must be between 2 and `dim` = {dim}, for the means are orthogonal; "
            f"got {num_classes}."
        )
    rngs = _generators(seed)
    means = separation / math.sqrt(2) * _orthonormal(rngs[0], dim, num_classes).T

    def draw(rng, size):
        label = np.arange(size) % num_classes
        return _part(means[label] + rng.normal(size=(size, dim)), label=label)

    sizes = _sizes(num_train, num_test, 1000, 1000)
    return *(draw(*pair) for pair in zip(rngs[1:], sizes, strict=True)), num_classes


def teacher_student(
    num_train: int | None, num_test: int | None, seed: int, *, dim: int = 10, hidden: int = 3
) -> Parts:
    """Draws standard normal inputs with the targets of a soft committee machine.

    y = sum over the hidden units of erf(w_m . x / sqrt(2)) with orthonormal w_m (Saad & Solla 1995), so that
    y has mean 0 and variance hidden / 3. A student of the same form has minima of loss 0.

    Args:
      num_train: number of training examples; None takes 1000.
      num_test: number of test examples; None takes 1000.
      seed: chooses the teacher and the examples.
      dim: input dimension.
      hidden: the teacher's hidden units, at most `dim`.

    Raises:
      ValueError: for sizes below 1, or more hidden units than dimensions.
    """
    from scipy.special import erf

    if not 1 <= hidden <= dim:
        raise ValueError(
            f"`hidden` must be between 1 and `dim` = {dim}, for the teacher's weights are orthonormal; "
            f"got {hidden}."
        )
    rngs = _generators(seed)
    weights = _orthonormal(rngs[0], dim, hidden)

    def draw(rng, size):
        x = rng.normal(size=(size, dim))
        return _part(x, target=erf(x @ weights / math.sqrt(2)).sum(1, keepdims=True))

    sizes = _sizes(num_train, num_test, 1000, 1000)
    return *(draw(*pair) for pair in zip(rngs[1:], sizes, strict=True)), 0


def deep_linear(
    num_train: int | None,
    num_test: int | None,
    seed: int,
    *,
    dim: int = 10,
    singular_values: tuple[float, ...] = (4.0, 3.0, 2.0, 1.0),
) -> Parts:
    """Draws whitened inputs with the targets of a linear teacher (Saxe et al. 2014).

    The training inputs satisfy X'X / N = I exactly, so that the training loss of a linear network depends on
    its end-to-end matrix W alone: the mean of |y - W x|^2 is |W - teacher|_F^2, whose minimum is 0. The
    singular values of the teacher are given, its singular vectors are random. Test inputs are standard normal.

    Args:
      num_train: number of training examples, at least `dim`; None takes 1000.
      num_test: number of test examples; None takes 1000.
      seed: chooses the teacher and the examples.
      dim: input dimension.
      singular_values: one per output, at most `dim` of them; 0 lowers the teacher's rank.

    Raises:
      ValueError: for sizes that cannot be whitened, or more outputs than inputs.
    """
    outputs = len(singular_values)
    if not 1 <= outputs <= dim:
        raise ValueError(
            f"`singular_values` must be between 1 and `dim` = {dim} numbers; got {outputs}."
        )
    sizes = _sizes(num_train, num_test, 1000, 1000)
    if sizes[0] < dim:
        raise ValueError(
            f"`num_train` must be at least `dim` = {dim}, or the inputs cannot be white; got {sizes[0]}."
        )
    rngs = _generators(seed)
    right, left = _orthonormal(rngs[0], dim, outputs), _orthonormal(rngs[0], outputs, outputs)
    teacher = right * np.asarray(singular_values, np.float64) @ left.T  # [dim, outputs]
    train = math.sqrt(sizes[0]) * _orthonormal(rngs[1], sizes[0], dim)
    test = rngs[2].normal(size=(sizes[1], dim))
    return _part(train, target=train @ teacher), _part(test, target=test @ teacher), 0


def chebyshev(num_train: int | None, num_test: int | None, seed: int, *, degree: int = 5) -> Parts:
    """Spaces points evenly on [-1, 1], both ends included; the target is a Chebyshev polynomial T_degree.

    The regression of the edge-of-stability papers (Cohen et al. 2021): 20 points, degrees 3 to 5, one output.

    Args:
      num_train: number of training points; None takes 20.
      num_test: number of test points, spaced evenly as well; None takes 100.
      seed: unused, nothing is random.
      degree: of the polynomial.

    Raises:
      ValueError: for fewer than two points, or a negative degree.
    """
    del seed
    sizes = _sizes(num_train, num_test, 20, 100)
    if min(sizes) < 2 or degree < 0:
        raise ValueError(
            f"Chebyshev regression needs two points and a `degree` of 0 or more; got {sizes[0]} training "
            f"points, {sizes[1]} test points and degree {degree}."
        )

    def spaced(size):
        x = np.linspace(-1, 1, size)[:, None]
        return _part(x, target=np.polynomial.chebyshev.chebval(x, [0] * degree + [1]))

    return spaced(sizes[0]), spaced(sizes[1]), 0


SYNTHETIC = {
    "gaussian-mixture": gaussian_mixture,
    "teacher-student": teacher_student,
    "deep-linear": deep_linear,
    "chebyshev": chebyshev,
}


def _generators(seed):
    # Of the law, of the training set and of the test set.
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3)]


def _sizes(num_train, num_test, default_train, default_test):
    sizes = (
        default_train if num_train is None else num_train,
        default_test if num_test is None else num_test,
    )
    for argument, size in zip(("num_train", "num_test"), sizes, strict=True):
        if size < 1:
            raise ValueError(f"`{argument}` must be at least 1; got {size}.")
    return sizes


def _orthonormal(rng, rows, columns):
    q, r = np.linalg.qr(rng.normal(size=(rows, columns)))
    return q * np.sign(
        np.diag(r)
    )  # Uniform (Mezzadri 2007), and no sign left to the LAPACK in use.


def _part(x, *, label=None, target=None):
    part = {"image": x.astype(np.float32)}
    if label is not None:
        return part | {"label": label.astype(np.int32)}
    return part | {"target": target.astype(np.float32)}
