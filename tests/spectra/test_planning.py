"""The memory plan against the bytes of the arrays that are alive, and what it chooses."""

import gc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo import memory
from lsgeo.spectra.krylov import lanczos, planning

KEY = jax.random.key(0)


def _live():
    gc.collect()
    return sum(array.nbytes for array in jax.live_arrays())


def _loss(params, x):
    for w in params:
        x = jnp.tanh(x @ w)
    return jnp.mean(x**2)


def _problem():
    rng = np.random.default_rng(0)
    params = [jnp.asarray(rng.standard_normal((100, 100)) / 10, jnp.float32) for _ in range(3)]
    return params, [jnp.asarray(rng.standard_normal((k, 100)), jnp.float32) for k in (300, 120)]


@pytest.mark.parametrize("streamed", [False, True])
def test_prediction_is_within_a_fifth_of_what_lives(streamed):
    params, batches = _problem()
    before = _live()
    data = {"batches": batches} if streamed else {"batch": batches[0]}
    op = lsgeo.hessian(_loss, params, **data)
    held = _live() - before
    plan = lsgeo.memory_plan(op, num_steps=63)
    state = lanczos.extend(op, lanczos.start(op, key=KEY), 63)
    basis = _live() - before - held - state.current.nbytes - state.previous.nbytes
    assert abs(plan.basis - basis) < 0.2 * basis
    if streamed:
        assert plan.data == batches[0].nbytes
        # It holds the parameters, which were there before.
        assert abs(plan.linearisation - sum(w.nbytes for w in params)) < 100
    else:
        # The linearisation shares the parameters and the batch with the caller.
        shared = sum(w.nbytes for w in params) + batches[0].nbytes
        assert 0.8 * held <= plan.linearisation <= 1.2 * (held + shared)
        compiled = jax.jit(lambda o, v: o._flat_matvec(v)).lower(op, state.current).compile()
        temporaries = compiled.memory_analysis().temp_size_in_bytes
        row = state.current.nbytes
        assert abs(plan.workspace - (temporaries + 6 * row)) <= 0.2 * plan.workspace


def _plan(monkeypatch, device, host, backend="gpu"):
    monkeypatch.setattr(planning, "SMALL", 0)
    monkeypatch.setattr(memory, "device_free", lambda: device)
    monkeypatch.setattr(memory, "host_free", lambda: host)
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    op = lsgeo.from_matvec(lambda v: 2.0 * v, np.ones(1000))
    return op, lsgeo.memory_plan(op, num_steps=93)  # (94 + 6) * 8000 bytes


def test_basis_goes_to_the_device_then_to_the_host_then_nowhere(monkeypatch):
    for device, host, backend, choice in (
        (1_000_000, 0, "gpu", "device"),
        (999_999, 1_000_000, "gpu", "host"),
        (999_999, 999_999, "gpu", "none"),
        (999_999, 1_000_000, "cpu", "none"),  # there the host's memory is the device's
        (None, 0, "gpu", "device"),
    ):
        _, plan = _plan(monkeypatch, device, host, backend)
        assert plan.choice == choice
        assert plan.basis == (0 if choice == "none" else 94 * 8000)


def test_density_takes_the_planned_place_and_eigenpairs_refuse_to_have_none(monkeypatch):
    op, plan = _plan(monkeypatch, 1000, 1000)
    assert str(plan).endswith("1000 B free; basis: none")
    places = []
    make = lanczos.bases.make
    monkeypatch.setattr(
        lanczos.bases, "make", lambda place, *rest: places.append(place) or make(place, *rest)
    )
    lsgeo.spectral_density(op, key=KEY, num_probes=1, num_steps=3)
    assert places == ["none"]
    with pytest.raises(ValueError, match="more than the memory that is free"):
        lsgeo.extreme_eigenpairs(op, key=KEY)


def _temporaries(op):
    plan = lsgeo.memory_plan(op, num_steps=5)
    return plan.workspace - 6 * op.shape[0] * op.dtype.itemsize


@pytest.mark.parametrize("derive", [lambda op: op, lambda op: (2.0 * op + op).restrict(["a", "b"])])
def test_a_streamed_product_takes_the_temporaries_of_its_largest_batch(derive):
    params, batches = _problem()
    params = dict(zip("abc", params, strict=True))
    loss = lambda p, x: _loss(p.values(), x)  # noqa: E731
    # The same product of a batch that is held, which is compiled alone.
    held = lsgeo.hessian(loss, params, batches[0], mode="forward-over-reverse")
    expected = _temporaries(held)
    assert expected > batches[0].nbytes
    streamed = derive(lsgeo.hessian(loss, params, batches=batches[::-1]))
    assert 0.8 * expected <= _temporaries(streamed) <= 1.5 * expected
    assert lsgeo.memory_plan(streamed).data == batches[0].nbytes
