"""What the adapters of one framework share: the gradient, one product, conversions."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Eigenpairs of a tool: the `bottom` lowest, then the `top` highest values, ascending."""

    values: np.ndarray
    vectors: list  # one native vector for each value
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Rule:
    """A quadrature of the spectrum: lists of nodes and weights, one of each per probe."""

    nodes: list
    weights: list
    note: str = ""


class Base:
    """A tool on a problem. `num_products` counts Hessian products since it was last set to 0.

    Native vectors are what the tool multiplies with; flat ones are NumPy arrays in JAX order.
    """

    def __init__(self, problem):
        self.problem = problem
        self.num_products = 0

    def density(self, num_steps, num_probes, seed):
        raise NotImplementedError("no spectral density")

    def extremes(self, top, bottom, effort):
        """Runs with the tool's own options at the given effort, 0 upwards; raises where there is no more."""
        raise NotImplementedError("no eigenvalues")

    def trace(self, num_products, seed):
        """Returns (estimate, standard error or None)."""
        raise NotImplementedError("no trace")


class JaxBase(Base):
    framework = "jax"

    def __init__(self, problem):
        import jax

        super().__init__(problem)
        self.params, self.batch = problem.params, problem.batch
        gradient = jax.jit(jax.value_and_grad(problem.loss))
        self._gradient = lambda: gradient(self.params, self.batch)

    def gradient(self):
        import jax

        return jax.block_until_ready(self._gradient())

    def loss_and_gradient(self):
        """Value and gradient, the latter flat in JAX order."""
        from jax.flatten_util import ravel_pytree

        value, gradient = self.gradient()
        return float(value), np.asarray(ravel_pytree(gradient)[0])

    def to_native(self, flat):
        import jax.numpy as jnp

        return jnp.asarray(flat)

    def to_flat(self, native):
        return np.asarray(native)


class ForwardOverReverse(JaxBase):
    """For tools that leave the product to the user: jvp of the gradient, as their documentation has it."""

    def __init__(self, problem):
        import jax
        from jax.flatten_util import ravel_pytree

        super().__init__(problem)
        _, unravel = ravel_pytree(problem.params)

        def product(v, params, batch):
            def gradient(p):
                return jax.grad(problem.loss)(p, batch)

            return ravel_pytree(jax.jvp(gradient, (params,), (unravel(v),))[1])[0]

        self.traced_product = product
        self._product = jax.jit(product)

    def product(self, v):
        import jax

        return jax.block_until_ready(self._product(v, self.params, self.batch))


class TorchBase(Base):
    framework = "torch"

    def __init__(self, problem):
        import torch

        from benchmarks import torch_networks

        super().__init__(problem)
        self.network = torch_networks.Network(problem)
        self.inputs, self.targets = torch_networks.inputs_and_targets(problem)
        self.criterion = torch.nn.CrossEntropyLoss()
        self.parameters = list(self.network.parameters())

    def gradient(self):
        import torch

        value = self.criterion(self.network(self.inputs), self.targets)
        return value, torch.autograd.grad(value, self.parameters)

    def loss_and_gradient(self):
        """Value and gradient, the latter flat in JAX order."""
        value, gradient = self.gradient()
        return value.item(), self.network.to_flat(gradient)

    def to_native(self, flat):
        import torch

        return torch.cat([part.reshape(-1) for part in self.network.to_native(flat)])

    def to_flat(self, native):
        return self.network.to_flat(self.split(native))

    def split(self, native):
        """A flat native vector as a list of tensors like the parameters."""
        pieces = native.split([p.numel() for p in self.parameters])
        return [piece.view_as(p) for piece, p in zip(pieces, self.parameters, strict=True)]
