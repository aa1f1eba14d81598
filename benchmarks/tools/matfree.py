"""matfree: full reorthogonalisation in one compiled loop, products given by the user.

No restart: the size of the Krylov space is the effort. Products inside compiled code are counted by design,
not by a counter.
"""

import jax
import numpy as np
from matfree import decomp, eig, stochtrace

from benchmarks.tools.base import ForwardOverReverse, Pairs, Rule

STEPS = (32, 64, 96, 128, 192, 256)


class Adapter(ForwardOverReverse):
    def __init__(self, problem):
        super().__init__(problem)
        self._compiled = {}

    def _start(self, seed):
        return jax.random.normal(jax.random.key(seed), (self.problem.size,), self._dtype())

    def _dtype(self):
        return jax.tree.leaves(self.params)[0].dtype

    def _jit(self, name, make):
        if name not in self._compiled:
            self._compiled[name] = jax.jit(make())
        return self._compiled[name]

    def density(self, num_steps, num_probes, seed):
        def make():
            tridiagonalise = decomp.tridiag_sym(num_steps)
            return lambda v, p, b: tridiagonalise(self.traced_product, v, p, b)[1]

        run = self._jit(("density", num_steps), make)
        nodes, weights = [], []
        for probe in range(num_probes):
            matrix = np.asarray(run(self._start(seed + probe), self.params, self.batch), np.float64)
            values, vectors = np.linalg.eigh(matrix)
            nodes.append(values)
            weights.append(vectors[0] ** 2)
            self.num_products += num_steps
        return Rule(nodes, weights)

    def extremes(self, top, bottom, effort):
        if effort >= len(STEPS):
            raise StopIteration
        steps = STEPS[effort]

        def make():
            eigh = eig.eigh_partial(decomp.tridiag_sym(steps))
            return lambda v, p, b: eigh(self.traced_product, v, p, b)

        run = self._jit(("extremes", steps), make)
        values, vectors = run(self._start(0), self.params, self.batch)
        self.num_products += steps
        chosen = np.r_[:bottom, steps - top : steps]
        return Pairs(np.asarray(values)[chosen], list(vectors[chosen]), f"{steps} steps")

    def trace(self, num_products, seed):
        samples = num_products // 2

        def make():
            sampler = stochtrace.sampler_normal(self._start(0), num=samples)
            integrand = stochtrace.leave_one_out_xtrace()
            estimate = stochtrace.estimator_leave_one_out_mean_and_sem(integrand, sampler=sampler)
            return lambda key, p, b: estimate(self.traced_product, key, p, b)

        run = self._jit(("trace", samples), make)
        value, error = run(jax.random.key(seed), self.params, self.batch)
        self.num_products += 2 * samples
        return float(value), float(error)
