"""traceax: traces alone, of a lineax operator."""

import jax
import lineax
import traceax

from benchmarks.tools.base import ForwardOverReverse


class Adapter(ForwardOverReverse):
    def __init__(self, problem):
        super().__init__(problem)
        dtype = jax.tree.leaves(self.params)[0].dtype
        structure = jax.ShapeDtypeStruct((problem.size,), dtype)

        def estimate(key, count, params, batch):
            operator = lineax.FunctionLinearOperator(
                lambda v: self.traced_product(v, params, batch), structure, lineax.symmetric_tag
            )
            return traceax.XTraceEstimator().estimate(key, operator, count)

        self._estimate = jax.jit(estimate, static_argnums=1)

    def trace(self, num_products, seed):
        key = jax.random.key(seed)
        value, info = self._estimate(key, num_products, self.params, self.batch)
        self.num_products += num_products
        return float(value), float(info["std.err"])
