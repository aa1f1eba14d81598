"""Oracles: a quadratic in closed form in any number of directions, and the bits of jit(loss)."""

import itertools
import os
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.geometry import Slice, slice_along, surface
from lsgeo.geometry.surfaces import slices

AXES = (np.linspace(-1, 1, 3), np.linspace(-0.5, 1, 4), np.linspace(0, 2, 5))

# In a process of its own: two devices, and optimised code, which the session's flags turn off.
PROGRAM = """
import sys, jax, jax.numpy as jnp, numpy as np
sys.path.insert(0, ".")
from lsgeo.geometry import slice_along

rng = np.random.default_rng(0)
def draw(*shape):
    return jnp.asarray(rng.normal(size=shape), jnp.float32)

def loss(p, batch):
    h = jax.lax.conv(batch["x"], p["conv"], (1, 1), "SAME")
    h = jax.nn.relu((h - h.mean((0, 2, 3), keepdims=True)) * jax.lax.rsqrt(h.var((0, 2, 3), keepdims=True)))
    h = jnp.tanh(h.reshape(len(h), -1) @ p["dense"].astype(jnp.float32) + p["bias"])
    return -jax.nn.log_softmax(h @ p["head"])[:, 0].mean()

def tree():
    return {"conv": draw(6, 2, 3, 3), "dense": draw(150, 40).astype(jnp.bfloat16), "bias": draw(40),
            "head": draw(40, 10)}

params, directions, batch = tree(), [tree(), tree()], {"x": draw(16, 2, 5, 5)}
axes = (np.linspace(-1, 1, 3), np.linspace(-1, 1, 5))
devices = jax.devices()
rows = {}
plain = slice_along(loss, params, batch, directions, axes=axes, on_row=rows.__setitem__)
assert plain.values[1, 2].tobytes() == np.asarray(jax.jit(loss)(params, batch)).tobytes()
assert len(np.unique(plain.values)) == 15
kept = {1: rows[1]}
for options in ({"chunk": 4}, {"devices": devices}, {"devices": devices, "chunk": 3}, {"finished": kept}):
    other = slice_along(loss, params, batch, directions, axes=axes, **options)
    print(len(devices), other.values.tobytes() == plain.values.tobytes())
halves = jax.device_put(batch, jax.NamedSharding(jax.make_mesh((2,), ("data",)), jax.P("data")))
split = slice_along(loss, params, halves, directions, axes=axes)
print(len(devices), bool(np.allclose(split.values, plain.values, rtol=1e-4)))
"""


def quadratic(size=4, seed=0):
    rng = np.random.default_rng(seed)
    factor, centre = rng.normal(size=(size, size)), rng.normal(size=size)
    matrix = factor + factor.T
    return matrix, centre, lambda w, shift: 0.5 * jnp.vdot(w, jnp.asarray(matrix) @ w) + shift


@pytest.mark.parametrize("count", [1, 2, 3])
def test_quadratic_equals_its_closed_form_in_one_two_and_three_directions(count):
    matrix, centre, loss = quadratic()
    directions = list(np.random.default_rng(1).normal(size=(count, 4)))
    found = slice_along(loss, centre, 0.25, directions, axes=AXES[:count], chunk=2)
    assert found.values.shape == (3, 4, 5)[:count] == tuple(map(len, found.axes))
    assert found.num_evaluations == found.values.size
    for index in itertools.product(*map(range, found.values.shape)):
        steps = [found.axes[k][i] * directions[k] for k, i in enumerate(index)]
        point = centre + sum(steps)
        exact = 0.5 * point @ matrix @ point + 0.25
        np.testing.assert_allclose(found.values[index], exact, rtol=1e-12, atol=1e-12)


def test_serial_chunked_resumed_and_sharded_grids_have_the_same_bits_in_optimised_code():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            **os.environ,
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
            "JAX_PLATFORMS": "cpu",
        },
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == ["2 True"] * 5, done.stderr


def test_a_surface_is_the_slice_along_both_directions_with_its_axes_exchanged():
    _, centre, loss = quadratic()
    dx, dy = np.random.default_rng(2).normal(size=(2, 4))
    plane = surface(loss, centre, 0.0, (dx, dy), xs=AXES[2], ys=AXES[1], chunk=3)
    along = slice_along(loss, centre, 0.0, (dy, dx), axes=(AXES[1], AXES[2]))
    assert plane.values.tobytes() == along.values.tobytes() and plane.values.shape == (4, 5)


@pytest.mark.parametrize("packed", [0, slices.PACKED])
def test_points_are_rounded_once_so_that_coordinates_of_half_precision_weights_are_exact(
    packed, monkeypatch
):
    # Large parameters travel leaf by leaf, small ones as one vector.
    monkeypatch.setattr(slices, "PACKED", packed)
    weights, steps = jnp.array([1.0], jnp.bfloat16), [jnp.array([3.0], jnp.bfloat16)] * 2
    xs, ys = np.linspace(0.01, 1.01, 7), np.linspace(0.02, 1.02, 5)

    def loss(w, _):
        return jnp.sum(w.astype(jnp.float32))

    found = slice_along(loss, weights, None, steps, axes=(xs, ys))
    exact = 1 + 3 * xs[:, None] + 3 * ys[None, :]
    np.testing.assert_array_equal(found.values, np.asarray(exact, jnp.bfloat16).astype(float))


def test_rows_count_through_the_first_directions_and_a_kill_keeps_those_that_are_done():
    _, centre, loss = quadratic()
    directions = list(np.eye(4)[:3])
    rows = {}

    def die(row, values):
        rows[row] = values
        if row == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        slice_along(loss, centre, 0.0, directions, axes=AXES, on_row=die)
    assert list(rows) == list(range(6))
    new = {}
    resumed = slice_along(
        loss, centre, 0.0, directions, axes=AXES, finished=rows, on_row=new.__setitem__, chunk=7
    )
    assert list(new) == list(range(6, 12))
    np.testing.assert_array_equal(resumed.values[1, 1], rows[5])
    fresh = slice_along(loss, centre, 0.0, directions, axes=AXES)
    assert resumed.values.tobytes() == fresh.values.tobytes()


def test_a_finished_row_is_taken_as_it_is_whatever_its_values():
    # Losses of zero or less mark no point as missing.
    kept = {0: np.array([-1.0, 0.0, np.nan]), 1: np.zeros(3)}
    found = slice_along(
        lambda w, _: jnp.sum(w),
        jnp.ones(2),
        None,
        list(np.eye(2)),
        axes=([0, 1], [0, 1, 2]),
        finished=kept,
    )
    np.testing.assert_array_equal(found.values, np.stack([kept[0], kept[1]]))


def test_text_names_size_range_and_holes():
    one = Slice((np.arange(3.0),), np.array([1.0, np.nan, 3.0]))
    assert str(one) == "Slice(3 points, loss 1 to 3, 33.3% not finite)"
    assert one.finite_fraction == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"directions": []}, r"`directions` must be a list.*got an empty one"),
        ({"directions": jnp.ones(2)}, r"`directions` must be a list"),
        (
            {"directions": [jnp.ones(3)]},
            r"`directions\[0\]` and `params` .* has shape \(3,\) in the one",
        ),
        ({"directions": [jnp.zeros(2)]}, r"`directions\[0\]` must not be zero"),
        ({"axes": [[0.0], [0.0]]}, r"`axes` must be one list .*got 2 for 1"),
        ({"axes": [[]]}, r"`axes\[0\]` must be a non-empty"),
        ({"chunk": 0}, r"`chunk` must be"),
        ({"devices": []}, r"`devices` must hold at least one"),
        ({"finished": {1: np.zeros(2)}}, r"`finished` must map rows 0 to 0 to 2 values"),
        ({"params": {}}, r"`directions\[0\]` and `params` .*; their structures are"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    arguments = {
        "params": jnp.zeros(2),
        "directions": [jnp.ones(2)],
        "axes": [[0.0, 1.0]],
    } | change
    params, directions = arguments.pop("params"), arguments.pop("directions")
    with pytest.raises(ValueError, match=message):
        slice_along(lambda w, _: jnp.sum(w), params, None, directions, **arguments)
