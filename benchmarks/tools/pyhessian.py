"""PyHessian: products over a retained graph.

It asks `torch.eig`, which PyTorch no longer has, for the eigenvalues of T; the adapter puts a stand-in there,
without which its density does not run at all. Its eigenvalues are those of largest magnitude, by power
iteration; it has no way to ask for the lowest.
"""

import importlib
import warnings

import numpy as np
import torch

from benchmarks.tools.base import Pairs, Rule, TorchBase

pyhessian = importlib.import_module("pyhessian.hessian")  # its package hides it behind the class
EFFORTS = ((100, 1e-3), (300, 1e-5))  # iterations and tolerance; the first are its defaults


def put_eig_back():
    """Gives PyHessian a `torch.eig` with the result's old layout."""

    def eig(matrix, eigenvectors):
        values, vectors = torch.linalg.eig(matrix)
        return torch.view_as_real(values), vectors.real

    torch.eig = eig


class Adapter(TorchBase):
    def __init__(self, problem):
        super().__init__(problem)
        put_eig_back()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it keeps the graph is its design
            self.tool = pyhessian.hessian(
                self.network, self.criterion, data=(self.inputs, self.targets), cuda=False
            )
        original = pyhessian.hessian_vector_product

        def counted(gradients, params, v):
            self.num_products += 1
            return original(gradients, params, v)

        pyhessian.hessian_vector_product = counted

    def product(self, v):
        parts = pyhessian.hessian_vector_product(self.tool.gradsH, self.tool.params, self.split(v))
        return torch.cat([part.reshape(-1) for part in parts])

    def density(self, num_steps, num_probes, seed):
        torch.manual_seed(seed)
        nodes, weights = self.tool.density(iter=num_steps, n_v=num_probes)
        return Rule(
            [np.asarray(n) for n in nodes], [np.asarray(w) for w in weights], "torch.eig put back"
        )

    def extremes(self, top, bottom, effort):
        if effort >= len(EFFORTS):
            raise StopIteration
        torch.manual_seed(0)
        iterations, tol = EFFORTS[effort]
        values, vectors = self.tool.eigenvalues(maxIter=iterations, tol=tol, top_n=top)
        order = np.argsort(values)
        flat = [torch.cat([part.reshape(-1) for part in vectors[i]]) for i in order]
        note = f"the {top} largest in magnitude; no lowest"
        return Pairs(np.asarray(values)[order], flat, note)

    def trace(self, num_products, seed):
        torch.manual_seed(seed)
        samples = self.tool.trace(maxIter=num_products, tol=0.0)
        return float(np.mean(samples)), None
