"""Arrays on several devices are called by their names."""

import subprocess
import sys

SCRIPT = """
import jax, jax.numpy as jnp, lsgeo
one, other = jax.devices()
w, x = jax.device_put(jnp.ones(3), one), jax.device_put(jnp.ones((4, 3)), other)
table = jax.device_put(jnp.ones(3), other)
for loss, batch in (
    (lambda w, b: jnp.mean((b @ w) ** 2), x),
    (lambda w, b: jnp.mean((b @ (w * table)) ** 2), jnp.ones((4, 3))),
):
    try:
        lsgeo.hessian(loss, w, batch)
    except ValueError as error:
        print(error)
"""


def test_parameters_data_and_arrays_of_a_closure_on_two_devices_are_refused_with_both():
    environment = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    for line, what in ((first, "`batch` on"), (second, "what `loss` closes over on")):
        assert "on different devices: `params` on" in line and what in line
