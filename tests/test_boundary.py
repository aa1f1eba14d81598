"""A fuzzer of the boundary: what comes back is the dense Hessian, or a ValueError that names an argument.

make test ARGS=tests/test_boundary.py                                     300 examples
BOUNDARY_EXAMPLES=10000 make test ARGS=tests/test_boundary.py             by hand
"""

import collections
import dataclasses
import functools
import itertools
import os
import re
import warnings
from typing import Any

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

import lsgeo
from tests.conftest import drop_programs

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
HOW = ["batch", "batches", "batches", "batches", "mode", "jit", "weights", "gauss-newton", "rest"]
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

    def functions(self, scale):
        """`predict`, `criterion` and the loss made of them, with `scale` on what they close over."""
        table = scale * np.linspace(0.5, 1.5, len(self.batch["x"][0]))
        table = jnp.asarray(table) if self.closure == "array" else table
        decay = scale * self.decay

        def flat(params):
            return jnp.concatenate([jnp.ravel(_wide(leaf)) for leaf in jax.tree.leaves(params)])

        def predict(params, batch):
            inner = _wide(batch["x"]) @ (flat(params) * jnp.asarray(table))
            return ACTIVATIONS[self.activation](inner)

        def criterion(outputs, batch):
            rows = scale * (outputs - _wide(batch["y"])) ** 2
            return REDUCTIONS[self.reduction](rows, _wide(batch["w"]))

        def loss(params, batch):
            prior = 0.5 * decay * jnp.sum(flat(params) ** 2)
            return criterion(predict(params, batch), batch) + prior

        return predict, criterion, loss

    def weights(self):
        """A weight for each example."""
        return 1.0 + np.arange(len(self.batch["x"]))

    def parts(self):
        """The batch, cut."""
        ends = [0, *self.cuts, len(self.batch["x"])]
        return [_rows(self.batch, a, b) for a, b in itertools.pairwise(ends) if a < b]


def _wide(leaf):
    return leaf.astype(jnp.float64)


def _rows(batch, start, end):
    return jax.tree.map(lambda leaf: leaf[start:end], batch)


@st.composite
def cases(draw):
    """Parameters, data, a loss and a way to ask for its Hessian."""
    numbers = np.random.default_rng(draw(st.integers(0, 2**16)))
    kind = draw(st.sampled_from([np.float32, np.float64]))

    def leaf(shape, dtype):
        return jnp.asarray(numbers.standard_normal(shape), dtype)

    dtypes = st.sampled_from([kind, kind, jnp.float32, jnp.float64, jnp.bfloat16])
    leaves = st.builds(leaf, st.sampled_from(SHAPES), dtypes)
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
        how=draw(st.sampled_from(HOW)),
    )


def _asked(case, scale):
    predict, criterion, loss = case.functions(scale)
    params, batch, count = case.params, case.batch, COUNTS[case.count]
    if case.how == "batches":
        return lsgeo.hessian(loss, params, batches=case.parts(), count=count)
    if case.how == "weights":
        return lsgeo.hessian(loss, params, batch, weights=case.weights(), count=count)
    if case.how == "gauss-newton":
        return lsgeo.gauss_newton(predict, criterion, params, batches=case.parts(), count=count)
    if case.how == "rest":
        first, rest = lsgeo.split_hessian(predict, criterion, params, batch)
        return first + rest
    if case.how == "mode":
        return lsgeo.hessian(loss, params, batch, mode="reverse-over-reverse")
    return lsgeo.hessian(loss, params, batch)


# The first and the second derivative of each activation.
SLOPES = {
    "linear": lambda x: (np.ones_like(x), np.zeros_like(x)),
    "tanh": lambda x: (1 - np.tanh(x) ** 2, -2 * np.tanh(x) * (1 - np.tanh(x) ** 2)),
    "kernel": lambda x: (np.cos(x), -np.sin(x)),
}
SLOPES["rule"] = SLOPES["scan"] = SLOPES["remat"] = SLOPES["tanh"]
VALUES = {"linear": lambda x: x, "tanh": np.tanh, "kernel": np.sin}
VALUES["rule"] = VALUES["scan"] = VALUES["remat"] = np.tanh


@functools.cache
def _reduced(reduction):
    """The gradient and the Hessian of a reduction with respect to the losses of the examples."""
    reduce = REDUCTIONS[reduction]
    return jax.jit(lambda rows, w: (jax.grad(reduce)(rows, w), jax.hessian(reduce)(rows, w)))


def _dense(case, scale, dtype=np.float64):
    """The Hessian by the chain rule, in NumPy."""
    if case.how != "weights":
        return _chained(case, scale, case.batch, dtype)
    count = COUNTS[case.count] or COUNTS["examples"]
    ones = [_rows(case.batch, i, i + 1) for i in range(len(case.batch["x"]))]
    shares = case.weights() * [float(count(one)) for one in ones]
    parts = [s * _chained(case, scale, o, dtype) for s, o in zip(shares, ones, strict=True) if s]
    return sum(parts) / shares.sum()


def _chained(case, scale, batch, dtype):
    x, y, w = (np.asarray(batch[name], dtype) for name in "xyw")
    theta = [np.ravel(np.asarray(leaf, dtype)) for leaf in jax.tree.leaves(case.params)]
    inputs = x * np.asarray(scale * np.linspace(0.5, 1.5, x.shape[1]), dtype)
    inner = inputs @ np.concatenate(theta)
    first, second = SLOPES[case.activation](inner)
    apart = VALUES[case.activation](inner) - y
    twice = dtype(2 * scale)
    rows = np.float64(twice / 2 * apart**2)
    slope, curvature = (dtype(a) for a in _reduced(case.reduction)(rows, np.float64(w)))
    by_rows = twice * apart
    outer = np.diag(twice * slope) + by_rows[:, None] * curvature * by_rows
    core = first[:, None] * outer * first
    if case.how == "gauss-newton":
        return inputs.T @ core @ inputs
    core = core + np.diag(slope * by_rows * second)
    prior = 0.0 if case.how == "rest" else scale * case.decay
    return inputs.T @ core @ inputs + dtype(prior) * np.eye(x.shape[1], dtype=dtype)


def _inside(loss, params, batch, basis):
    def rows(params):
        return jax.lax.map(lambda v: lsgeo.hessian(loss, params, batch) @ v, basis)

    return np.asarray(jax.jit(rows)(params)).T


ANSWERED = collections.Counter()


@hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="BOUNDARY_EXAMPLES" not in os.environ,
    database=None,
    phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(cases())
def test_a_curvature_is_the_dense_one_or_a_refusal_names_an_argument(case):
    drop_programs()
    for scale in (1.0, 2.0):  # the same functions, of other constants
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings(
                    "ignore", message=".*mixes the examples", category=UserWarning
                )
                op = _asked(case, scale)
                basis = jnp.eye(op.shape[0], dtype=op.dtype)
                product = op.to_dense()
                if case.how == "jit":
                    loss = case.functions(scale)[2]
                    product = _inside(loss, case.params, case.batch, basis)
        except ValueError as error:
            assert re.search(r"`\w+`", str(error)), error
            ANSWERED["refused", case.how] += 1
            continue
        exact = _dense(case, scale)
        # How far roundings on the way are magnified, as where tanh is flat: float32's against float64's.
        magnified = np.abs(_dense(case, scale, np.float32) - exact).max(initial=0)
        size = max(np.abs(exact).max(initial=0), float(op.noise))
        tolerance = 200 * float(op.noise) * (size + magnified / np.finfo(np.float32).eps)
        tolerance = max(tolerance, 1e-9 * size)
        assert np.abs(product - exact).max(initial=0) <= tolerance, case
        ANSWERED["answered", case.how] += 1


@pytest.mark.skipif(EXAMPLES < 300, reason="too few to have met every way to ask")
def test_what_can_be_answered_was():
    answered = {how: ANSWERED["answered", how] for how in HOW}
    refused = {how: ANSWERED["refused", how] for how in HOW}
    assert sum(answered.values()) > sum(refused.values()) / 2, (answered, refused)
    assert all(answered.values()), answered
