"""Holds the Lanczos codes of the other tools to tests/torture.py, side by side with lsgeo.

    python -m benchmarks.torture

Each tool gets the matrix as its own documentation has it: a tensor, an operator, or a quadratic loss. Where a
tool has no way to ask for both ends of the spectrum, it is asked for the density alone.
"""

import functools
import importlib
import sys
import warnings

import numpy as np

from tests import torture


def pyhessian_solvers():
    """PyHessian's density of the loss 0.5 w'Aw; its power iteration cannot be asked for the lowest values."""
    import torch

    from benchmarks.tools.pyhessian import put_eig_back

    module = importlib.import_module("pyhessian.hessian")
    put_eig_back()

    class Point(torch.nn.Module):
        def __init__(self, n, dtype):
            super().__init__()
            self.w = torch.nn.Parameter(torch.ones(n, dtype=dtype))

        def forward(self, inputs):
            return self.w

    def density(matrix, *, num_steps, num_probes):
        a = torch.tensor(matrix)
        torch.manual_seed(0)
        tool = module.hessian(
            Point(len(a), a.dtype), lambda w, _: 0.5 * w @ (a @ w), data=(a, a), cuda=False
        )
        # In the default dtype T would be rounded to float32 whatever the matrix is.
        torch.set_default_dtype(a.dtype)
        try:
            nodes, weights = tool.density(iter=num_steps, n_v=num_probes)
        finally:
            torch.set_default_dtype(torch.float32)
        return nodes, weights

    return None, density


def curvlinops_solvers():
    """Density by its `fast_lanczos`; eigenvalues by SciPy's eigsh, as it documents."""
    import torch
    from curvlinops.papyan2020traces.spectrum import fast_lanczos
    from scipy.sparse.linalg import eigsh

    def extremes(matrix, *, bottom, top, tol):
        count = min(bottom + top, len(matrix))
        start = np.random.default_rng(0).standard_normal(len(matrix)).astype(matrix.dtype)
        if count >= len(matrix):
            raise ValueError("eigsh wants k < n")
        if bottom == top:
            values, vectors = eigsh(matrix, k=count, which="BE", tol=tol, v0=start)
        else:  # "BE" splits evenly
            ends = [
                eigsh(matrix, k=k, which=which, tol=tol, v0=start)
                for k, which in ((bottom, "SA"), (top, "LA"))
            ]
            values, vectors = (np.concatenate(part, axis=-1) for part in zip(*ends, strict=True))
        order = np.argsort(values)
        return values[order], vectors.T[order], None

    def density(matrix, *, num_steps, num_probes):
        torch.manual_seed(0)
        rules = [fast_lanczos(torch.tensor(matrix), num_steps) for _ in range(num_probes)]
        nodes = [values.numpy() for values, _ in rules]
        return nodes, [vectors[0].numpy() ** 2 for _, vectors in rules]

    return extremes, density


def eigenthings_solvers():
    """Its Lanczos, once for each end with 64 steps and full reorthogonalisation, and its density."""
    import hessian_eigenthings as tool
    import torch

    def operator(matrix):
        a = torch.tensor(matrix)
        return tool.LambdaOperator(lambda v: a @ v, size=len(a), dtype=a.dtype, device=a.device)

    def extremes(matrix, *, bottom, top, tol):
        op, n = operator(matrix), len(matrix)
        options = {"max_iter": min(64, n), "tol": tol, "reorthogonalize": True, "seed": 0}
        if bottom + top >= n:
            found = [tool.lanczos(op, k=n, which="SA", **options)]
        else:
            low = tool.lanczos(op, k=bottom, which="SA", **options)
            found = [low, tool.lanczos(op, k=top, which="LA", **options)]
        values, residuals = (
            np.concatenate([getattr(part, name).numpy() for part in found])
            for name in ("eigenvalues", "residuals")
        )
        vectors = np.concatenate([part.eigenvectors.numpy() for part in found])
        order = np.argsort(values)
        return values[order], vectors[order], residuals[order]

    def density(matrix, *, num_steps, num_probes):
        steps = min(num_steps, len(matrix))
        result = tool.spectral_density(
            operator(matrix), num_runs=num_probes, lanczos_steps=steps, num_grid_points=2, seed=0
        )
        # Padding is NaN with weight 0.
        weights = result.raw_weights.numpy()
        return np.where(weights > 0, result.raw_eigenvalues.numpy(), 0.0), weights

    return extremes, density


def matfree_solvers():
    """Its full reorthogonalisation, with 64 steps for the ends of the spectrum."""
    import jax
    from matfree import decomp, eig

    def start(matrix, seed):
        return jax.random.normal(jax.random.key(seed), (len(matrix),), matrix.dtype)

    def product(v, matrix):
        return matrix @ v

    @functools.partial(jax.jit, static_argnums=2)
    def ritz(v, matrix, steps):
        return eig.eigh_partial(decomp.tridiag_sym(steps))(product, v, matrix)

    @functools.partial(jax.jit, static_argnums=2)
    def tridiagonal(v, matrix, steps):
        return decomp.tridiag_sym(steps)(product, v, matrix)[1]

    def extremes(matrix, *, bottom, top, tol):
        del tol
        n = len(matrix)
        steps = min(64, n)
        values, vectors = ritz(start(matrix, 0), matrix, steps)
        chosen = np.arange(n) if bottom + top >= n else np.r_[:bottom, steps - top : steps]
        return np.asarray(values)[chosen], np.asarray(vectors)[chosen], None

    def density(matrix, *, num_steps, num_probes):
        steps = min(num_steps, len(matrix))
        matrices = [tridiagonal(start(matrix, s), matrix, steps) for s in range(num_probes)]
        matrices = np.asarray(matrices, np.float64)
        if not np.isfinite(matrices).all():  # NumPy would raise; the tool has not
            return np.full(matrices.shape[:2], np.nan), np.full(matrices.shape[:2], np.nan)
        nodes, vectors = np.linalg.eigh(matrices)
        return nodes, vectors[:, 0] ** 2

    return extremes, density


SOLVERS = {
    "lsgeo": torture.lsgeo_solvers,
    "matfree": matfree_solvers,
    "curvlinops": curvlinops_solvers,
    "eigenthings": eigenthings_solvers,
    "pyhessian": pyhessian_solvers,
}


def main(names):
    import jax

    jax.config.update("jax_enable_x64", True)
    results = {}
    for name in names or SOLVERS:
        try:
            solvers = SOLVERS[name]()
        except ImportError as error:
            print(f"{name} is missing: {error}")
            continue
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            results |= torture.check_all(name, *solvers)
    print(
        "A cell says how many runs failed, over scales and dtypes, and by what; see tests/torture.py.\n"
    )
    print(torture.table(results))


if __name__ == "__main__":
    main(sys.argv[1:])
