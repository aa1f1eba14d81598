"""A chain in one compiled loop, or with activations computed again, is the same network."""

import functools

import jax
import numpy as np
import pytest

import lsgeo
from lsgeo.models import CrossEntropy, activations, create, init, shapes, stack, unstack

# The programs run once: the compiler's optimisations cost more than they gain.
jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
KEY = jax.random.key(0)
DATA = {
    "image": np.random.default_rng(0).normal(size=(5, 2, 3, 1)),
    "label": np.arange(5),
}
# All types but those that share their code with one of these.
SKIPS = (
    "none",
    "constant",
    "gated(gate=0.5)",
    "skipinit(inverse_root=True)",
    "layerscale(start=0.5)",
    "highway",
    "shortcut_gate",
    "projection",
    "stochastic_depth",
    "hyper(streams=2)",
    "mhc(streams=2)",
)


def network(**options):
    model = create("mlp", **{"depth": 3, "width": 4, "activation": "tanh", **options})
    return model, init(model, DATA["image"], key=KEY)


def compare(actual, expected):
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13), actual, expected
    )


def found(model, variables):
    return jit(functools.partial(activations, model))(variables, DATA["image"])


def moved(tree, seed):
    """Other numbers than the initial ones, of which some are zero or equal."""
    numbers = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: leaf + numbers.normal(size=leaf.shape), tree)


@pytest.mark.parametrize("skip", SKIPS)
def test_scanned_network_has_the_function_and_the_streams_of_the_unrolled_one(skip):
    model, variables = network(skip=skip)
    scanned, stacked = network(skip=skip, scan=True)
    compare(stack(variables, stacked), stacked)
    compare(unstack(stacked), variables)
    variables = moved(variables, 1)
    expected = found(model, variables)
    assert len(expected) == 3 * 3 + 1
    compare(found(scanned, stack(variables, stacked)), expected)


@jit
def product(loss, params, direction):
    return lsgeo.hessian(loss, params, DATA) @ direction


# One type that needs the block's number, one with a kernel, one with streams: each takes seconds to compile.
@pytest.mark.parametrize("skip", ["stochastic_depth", "highway", "hyper(streams=2)"])
def test_scanned_network_has_the_hessian_of_the_unrolled_one(skip):
    model, variables = network(skip=skip, depth=2)
    scanned, stacked = network(skip=skip, depth=2, scan=True)
    params, direction = (moved({"params": variables["params"]}, seed) for seed in (1, 2))
    expected = product(CrossEntropy(model, {}), params["params"], direction["params"])
    params, direction = (stack(tree, stacked)["params"] for tree in (params, direction))
    actual = product(CrossEntropy(scanned, {}), params, direction)
    compare(unstack({"params": actual})["params"], expected)


def test_recomputed_activations_give_the_same_gradient():
    model, variables = network(skip="highway", scan=True)
    gradient = jax.grad(CrossEntropy(model, {}))
    again = jax.grad(CrossEntropy(model.clone(remat=True), {}))
    params = variables["params"]
    compare(jit(again)(params, DATA), jit(gradient)(params, DATA))
    programs = [str(jax.make_jaxpr(f)(params, DATA)) for f in (gradient, again)]
    assert ["remat" in program for program in programs] == [False, True]


def test_program_of_a_scanned_network_does_not_grow_with_its_depth():
    sizes = []
    for depth in (10, 1000):
        model = create("mlp", depth=depth, width=4, skip="mhc", scan=True)
        params = shapes(model, DATA["image"])["params"]
        program = jax.jit(jax.grad(CrossEntropy(model, {}))).lower(params, DATA)
        sizes.append(program.as_text().count("\n"))
    assert sizes[0] == sizes[1]


def test_loop_over_blocks_that_differ_is_refused():
    with pytest.raises(
        ValueError, match=r"`scan` runs equal blocks.*`every` or `stages`.*scan=False"
    ):
        create("mlp", scan=True, skip="identity(every=2)")
