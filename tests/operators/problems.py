"""A small net and its per-example derivatives by the plainest road: reverse mode, one example at a time."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree


def net(num=7, dim=3, width=4, classes=3):
    """tanh net without biases: predict, mean cross-entropy, params, batch."""
    rng = np.random.default_rng(8)
    params = {
        "a": jnp.asarray(rng.standard_normal((dim, width))),
        "b": jnp.asarray(rng.standard_normal((width, classes))),
    }
    batch = {
        "x": jnp.asarray(rng.standard_normal((num, dim))),
        "y": jnp.asarray(rng.integers(0, classes, num)),
    }
    return predict, criterion, loss, params, batch


def predict(params, batch):
    return jnp.tanh(batch["x"] @ params["a"]) @ params["b"]


def criterion(outputs, batch):
    chosen = jax.nn.one_hot(batch["y"], outputs.shape[1], dtype=outputs.dtype)
    return -jnp.mean(jnp.sum(chosen * jax.nn.log_softmax(outputs), axis=1))


def loss(params, batch):
    return criterion(predict(params, batch), batch)


def rows(batch, sizes):
    """Cuts a batch into batches of these sizes."""
    edges = np.cumsum([0, *sizes])
    return [{k: v[a:b] for k, v in batch.items()} for a, b in itertools.pairwise(edges)]


def jacobian(params, batch):
    """d outputs / d params, numpy [N, K, P]."""
    flat, unravel = ravel_pytree(params)
    return np.asarray(jax.jit(jax.jacrev(lambda p: predict(unravel(p), batch)))(flat))


def example_gradients(loss, params, batch):
    """Gradients of the single examples, numpy [N, P]."""
    gradient = jax.jit(jax.grad(loss))
    num = len(batch["y"])
    singles = rows(batch, [1] * num)
    return np.stack([np.asarray(ravel_pytree(gradient(params, one))[0]) for one in singles])
