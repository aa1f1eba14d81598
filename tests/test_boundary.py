"""A fuzzer of the boundary: what comes back is the dense Hessian, or a ValueError that names an argument.

make test ARGS=tests/test_boundary.py                                     300 examples
BOUNDARY_EXAMPLES=10000 make test ARGS=tests/test_boundary.py             by hand
"""

import dataclasses
import itertools
import os
import re
import warnings
from typing import Any

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

import lsgeo

EXAMPLES = int(os.environ.get("BOUNDARY_EXAMPLES", 300))
SHAPES = [(), (1,), (2,), (3,), (2, 2), (0,), (2, 0)]


@jax.custom_vjp
def _kernel(x):
    return jnp.sin(x)


# Its forward rule calls the function again: forward derivatives fail, and only when they are lowered.
_kernel.defvjp(lambda x: (_kernel(x), x), lambda x, g: (g * jnp.cos(x),))


@jax.custom_jvp
def _ruled(x):
    return jnp.tanh(x)


_ruled.defjvp(lambda x, t: (_ruled(x[0]), (1 - jnp.tanh(x[0]) ** 2) * t[0]))


def _scanned(x):
    return jax.lax.scan(lambda c, z: (c, jnp.tanh(z)), 0.0, x)[1]


ACTIVATIONS = {
    "linear": lambda x: x,
    "tanh": jnp.tanh,
    "kernel": _kernel,
    "rule": _ruled,
    "scan": _scanned,
    "remat": jax.checkpoint(jnp.tanh),
}


def _normed(rows):
    return (rows - rows.mean()) / jnp.sqrt(rows.var() + 0.1)


# (losses of the examples, their weights) -> the loss of the batch.
REDUCTIONS = {
    "mean": lambda rows, w: rows.mean(),
    "weighted mean": lambda rows, w: (w * rows).sum() / w.sum(),
    "masked mean": lambda rows, w: (
        jnp.where(w > 1, rows, 0).sum() / jnp.where(w > 1, 1.0, 0.0).sum()
    ),
    "sum": lambda rows, w: rows.sum(),
    "largest": lambda rows, w: rows.max(),
    "batch norm": lambda rows, w: (_normed(rows) ** 2 * rows).mean(),
}
COUNTS = {
    "none": None,
    "weights": lambda b: b["w"].sum(),
    "mask": lambda b: (b["w"] > 1).sum(),
    "examples": lambda b: len(b["x"]),
    "wrong": lambda b: b["w"].max(),
}


@dataclasses.dataclass
class Case:
    """One call."""

    params: Any
    batch: dict
    cuts: list[int]
    activation: str
    reduction: str
    count: str
    decay: float
    closure: str
    how: str

    def loss(self, scale):
        """The loss, with `scale` on what it closes over."""
        table = scale * np.linspace(0.5, 1.5, len(self.batch["x"][0]))
        table = jnp.asarray(table) if self.closure == "array" else table
        decay = scale * self.decay

        def loss(params, batch):
            theta = jnp.concatenate(
                [jnp.ravel(leaf).astype(jnp.float64) for leaf in jax.tree.leaves(params)]
            )
            inner = batch["x"].astype(jnp.float64) @ (theta * jnp.asarray(table))
            rows = (ACTIVATIONS[self.activation](inner) - batch["y"].astype(jnp.float64)) ** 2
            prior = 0.5 * decay * jnp.sum(theta**2)
            return REDUCTIONS[self.reduction](rows, batch["w"].astype(jnp.float64)) + prior

        return loss

    def parts(self):
        """The batch, cut."""
        ends = [0, *self.cuts, len(self.batch["x"])]
        cut = itertools.pairwise(ends)
        return [jax.tree.map(lambda leaf, a=a, b=b: leaf[a:b], self.batch) for a, b in cut if a < b]


@st.composite
def cases(draw):
    """Parameters, data, a loss and a way to ask for its Hessian."""
    numbers = np.random.default_rng(draw(st.integers(0, 2**16)))
    kind = draw(st.sampled_from([np.float32, np.float64]))

    def leaf(shape):
        return jnp.asarray(numbers.standard_normal(shape).astype(kind))

    leaves = st.sampled_from(SHAPES).map(leaf)
    containers = st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3),
            st.dictionaries(st.sampled_from(["w", "b", "blocks"]), inner, min_size=1, max_size=2),
            st.tuples(inner, st.none()),
        ),
        max_leaves=3,
    )
    params = draw(containers)
    size = sum(np.size(x) for x in jax.tree.leaves(params))
    num = draw(st.integers(1, 9))
    array = draw(st.sampled_from([np.asarray, jnp.asarray]))
    batch = {
        "x": array(numbers.standard_normal((num, size)).astype(kind)),
        "y": array(numbers.standard_normal(num).astype(kind)),
        "w": array(numbers.choice([0.5, 1.0, 2.0, 3.0], num).astype(kind)),
    }
    if draw(st.booleans()):  # only later examples differ
        batch["w"] = array(np.where(np.arange(num) < num // 2, 2.0, batch["w"]).astype(kind))
    cuts = sorted(draw(st.lists(st.integers(0, num), max_size=3)))
    return Case(
        params,
        batch,
        cuts,
        activation=draw(st.sampled_from(sorted(ACTIVATIONS))),
        reduction=draw(st.sampled_from(sorted(REDUCTIONS))),
        count=draw(st.sampled_from(sorted(COUNTS))),
        decay=draw(st.sampled_from([0.0, 0.1])),
        closure=draw(st.sampled_from(["array", "numbers"])),
        how=draw(st.sampled_from(["batch", "batches", "batches", "batches", "mode", "jit"])),
    )


def _asked(case, loss):
    if case.how == "batches":
        return lsgeo.hessian(loss, case.params, batches=case.parts(), count=COUNTS[case.count])
    if case.how == "mode":
        return lsgeo.hessian(loss, case.params, case.batch, mode="reverse-over-reverse")
    return lsgeo.hessian(loss, case.params, case.batch)


def _inside(loss, params, batch, v):
    return jax.jit(lambda p: lsgeo.hessian(loss, p, batch) @ v)(params)


def _dense(case, loss):
    flat, unravel = ravel_pytree(jax.tree.map(lambda x: x.astype(jnp.float64), case.params))
    whole = jax.tree.map(jnp.asarray, case.batch)
    slope = jax.grad(lambda theta: loss(unravel(theta), whole))
    return np.asarray(jax.jacrev(slope)(flat))


@hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="BOUNDARY_EXAMPLES" not in os.environ,
    database=None,
    phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(cases())
def test_a_hessian_is_the_dense_one_or_a_refusal_names_an_argument(case):
    for scale in (1.0, 2.0):  # the same function, of another constant
        loss = case.loss(scale)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings(
                    "ignore", message=".*mixes the examples", category=UserWarning
                )
                op = _asked(case, loss)
                if case.how == "jit":
                    v = jnp.arange(1.0, 1.0 + op.shape[0], dtype=op.dtype)
                    inside = _inside(loss, case.params, case.batch, v)
                    found = np.asarray(inside, np.float64), np.asarray(v, np.float64)
                else:
                    found = np.asarray(op.to_dense(), np.float64), np.eye(op.shape[0])
        except ValueError as error:
            assert re.search(r"`\w+`", str(error)), error
            continue
        exact = _dense(case, loss)
        product, basis = found
        scale_of = max(np.abs(exact).max(initial=0), float(op.noise))
        tolerance = 200 * float(op.noise) * scale_of * np.linalg.norm(basis, 1)
        assert np.abs(product - exact @ basis).max(initial=0) <= tolerance, case
