"""Has a surface more minima than a random field that is as rough?"""

from typing import Any

import jax
import numpy as np
from scipy import stats
from scipy.fft import dctn, idctn

from lsgeo import trees
from lsgeo.checks import check_count, check_key, check_positive
from lsgeo.geometry.terrain.merge_tree import merge_tree, plane_of


@trees.frozen
class PersistenceNull:
    """Persistent minima of a surface and of random fields with its spectrum; see `persistence_null`.

    Attributes:
      count: of the surface, NaN where one of its values is not finite.
      counts: (num_fields,) of the fields.
      threshold: barrier above which a minimum counts, in normal scores.
      p_more: probability that a field has as many or more.
      p_fewer: probability that it has as many or fewer.
    """

    count: float
    counts: np.ndarray
    threshold: float
    p_more: float
    p_fewer: float

    def __str__(self) -> str:
        return (
            f"{self.count:g} minima behind barriers above {self.threshold:.3g}, random fields "
            f"{np.mean(self.counts):.3g} (p = {self.p_more:.3g} for as many, {self.p_fewer:.3g} for as few)"
        )


def persistence_null(
    values: Any,
    *,
    key: jax.Array,
    threshold: float = 0.1,
    num_fields: int = 199,
    neighbours: int = 8,
) -> PersistenceNull:
    """Compares the number of persistent minima with that of random fields of the same spectrum.

    Merge trees do not ask for the scale of the loss, so neither does this: values are first replaced by their
    normal scores, the quantiles of a normal distribution at their ranks. Losses that range over decades, or
    have walls around them, are compared as what they are but for an increasing map.

    A field keeps the size of every coefficient of the cosine transform, and with them variance, and
    draws their signs at random: what phases are in surrogate data (Theiler et al. 1992). Unlike Fourier's, this
    transform does not take the surface for periodic and so sees no cliff at its edge.

    The null hypothesis is that the scores are such a draw: where signs leave their law unchanged, p <= alpha
    has at most probability alpha, whatever the number of fields. A bowl is no such draw: it has fewer minima.
    Scores of a random field are one but nearly, since ranks tie its coefficients: of 150 Gaussian fields with
    a spectrum as 1 / (1 + k^2), p_fewer <= 0.05 came up in 9 %, and p_more <= 0.05 in 2 %. So take a small
    `p_more` as it is, and a `p_fewer` near alpha with care.

    Args:
      values: [ny, nx] losses, or a Surface.
      key: typed random key of the signs.
      threshold: barrier above which a minimum counts, in standard deviations of the scores.
      num_fields: random fields; the smallest p is 1 / (num_fields + 1).
      neighbours: as `merge_tree`.

    Returns:
      PersistenceNull; NaN where a value is not finite.

    Raises:
      ValueError: if an argument is out of range, or as `merge_tree`.
    """
    check_key(key)
    check_positive(threshold, "threshold")
    check_count(num_fields, "num_fields")
    values = plane_of(values, neighbours)
    if not np.all(np.isfinite(values)):
        lost = np.full(num_fields, np.nan)
        return PersistenceNull(np.nan, lost, np.nan, np.nan, np.nan)
    scores = stats.norm.ppf((stats.rankdata(values) - 0.5) / values.size).reshape(values.shape)
    level = threshold * float(np.std(scores))
    count = merge_tree(scores, neighbours=neighbours).count(level)
    coefficients = dctn(scores, norm="ortho")
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    counts = np.empty(num_fields)
    for k in range(num_fields):
        signs = rng.choice([-1.0, 1.0], scores.shape)
        signs[0, 0] = 1.0  # the mean
        field = idctn(coefficients * signs, norm="ortho")
        counts[k] = merge_tree(field, neighbours=neighbours).count(level)
    more, fewer = np.sum(counts >= count), np.sum(counts <= count)
    total = num_fields + 1
    return PersistenceNull(
        float(count), counts, level, float(1 + more) / total, float(1 + fewer) / total
    )
