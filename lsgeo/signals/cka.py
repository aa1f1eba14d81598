"""How alike are two layers' representations of the same examples? Centred kernel alignment."""

from collections.abc import Sequence

import numpy as np

from lsgeo import trees

_FEWEST = 5  # The unbiased estimate needs four examples, the jackknife one to leave out.


@trees.frozen
class CKA:
    """Alignment of each layer of one network with each of another; see `linear_cka`."""

    values: np.ndarray  # (first, second)
    standard_errors: np.ndarray  # (first, second), of values, over examples
    biased: np.ndarray  # (first, second), the estimate of Kornblith et al., for comparison
    num_examples: int

    def __str__(self) -> str:
        rows, columns = self.values.shape
        return (
            f"CKA of {rows} x {columns} layers on {self.num_examples} examples: "
            f"{np.min(self.values):.3f} to {np.max(self.values):.3f}, standard error at most "
            f"{np.max(self.standard_errors):.2g}"
        )


def linear_cka(first: Sequence[np.ndarray], second: Sequence[np.ndarray] | None = None) -> CKA:
    """Compares representations by linear centred kernel alignment, HSIC(X, Y) / sqrt(HSIC(X, X) HSIC(Y, Y)).

    For features of covariance C this is ||C_xy||^2 / (||C_xx|| ||C_yy||) in Frobenius norms: 1 for features
    that differ by a rotation, a shift and one scale, 0 for uncorrelated ones (Kornblith et al. 2019,
    section 3). Each HSIC is the unbiased estimate (Song et al. 2012, eq. 5; Nguyen et al. 2021). The one
    that the paper uses tends to 1, whatever the features are, as their number outgrows the examples; it
    is `biased`. Standard errors are the exact jackknife over examples, at the cost of one estimate.

    What is alike in two layers is not what either does: a few strong directions decide (Davari et al.
    2023). Where a layer does not vary with the example, or the estimated HSIC is not positive, the
    alignment is NaN.

    Args:
      first: activations of each layer, [N, ...], the same N examples; other axes are features.
      second: those of another network, or of other layers; by default `first`.

    Returns:
      CKA. A layer of fewer features than examples costs no N x N matrix.

    Raises:
      ValueError: for no layer, different numbers of examples, or fewer than 5.

    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> linear_cka([x], [2 * x[:, ::-1] + 1]).values.round(6).tolist()
    [[1.0]]
    """
    rows = _prepare(first, "first")
    columns = rows if second is None else _prepare(second, "second")
    n = rows[0].count
    if columns[0].count != n:
        raise ValueError(
            f"`second` has {columns[0].count} examples, but `first` has {n}: both must be of the same ones."
        )
    own = {id(part): _moments(part, part) for part in [*rows, *columns]}
    shape = (len(rows), len(columns))
    found = np.empty((3, *shape))
    for i, j in np.ndindex(shape):
        if second is None and j < i:
            found[:, i, j] = found[:, j, i]
            continue
        same = own[id(rows[i])], own[id(columns[j])]
        found[:, i, j] = _alignment(_moments(rows[i], columns[j]), *same)
    return CKA(*found, n)


class _Layer:
    """Centred features [N, p], or where p is at least N their Gram matrix."""

    def __init__(self, activations):
        x = np.asarray(activations, np.float64).reshape(len(activations), -1)
        # The mean of equal numbers is not that number but for rounding; their differences are zero.
        x = x - x[0]
        x = x - x.mean(0)
        self.count = len(x)
        self.wide = x.shape[1] >= len(x)
        self.values = x @ x.T if self.wide else x
        self.diagonal = np.diagonal(self.values) if self.wide else (x**2).sum(1)
        # Row sums of the Gram matrix without its diagonal: those of the whole are zero by the centring.
        self.sums = -self.diagonal

    def times(self, vectors):
        """The Gram matrix times [N, k]."""
        x = self.values
        return x @ vectors if self.wide else x @ (x.T @ vectors)

    def products(self, other):
        """sum_j K_ij L_ij for each example i."""
        if self.wide and other.wide:
            return (self.values * other.values).sum(1)
        if self.wide:
            return other.products(self)
        x = self.values
        if other.wide:
            return ((other.values @ x) * x).sum(1)
        return ((x @ (x.T @ other.values)) * other.values).sum(1)


def _prepare(layers, name):
    counts = {len(layer) for layer in layers}
    if len(counts) != 1 or min(counts) < _FEWEST:
        raise ValueError(
            f"`{name}` must hold layers seen on the same examples, at least {_FEWEST}; got "
            f"{[np.shape(layer) for layer in layers]}."
        )
    return [_Layer(layer) for layer in layers]


def _moments(one, other):
    """The biased HSIC, the unbiased one, and the unbiased one without each example."""
    n = one.count
    whole = one.products(other)
    products = whole - one.diagonal * other.diagonal
    k, m = one.sums, other.sums
    # K~ m and L~ k, the matrices without their diagonals.
    mixed = one.times(m[:, None])[:, 0] - one.diagonal * m
    mixed += other.times(k[:, None])[:, 0] - other.diagonal * k
    trace, cross = products.sum(), k @ m
    left = trace - 2 * products
    sums = (k.sum() - 2 * k) * (m.sum() - 2 * m)
    crosses = cross - k * m - mixed + products
    return (
        whole.sum(),
        _unbiased(trace, k.sum() * m.sum(), cross, n),
        _unbiased(left, sums, crosses, n - 1),
    )


def _unbiased(trace, sums, cross, n):
    return (trace + sums / ((n - 1) * (n - 2)) - 2 * cross / (n - 2)) / (n * (n - 3))


def _alignment(both, one, other):
    with np.errstate(invalid="ignore", divide="ignore"):
        biased, value, without = (
            b / np.sqrt(x * y) for b, x, y in zip(both, one, other, strict=True)
        )
    n = len(without)
    error = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    return value, error, biased
