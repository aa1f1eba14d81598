"""lsgeo."""

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

import lsgeo
from benchmarks.tools.base import JaxBase, Pairs, Rule


class Adapter(JaxBase):
    def __init__(self, problem):
        super().__init__(problem)
        self.op = lsgeo.hessian(problem.loss, self.params, self.batch)

    def product(self, v):
        return jax.block_until_ready(self.op.flat_product(v))

    def density(self, num_steps, num_probes, seed):
        key = jax.random.key(seed)
        result = lsgeo.spectral_density(
            self.op, key=key, num_probes=num_probes, num_steps=num_steps
        )
        self.num_products += result.num_matvecs
        return Rule(list(result.nodes), list(result.weights), "error bars")

    def extremes(self, top, bottom, effort):
        if effort > 0:
            raise StopIteration
        return self.pairs(top, bottom, 1e-3)

    def pairs(self, top, bottom, tol):
        pairs = lsgeo.extreme_eigenpairs(
            self.op, key=jax.random.key(0), top=top, bottom=bottom, tol=tol
        )
        self.num_products += pairs.num_matvecs
        rows = jax.vmap(lambda tree: ravel_pytree(tree)[0])(pairs.vectors)
        return Pairs(np.asarray(pairs.values), list(rows), "residuals, multiplicities")

    def trace(self, num_products, seed):
        key = jax.random.key(seed)
        estimate = lsgeo.trace(self.op, key=key, num_matvecs=num_products)
        self.num_products += estimate.num_matvecs
        return estimate.value, estimate.standard_error
