"""Every spectral function where nothing promotes by itself: half precision, and leaves of two dtypes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo

KEY = jax.random.key(0)
KINDS = [(jnp.bfloat16, jnp.bfloat16), (jnp.float32, jnp.float64)]
# Few distinct values, so that few steps find them, of few bits, so that both dtypes hold them.
VALUES, N = np.array([-2.0, *[1.0] * 5, *[5.0] * 8, 15.0, 15.0]), 16


def _operator(kind):
    params = {"a": jnp.zeros((2, 4), kind[0]), "b": jnp.zeros(8, kind[1])}
    scale = {
        name: jnp.asarray(part.reshape(params[name].shape), params[name].dtype)
        for name, part in zip("ab", np.split(VALUES, 2), strict=True)
    }

    def loss(params, batch):
        halves = (jnp.sum(batch[n] * params[n] ** 2).astype(jnp.float64) for n in "ab")
        return 0.5 * sum(halves)

    return lsgeo.hessian(loss, params, scale)


def _vectors(op):
    return lsgeo.extreme_eigenpairs(op, key=KEY, top=2, bottom=0).vectors


def _entry(found):
    value, error = (
        tree["b"][-1].astype(jnp.float64) for tree in (found.value, found.standard_error)
    )
    return lsgeo.Estimate(float(value), float(error), found.num_matvecs)


CASES = {
    "density": (
        lambda op: lsgeo.spectral_density(op, key=KEY, num_probes=1, num_steps=N).smallest(),
        -2,
    ),
    "recurrence": (
        lambda op: lsgeo.spectral_density(
            op, key=KEY, num_probes=1, num_steps=8, basis="none"
        ).largest(),
        15,
    ),
    "densities": (
        lambda op: lsgeo.spectral_densities(
            [op, op], key=KEY, num_probes=1, num_steps=8
        )[1].largest(),
        15,
    ),
    "layers": (
        lambda op: lsgeo.layer_spectra(op, "b", key=KEY, num_probes=1, num_steps=8)["b"].largest(),
        15,
    ),
    "Chebyshev": (
        lambda op: lsgeo.chebyshev_density(
            op, key=KEY, num_probes=30, num_moments=4, interval=(-3, 16)
        ).moment(1),
        VALUES.mean(),
    ),
    "whole spectrum": (lambda op: lsgeo.extreme_eigenpairs(op, key=KEY).values[0], -2),
    "search": (
        lambda op: lsgeo.extreme_eigenpairs(
            op, key=KEY, bottom=0, basis_size=8, start=_vectors(op)
        ).values[0],
        15,
    ),
    "certificate": (lambda op: lsgeo.negative_curvature(op, key=KEY, num_steps=12).value, -2),
    "index": (lambda op: lsgeo.index_estimate(op, key=KEY, num_probes=1, num_steps=12).certain, 1),
    **{
        method: (
            lambda op, m=method: lsgeo.trace(op, key=KEY, num_matvecs=14, method=m),
            VALUES.sum(),
        )
        for method in ("krylov", "hutchinson", "hutch++", "xtrace")
    },
    "diagonal": (
        lambda op: lsgeo.diagonal(op, key=KEY, num_matvecs=2).value["b"][-1],
        15,
    ),
    "deflated diagonal": (lambda op: _entry(lsgeo.diagonal(op, key=KEY, num_deflated=8)), 15),
    "norm": (
        lambda op: lsgeo.frobenius_norm(op, key=KEY, num_matvecs=14),
        np.linalg.norm(VALUES),
    ),
    "blocks": (lambda op: lsgeo.block_diagonal_share(op, key=KEY, num_probes=4), 1),
    "subspace": (
        lambda op: lsgeo.principal_overlap(_vectors(op), _vectors(op)).value,
        1,
    ),
    "layer": (lambda op: lsgeo.layer_mass(_vectors(op))["b"][0], 1),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(np.dtype(d).name for d in kind))
@pytest.mark.parametrize("name", CASES)
def test_spectra_in_any_dtype_are_those_of_the_matrix_but_for_rounding(name, kind):
    measure, truth = CASES[name]
    op = _operator(kind)
    found = measure(op)
    error = 0.0
    if isinstance(found, lsgeo.Estimate):
        # Four standard errors; NaN where the quantity has none.
        error = 4 * np.nan_to_num(found.standard_error)
        found = found.value
    # Rounding of a few products, each relative to the largest eigenvalue; sums have 16 of them.
    assert abs(float(found) - truth) <= error + 16 * 15 * op.space.eps
