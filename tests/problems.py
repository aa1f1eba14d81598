"""One regression in three frameworks, as the README shows them to `experiments.spectrum --problem`."""

import equinox as eqx
import jax
import jax.numpy as jnp
from flax import nnx

X = jax.random.normal(jax.random.key(1), (50, 4), jnp.float32)
BATCH = {"x": X, "y": jnp.sin(X[:, 0])}


def mean_squared_error(predict):
    def loss(params, batch):
        return jnp.mean((predict(params, batch["x"]) - batch["y"]) ** 2)

    return loss


def plain():
    keys = jax.random.split(jax.random.key(0))
    params = {
        "hidden": jax.random.normal(keys[0], (4, 8), jnp.float32) / 2,
        "out": jax.random.normal(keys[1], (8,), jnp.float32) / 3,
    }
    loss = mean_squared_error(lambda p, x: jnp.tanh(x @ p["hidden"]) @ p["out"])
    return loss, params, BATCH


def in_batches():
    loss, params, batch = plain()
    cuts = (slice(0, 20), slice(20, 40), slice(40, 50))
    return loss, params, [jax.tree.map(lambda a, c=cut: a[c], batch) for cut in cuts]


def masked_in_batches():
    """A mean over unmasked rows, of which the last batch has none and the one before it half."""
    loss, params, _ = plain()
    mask = jnp.where(jnp.arange(50) < 30, 1.0, 0.0).astype(jnp.float32)

    def masked(p, batch):
        one = jax.vmap(lambda row: loss(p, jax.tree.map(lambda a: a[None], row)))(
            {"x": batch["x"], "y": batch["y"]}
        )
        return jnp.sum(batch["mask"] * one) / jnp.sum(batch["mask"])

    batch = {**BATCH, "mask": mask}
    cuts = (slice(0, 20), slice(20, 40), slice(40, 50))
    parts = [jax.tree.map(lambda a, c=cut: a[c], batch) for cut in cuts]
    return masked, params, parts, lambda b: b["mask"].sum()


class Network(nnx.Module):
    def __init__(self, rngs):
        self.hidden = nnx.Linear(4, 8, rngs=rngs)
        self.out = nnx.Linear(8, 1, rngs=rngs)

    def __call__(self, x):
        return self.out(jnp.tanh(self.hidden(x)))[:, 0]


def flax_nnx():
    graph, params, rest = nnx.split(Network(nnx.Rngs(0)), nnx.Param, ...)
    loss = mean_squared_error(lambda p, x: nnx.merge(graph, p, rest, copy=True)(x))
    return loss, params, BATCH


def equinox():
    network = eqx.nn.MLP(
        4, "scalar", 8, 1, activation=jnp.tanh, dtype=jnp.float32, key=jax.random.key(0)
    )
    params, static = eqx.partition(network, eqx.is_inexact_array)
    loss = mean_squared_error(lambda p, x: jax.vmap(eqx.combine(p, static))(x))
    return loss, params, BATCH


def not_three():
    return plain()[:2]


def downhill():
    """All curvature is negative."""
    loss, params, batch = plain()
    del loss
    return lambda p, _: -sum(jnp.sum(leaf**2 * (1 + leaf**2)) for leaf in p.values()), params, batch


def flat():
    """There is no curvature."""
    loss, params, batch = plain()
    del loss
    return lambda p, _: sum(jnp.sum(leaf) for leaf in p.values()), params, batch
