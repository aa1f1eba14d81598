"""hessian-eigenthings: double backward per product; Lanczos without restart, once for each end."""

import numpy as np
import torch
from hessian_eigenthings import HessianOperator, lanczos, spectral_density, supervised_loss, trace

from benchmarks.tools.base import Pairs, Rule, TorchBase

STEPS = (32, 64, 96, 128, 192)


class Counted(HessianOperator):
    """The operator with a counter of products."""

    count = 0

    def matvec(self, v):
        self.count += 1
        return super().matvec(v)


class Adapter(TorchBase):
    def __init__(self, problem):
        super().__init__(problem)
        batches = [(self.inputs, self.targets)]
        self.op = Counted(self.network, batches, supervised_loss(self.criterion))

    def product(self, v):
        return self.op.matvec(v)

    def _count(self, result):
        self.num_products, self.op.count = self.num_products + self.op.count, 0
        return result

    def density(self, num_steps, num_probes, seed):
        self.op.count = 0
        result = spectral_density(self.op, num_runs=num_probes, lanczos_steps=num_steps, seed=seed)
        nodes, weights = result.raw_eigenvalues.numpy(), result.raw_weights.numpy()
        kept = [weight > 0 for weight in weights]
        return self._count(
            Rule(
                [n[k] for n, k in zip(nodes, kept, strict=True)],
                [w[k] for w, k in zip(weights, kept, strict=True)],
            )
        )

    def extremes(self, top, bottom, effort):
        if effort >= len(STEPS):
            raise StopIteration
        self.op.count = 0
        options = {"max_iter": STEPS[effort], "reorthogonalize": True, "seed": 0}
        low = lanczos(self.op, k=bottom, which="SA", **options)
        high = lanczos(self.op, k=top, which="LA", **options)
        values = np.r_[low.eigenvalues.numpy(), high.eigenvalues.numpy()]
        vectors = torch.cat([low.eigenvectors, high.eigenvectors])
        order = np.argsort(values)
        rows = [vectors[i] for i in order]
        return self._count(Pairs(values[order], rows, f"2 x {STEPS[effort]} steps"))

    def trace(self, num_products, seed):
        self.op.count = 0
        result = trace(self.op, num_matvecs=num_products, method="hutch++", seed=seed)
        return self._count((result.estimate, result.stderr))
