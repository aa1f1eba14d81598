"""The basis: orthogonality, places, resumption. Oracles: prescribed spectra and a run that was not cut."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo.spectra.krylov import basis, lanczos
from tests import oracles

KEY = jax.random.key(5)
SPIKES = np.r_[np.linspace(-1, 1, 240), np.linspace(5, 50, 10)]
MATRIX = oracles.prescribed(SPIKES)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(basis, "_block_rows", lambda n, dtype: 4)


@pytest.fixture
def op():
    return lsgeo.dense(jnp.asarray(MATRIX, jnp.float32))


@pytest.mark.parametrize("place", ["device", "host"])
def test_basis_of_a_hundred_steps_is_orthonormal_to_rounding(op, small_blocks, place):
    state = lanczos.extend(op, lanczos.start(op, key=KEY, place=place), 100)
    rows = np.asarray(state.basis, np.float64)[:101]
    assert np.abs(rows @ rows.T - np.eye(101)).max() < 10 * np.finfo(np.float32).eps


def test_what_is_left_of_a_product_that_lies_almost_in_the_basis_is_orthogonal_to_it(op):
    state = lanczos.extend(op, lanczos.start(op, key=KEY), 20)
    rows = state.basis[:21]
    rest = np.float32(1e-5) * lanczos.random_unit(KEY, 250, np.float32)
    product = jnp.sum(rows, axis=0) + rest
    left = lanczos.orthogonalised(state.vectors, product, state.current, None, 0.0)
    overlaps = np.asarray(rows, np.float64) @ np.asarray(left.vector, np.float64)
    assert np.abs(overlaps).max() < 10 * np.finfo(np.float32).eps * left.norm


def test_coefficients_are_the_projection_of_the_matrix_on_the_basis(op):
    state = lanczos.extend(op, lanczos.start(op, key=KEY), 60)
    rows = np.asarray(state.basis, np.float64)[:60]
    rule = state.rule
    projected = np.diag(rule.alphas) + np.diag(rule.betas[:-1], 1) + np.diag(rule.betas[:-1], -1)
    np.testing.assert_allclose(rows @ MATRIX @ rows.T, projected, atol=50 * 1e-5)


def test_host_and_device_give_the_same_coefficients_to_the_bit(op, small_blocks):
    rules = []
    for place in ("device", "host"):
        state = lanczos.extend(op, lanczos.start(op, key=KEY, place=place), 30)
        rules.append(state.rule)
    np.testing.assert_array_equal(rules[0], rules[1])


def test_three_vector_recurrence_has_ghosts_but_the_same_distribution(op):
    stored, none = (
        lsgeo.spectral_density(op, key=KEY, num_probes=2, num_steps=100, basis=place)
        for place in ("device", "none")
    )
    for real, ghosts in zip(stored.nodes, none.nodes, strict=True):
        assert np.sum(real > 2) == 10
        assert np.sum(ghosts > 2) > 12
    for k in (1, 2, 4):
        np.testing.assert_allclose(none.moment(k).value, stored.moment(k).value, rtol=1e-5)
    x = np.r_[np.linspace(-0.9, 0.9, 7), np.arange(2.5, 50, 5)]
    np.testing.assert_allclose(none.cumulative(x)[1], stored.cumulative(x)[1], atol=0.02)
    assert stored.count_above(2).value == 10
    below = stored.count_below(2)
    assert below.lower <= 240 <= below.upper
    for count in (none.count_above, none.count_below):
        with pytest.raises(ValueError, match="`density` was made without a stored basis"):
            count(2)


def test_place_that_does_not_exist_is_named(op):
    with pytest.raises(
        ValueError, match="`basis` must be one of auto, device, host, none; got 'disk'"
    ):
        lsgeo.spectral_density(op, key=KEY, basis="disk")


class Interrupted:
    """A product that fails after a number of calls, and counts them."""

    def __init__(self):
        self.calls, self.fail_at = 0, None
        self.product = jax.jit(lambda v: jnp.asarray(SPIKES, jnp.float32) * v)
        self.op = lsgeo.from_matvec(self, jnp.ones(len(SPIKES), jnp.float32))
        self.calls = 0

    def __call__(self, v):
        if self.calls == self.fail_at:
            raise KeyboardInterrupt
        self.calls += 1
        return self.product(v)


@pytest.mark.parametrize("place", ["device", "host", "none"])
def test_run_that_was_cut_goes_on_to_the_same_result_to_the_bit(tmp_path, small_blocks, place):
    arguments = {"key": KEY, "num_probes": 3, "num_steps": 12, "basis": place}
    source = Interrupted()
    whole = lsgeo.spectral_density(source.op, **arguments)
    path = tmp_path / "state.npz"
    source.calls, source.fail_at = 0, 1 + 12 + 7
    with pytest.raises(KeyboardInterrupt):
        lsgeo.spectral_density(source.op, **arguments, state_file=path, save_every=5)
    source.calls, source.fail_at = 0, None
    resumed = lsgeo.spectral_density(source.op, **arguments, state_file=path, save_every=5)
    np.testing.assert_array_equal(resumed.nodes, whole.nodes)
    np.testing.assert_array_equal(resumed.weights, whole.weights)
    assert source.calls == 1 + 7 + 12  # the fingerprint, the second probe from step 5, the third
    assert list(tmp_path.iterdir()) == []


def _cut(path, **changes):
    source = Interrupted()
    source.fail_at = 9
    arguments = {"key": KEY, "num_probes": 2, "num_steps": 12, "state_file": path, "save_every": 4}
    with pytest.raises(KeyboardInterrupt):
        lsgeo.spectral_density(source.op, **{**arguments, **changes})
    source.fail_at = None
    return source.op, arguments


def test_state_of_another_run_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    op, arguments = _cut(path)
    others = {
        "key": {**arguments, "key": jax.random.key(6)},
        "num_steps": {**arguments, "num_steps": 13},
        "basis": {**arguments, "basis": "none"},
    }
    for name, other in others.items():
        with pytest.raises(ValueError, match=f"`state_file` .* another run: its {name} is"):
            lsgeo.spectral_density(op, **other)
    with pytest.raises(ValueError, match="`state_file` .* belongs to another operator"):
        near = lsgeo.from_matvec(
            lambda v: op.flat_product(v) * np.float32(1.001), jnp.ones(250, "f4")
        )
        lsgeo.spectral_density(near, **arguments)
    with pytest.raises(ValueError, match="its size is 250, here it is 20"):
        lsgeo.spectral_density(lsgeo.dense(jnp.eye(20)), **arguments)
    lsgeo.spectral_density(op, **arguments)  # and none of these has touched the file


@pytest.mark.parametrize("contents", [b"", b"PK\x03\x04 no archive", None])
def test_damaged_state_is_refused_by_name(tmp_path, contents):
    path = tmp_path / "state.npz"
    op, arguments = _cut(path)
    path.write_bytes(path.read_bytes()[:2000] if contents is None else contents)
    with pytest.raises(ValueError, match=r"`state_file` .*state\.npz is damaged"):
        lsgeo.spectral_density(op, **arguments)


def test_progress_counts_to_the_total():
    seen = []
    op = lsgeo.dense(oracles.prescribed(np.arange(70.0)))
    lsgeo.spectral_density(
        op, key=KEY, num_probes=2, num_steps=3, progress=lambda *args: seen.append(args)
    )
    assert [done for done, _, _ in seen] == [1, 2, 3, 4, 5, 6]
    assert seen[3] == (4, 6, "probe 2 of 2, step 1 of 3")


DEVICES = """
import sys, jax, numpy as np, jax.numpy as jnp
sys.path.insert(0, ".")
import lsgeo
rng = np.random.default_rng(0)
one = jnp.asarray(rng.standard_normal((8, 3)), jnp.float32)
mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
eight = jax.device_put(one, jax.NamedSharding(mesh, jax.P("data")))
params = jnp.asarray(rng.standard_normal((3, 2)), jnp.float32)
for batch in (one, eight):
    op = lsgeo.hessian(lambda w, x: jnp.mean(jnp.tanh(x @ w) ** 2), params, batch)
    density = lsgeo.spectral_density(op, key=jax.random.key(0), num_probes=1, num_steps=4)
    print(len(batch.devices()), *density.nodes.ravel())
"""


def test_one_device_and_eight_give_the_same_spectrum():
    flags = "--xla_force_host_platform_device_count=8"
    output = subprocess.run(
        [sys.executable, "-c", DEVICES],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    one, eight = (np.array(line.split(), float) for line in output)
    assert (one[0], eight[0]) == (1, 8)
    np.testing.assert_allclose(eight[1:], one[1:], atol=2e-5 * np.abs(one[1:]).max())
