"""What the shortcuts let through: the product of their derivatives, and how far it is from 1 (claim C11).

A block h(S(x)) + F(x) hands h' S' of a gradient down beside what goes through its branch. h' is here the mean
derivative of a channel of h in the same channel: 1 for the identity, c for a constant, 0 without a skip, for a
gate that of (1 - g(x)) x, for a projection tr W / C. Dropout counts with 1 - rate, the share that a training
step lets through: it divides by that, which makes up for it in the mean but not in what is cut off.
"""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import models
from lsgeo.models import skips
from lsgeo.study.measures.records import Measure, columns
from lsgeo.study.measures.signals._unscanned import unscanned
from lsgeo.study.measures.subject import Subject

NUM_EXAMPLES = 64


def _measure(subject: Subject) -> dict[str, float]:
    model, variables = unscanned(subject)
    found = _derivatives(model, variables, subject.batch["image"][:NUM_EXAMPLES])
    if not found:  # several streams: none of them is the shortcut
        return {"shortcut_deviation": math.nan}
    return {"shortcut_deviation": abs(float(np.prod(np.asarray(found, np.float64))) - 1)}


@functools.partial(jax.jit, static_argnums=0)
def _derivatives(model, variables, images):
    # h' of each joint of a shortcut and a branch, from the bottom up.
    found = []

    def record(call, args, kwargs, context):
        joint = context.module
        if (
            not isinstance(joint, skips.Skip)
            or context.method_name != "__call__"
            or joint.streams > 1
        ):
            return call(*args, **kwargs)
        if joint.passes == "nothing":
            found.append((None, {}, None))
        x, branch, *rest = args
        shortcut = rest[0] if rest else skips.straight

        def kept(x):
            # What comes after S, so that a change of shape does not count: S(x) is all that h reads.
            found.append(
                (joint.clone(parent=None, name=None), _own(variables, joint.path), shortcut(x))
            )
            return found[-1][-1]

        return call(x, branch, kept, **kwargs)

    with nn.intercept_methods(record):
        model.apply(variables, images, train=False)
    return [0.0 if joint is None else _derivative(joint, own, x) for joint, own, x in found]


def _derivative(joint, variables, x):
    # Mean of the diagonal of the Jacobian of x -> joint(x, 0) over channels, positions and examples. No joint
    # mixes positions, so that one product for each channel gives all of them.
    def of_channel(tangent):
        along = jnp.broadcast_to(tangent.reshape((1,) * (x.ndim - 1) + (-1,)), x.shape)
        _, out = jax.jvp(lambda h: joint.apply(variables, h, jnp.zeros_like), (x,), (along,))
        return (out * along).sum()

    channels = jnp.eye(x.shape[-1], dtype=x.dtype)
    return joint.share * jax.lax.map(of_channel, channels).sum() / x.size


def _own(variables, path):
    found = {}
    for kind, tree in variables.items():
        for name in path:
            tree = tree.get(name, {})
        if tree:
            found[kind] = tree
    return found


SHORTCUTS = Measure(
    "shortcuts",
    columns("shortcut_deviation"),
    _measure,
    source="He et al. 2016, Identity mappings, section 3, eq. 8",
    cost=0.1,
    suits=lambda model: not isinstance(model, models.DenseNet),
)
