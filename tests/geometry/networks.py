"""Small networks written out in jax.numpy, with the permutations of units that each of them has by hand.

Weights are small whole numbers where the network has no division: sums are then exact in any order, and
a permuted network must give the same bits.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@dataclasses.dataclass(frozen=True)
class Case:
    predict: Callable
    params: Any
    batch: Any
    groups: dict[int, int]  # size of a group -> number of groups of that size
    exact: bool = True


def whole(seed, **shapes):
    random = np.random.default_rng(seed)
    return {
        name: jnp.asarray(random.integers(-3, 4, shape), float) for name, shape in shapes.items()
    }


def plain():
    def predict(p, x):
        h = jax.nn.relu(x @ p["a"] + p["b"][None])
        return jax.nn.relu(h @ p["c"]) @ p["d"]

    params = whole(0, a=(3, 5), b=(5,), c=(5, 7), d=(7, 2))
    return Case(predict, params, whole(1, x=(4, 3))["x"], {5: 1, 7: 1})


def residual():
    # One permutation for the whole stream, one for the inner units of each branch.
    def predict(p, x):
        h = x @ p["stem"]
        for i in range(2):
            h = h + jax.nn.relu(h @ p[f"in_{i}"]) @ p[f"out_{i}"]
        return h @ p["head"]

    shapes = {f"in_{i}": (5, 7) for i in range(2)} | {f"out_{i}": (7, 5) for i in range(2)}
    return Case(
        predict,
        whole(2, stem=(3, 5), head=(5, 2), **shapes),
        whole(3, x=(4, 3))["x"],
        {5: 1, 7: 2},
    )


def conv(x, kernel, stride=1, **options):
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), **options
    )


def padded():
    # Shortcut "option A": the 4 channels of the first stage sit between two paddings of 2, and every
    # later weight sees them so.
    def predict(p, x):
        h = jax.nn.relu(conv(x, p["stem"]))
        h = h + conv(h, p["one"])
        pad = jnp.pad(h[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (2, 2)))
        h = jax.nn.relu(pad + conv(jax.nn.relu(conv(h, p["down"], 2)), p["up"]))
        return h.sum((1, 2)) @ p["head"]

    params = whole(
        4, stem=(3, 3, 1, 4), one=(3, 3, 4, 4), down=(3, 3, 4, 6), up=(3, 3, 6, 8), head=(8, 2)
    )
    return Case(predict, params, whole(5, x=(2, 4, 4, 1))["x"], {2: 2, 4: 1, 6: 1})


def dense_block():
    # Concatenation, pooling, and a flatten whose rows are (place, channel).
    def predict(p, x):
        h = conv(x, p["stem"])
        h = jnp.concatenate([h, conv(jax.nn.relu(h), p["grow"])], axis=-1)
        h = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return h.reshape(h.shape[0], -1) @ p["head"]

    params = whole(6, stem=(3, 3, 1, 3), grow=(3, 3, 3, 4), head=(2 * 2 * 7, 2))
    return Case(predict, params, whole(7, x=(2, 4, 4, 1))["x"], {3: 1, 4: 1})


def grouped():
    # 3 groups of 2 channels into 3 groups of 4: groups move whole, channels alike in all groups.
    def predict(p, x):
        h = conv(jax.nn.relu(conv(x, p["stem"])), p["grouped"], feature_group_count=3)
        return jax.nn.relu(h).sum((1, 2)) @ p["head"]

    params = whole(8, stem=(3, 3, 1, 6), grouped=(3, 3, 2, 12), head=(12, 2))
    return Case(predict, params, whole(9, x=(2, 4, 4, 1))["x"], {3: 1, 2: 1, 4: 1})


def scanned():
    # One permutation for the stream and one for the inner units of all layers.
    def predict(p, x):
        def layer(h, w):
            return h + jax.nn.relu(h @ w["in"]) @ w["out"], None

        return jax.lax.scan(layer, x @ p["stem"], p["layers"])[0] @ p["head"]

    params = whole(10, stem=(3, 5), head=(5, 2))
    params["layers"] = whole(11, **{"in": (2, 5, 7), "out": (2, 7, 5)})
    return Case(predict, params, whole(12, x=(4, 3))["x"], {5: 1, 7: 1})


def transformer():
    # Stream, heads, units of query and key, units of value and output; embedding by index.
    def predict(p, tokens):
        h = p["embed"][tokens] + p["positions"][None]
        h = (h - h.mean(-1, keepdims=True)) * p["scale"][None, None]
        q, k, v = (jnp.einsum("ntd,dhe->nthe", h, p[name]) for name in "qkv")
        mix = jax.nn.softmax(jnp.einsum("nthe,nshe->nhts", q, k) / 100)
        h = h + jnp.einsum("nhts,nshe,hed->ntd", mix, v, p["out"])
        return h[:, 0] @ p["head"]

    params = whole(
        13,
        embed=(9, 6),
        positions=(4, 6),
        scale=(6,),
        head=(6, 2),
        q=(6, 2, 3),
        k=(6, 2, 3),
        v=(6, 2, 5),
        out=(2, 5, 6),
    )
    tokens = jnp.asarray(np.random.default_rng(14).integers(0, 9, (3, 4)))
    return Case(predict, params, tokens, {6: 1, 2: 1, 3: 1, 5: 1}, exact=False)


def group_norm():
    # 2 groups of 3 units: the groups, and the units alike in both.
    def predict(p, x):
        h = x @ p["stem"]
        parts = h.reshape(-1, 2, 3)
        parts = parts / (1 + parts.std(-1, keepdims=True))
        return (parts.reshape(h.shape) * p["scale"][None]) @ p["head"]

    params = whole(15, stem=(3, 6), scale=(6,), head=(6, 2))
    return Case(predict, params, whole(16, x=(4, 3))["x"], {2: 1, 3: 1}, exact=False)


CASES = {
    case.__name__: case
    for case in (
        plain,
        residual,
        padded,
        dense_block,
        grouped,
        scanned,
        transformer,
        group_norm,
    )
}
