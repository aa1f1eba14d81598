"""What can be measured of one Hessian beyond its density, its ends and its trace.

Each instrument takes a Subject and returns arrays for one file.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import lsgeo
from lsgeo.results import DoesNotApplyError, entries

LAYER_PROBES, LAYER_STEPS = 2, 16


@dataclasses.dataclass(frozen=True)
class Subject:
    """One Hessian, what is known of it already, and how much more to spend."""

    op: lsgeo.LinearOperator
    gradient: Any
    density: lsgeo.SpectralDensity
    pairs: lsgeo.EigenPairs
    key: jax.Array
    density_key: jax.Array  # that the density was made with
    num_probes: int
    num_steps: int
    num_matvecs: int
    reference: str


def certificate(subject: Subject) -> dict[str, Any]:
    """How negative the lowest eigenvalue is, and how many there are below the noise."""
    first, second = jax.random.split(subject.key)
    found = lsgeo.negative_curvature(subject.op, key=first)
    index = lsgeo.index_estimate(
        subject.op, key=second, num_probes=subject.num_probes, num_steps=subject.num_steps
    )
    bounds = ("value", "residual", "lower_bound", "upper_end", "upper_bound", "noise")
    return {
        **entries(found, (*bounds, "certified")),
        **entries(index, prefix="index_"),
        "index_undetermined": index.undetermined,
        "text": f"{found}; {index}",
    }


def chebyshev(subject: Subject) -> dict[str, Any]:
    """The density by the kernel polynomial method, and how far its moments are from Lanczos'."""
    found = lsgeo.chebyshev_density(
        subject.op,
        key=subject.density_key,
        num_probes=subject.num_probes,
        num_moments=2 * subject.num_steps,
    )
    # A rule of m nodes has its probe's moments exactly up to 2m - 1; the probes are the same by key.
    nodes, weights = subject.density.nodes, subject.density.weights
    angles = np.arccos(
        np.clip((2 * nodes - found.low - found.high) / (found.high - found.low), -1, 1)
    )
    orders = np.arange(found.moments.shape[1])
    exact = np.sum(weights[..., None] * np.cos(angles[..., None] * orders), axis=1)
    gap = float(np.abs(exact - found.moments).max())
    return {
        **entries(found),
        "largest_gap": gap,
        "text": f"{found}; its moments differ from Lanczos' by at most {gap:.1g}",
    }


def bulk(subject: Subject) -> dict[str, Any]:
    """A random-matrix law fitted to the bulk, and the outliers beyond its edges."""
    try:
        found = lsgeo.fit_bulk(subject.density, subject.reference)
    except DoesNotApplyError as error:
        text = str(error).replace('reference="semicircle"', "--config.reference=semicircle")
        raise DoesNotApplyError(text) from error
    ends = ("lower", "value", "upper")
    return {
        **entries(found.above, ends, "above_"),
        **entries(found.below, ends, "below_"),
        "edges": np.asarray(found.edges),
        **entries(found, ("fits", "misfit", "allowed", "outside")),
        "text": str(found),
    }


def norms(subject: Subject) -> dict[str, Any]:
    """The Frobenius norm, and the share of its square that lies within layers."""
    first, second = jax.random.split(subject.key)
    norm = lsgeo.frobenius_norm(subject.op, key=first, num_matvecs=subject.num_matvecs)
    share = lsgeo.block_diagonal_share(subject.op, key=second)
    return {
        "frobenius_norm": norm.value,
        "frobenius_norm_error": norm.standard_error,
        "block_share": share.value,
        "block_share_error": share.standard_error,
        "text": f"||H||_F {norm}; within layers {share}",
    }


def alignment(subject: Subject) -> dict[str, Any]:
    """Where the extreme eigenvectors live, and how much of the gradient lies along the top ones."""
    positive = np.flatnonzero(subject.pairs.values > subject.pairs.noise)
    top = jax.tree.map(lambda leaf: leaf[positive], subject.pairs.vectors)
    masses = lsgeo.layer_mass(subject.pairs)
    result = {f"mass_{name}": mass for name, mass in masses.items()}
    text = "no positive eigenvalue"
    if len(positive):
        overlap = lsgeo.subspace_overlap(top, subject.gradient)
        result["overlap"] = overlap.value
        text = f"gradient in the top {len(positive)} eigenvectors: {overlap}"
    leaves = jax.tree.leaves(subject.pairs.vectors)
    vectors = np.concatenate([np.reshape(leaf, (len(leaf), -1)) for leaf in leaves], axis=1)
    return {**result, "values": subject.pairs.values, "vectors": vectors, "text": text}


def layers(subject: Subject) -> dict[str, Any]:
    """The spectrum of the diagonal block of every parameter leaf.

    A product with a block costs one with all of the operator, and leaves are many: so few are spent on each.
    """
    found = lsgeo.layer_spectra(
        subject.op,
        key=subject.key,
        num_probes=min(subject.num_probes, LAYER_PROBES),
        num_steps=min(subject.num_steps, LAYER_STEPS),
    )
    result = {}
    for name, density in found.items():
        result |= entries(density, prefix=f"{name}:")
    largest = max(found, key=lambda name: found[name].nodes.max())
    return {**result, "text": f"the largest block eigenvalue is that of {largest}"}


INSTRUMENTS: dict[str, Callable[[Subject], dict[str, Any]]] = {
    function.__name__: function
    for function in (certificate, bulk, chebyshev, norms, alignment, layers)
}
