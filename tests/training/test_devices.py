"""One device and eight train the same network, to rounding."""

import os
import subprocess
import sys

import numpy as np

PROGRAM = """
import sys, jax, jax.numpy as jnp, numpy as np
sys.path.insert(0, ".")
from lsgeo.training import Recipe, fit, start

rng = np.random.default_rng(0)
data = {"image": np.float32(rng.normal(size=(48, 4))), "label": np.float32(rng.normal(size=48))}
params = {"w": np.float32(rng.normal(size=(4, 3))), "v": np.float32(rng.normal(size=3))}

def loss(params, batch):
    h = batch["image"] @ params["w"]
    h = jnp.tanh((h - h.mean(0)[None]) / h.std(0)[None])  # As batch norm in training: over all devices.
    return ((h @ params["v"] - batch["label"]) ** 2).mean()

def noise(images, *, key):
    return images + jax.random.normal(key, images.shape)

for batch_size, augment in ((0, None), (16, noise)):
    recipe = Recipe(
        optimizer="momentum", learning_rate=0.1, batch_size=batch_size, max_steps=5, ema=0.5,
        clip_norm=1.0,
    )
    evaluate = (lambda p: float(loss(p, data))) if augment else None
    for devices in (jax.local_devices()[:1], None):
        result = fit(
            loss, start(params, recipe), data, recipe, key=jax.random.key(1), evaluate=evaluate,
            augment=augment, devices=devices,
        )
        leaves = jax.tree.leaves((result.params, result.average))
        count = len(leaves[0].devices())
        print(count, result.loss, *np.concatenate([np.ravel(leaf) for leaf in leaves]))
"""


def test_one_device_and_eight_give_the_same_parameters():
    flags = "--xla_force_host_platform_device_count=8"
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    lines = [np.array(line.split(), float) for line in output]
    for one, eight in (lines[:2], lines[2:]):
        assert (one[0], eight[0]) == (1, 8)
        # Sums in another order, in float32, over five steps.
        np.testing.assert_allclose(eight[1:], one[1:], rtol=1e-4, atol=1e-5)
