"""curvlinops: forward-over-reverse products through torch.func; eigenvalues through SciPy, as it documents."""

import curvlinops
import numpy as np
import torch
from curvlinops.papyan2020traces.spectrum import fast_lanczos
from scipy.sparse.linalg import eigsh

from benchmarks.tools.base import Pairs, Rule, TorchBase

TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5)


class Counted(curvlinops.HessianLinearOperator):
    """The operator with a counter of columns multiplied."""

    columns = 0

    def _matmat(self, M):
        self.columns += M[0].shape[-1]
        return super()._matmat(M)


class Adapter(TorchBase):
    def __init__(self, problem):
        super().__init__(problem)
        self.op = Counted(
            self.network,
            self.criterion,
            self.parameters,
            [(self.inputs, self.targets)],
            check_deterministic=False,
        )

    def product(self, v):
        return self.op @ v

    def _count(self, result):
        self.num_products, self.op.columns = self.num_products + self.op.columns, 0
        return result

    def density(self, num_steps, num_probes, seed):
        torch.manual_seed(seed)
        self.op.columns = 0
        rules = [fast_lanczos(self.op, num_steps) for _ in range(num_probes)]
        nodes = [values.numpy() for values, _ in rules]
        return self._count(Rule(nodes, [vectors[0].numpy() ** 2 for _, vectors in rules]))

    def extremes(self, top, bottom, effort):
        if effort >= len(TOLERANCES):
            raise StopIteration
        self.op.columns = 0
        start = np.random.default_rng(0).standard_normal(self.problem.size).astype(np.float32)
        values, vectors = eigsh(
            self.op.to_scipy(), k=top + bottom, which="BE", tol=TOLERANCES[effort], v0=start
        )
        order = np.argsort(values)
        # SciPy hands back float64.
        rows = [torch.tensor(vectors[:, i].astype(np.float32)) for i in order]
        return self._count(Pairs(values[order], rows, f"eigsh tol {TOLERANCES[effort]:g}"))

    def trace(self, num_products, seed):
        torch.manual_seed(seed)
        self.op.columns = 0
        return self._count((curvlinops.hutchpp_trace(self.op, num_products).item(), None))
