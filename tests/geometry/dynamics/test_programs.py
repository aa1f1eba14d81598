"""A fresh optimiser has a program of its own, which is forgotten when others came after it."""

import gc
import weakref

import jax.numpy as jnp
import optax
import pytest

from lsgeo.geometry.connectivity import connecting_curves, elastic_band
from lsgeo.geometry.dynamics import descent
from lsgeo.geometry.dynamics._updates import jit_for_each


def test_the_programs_of_the_last_sixteen_optimisers_are_kept():
    traced = []

    @jit_for_each()
    def step(optimizer, x):
        traced.append(optimizer)
        return 2 * x

    optimizers = [optax.sgd(0.1) for _ in range(17)]
    for optimizer in (*optimizers[:1] * 3, *optimizers[1:16], optimizers[0]):
        assert step(optimizer, jnp.ones(())) == 2
    assert len(traced) == 16
    traced.clear()
    gone = weakref.ref(optimizers.pop(1).update)
    step(optimizers[-1], jnp.ones(()))
    traced.clear()
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    "step", [connecting_curves._step, elastic_band._step, descent.init, descent.update]
)
def test_what_is_compiled_for_an_optimiser_is_kept_for_sixteen(step):
    assert step.cache_info().maxsize == 16
