"""Multilayer perceptrons with weights that are given, as subjects of a metric."""

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import models
from lsgeo.study.measures import Subject


def subject(kernels, head, images, labels, *, skip="none", activation="linear", reading="matched"):
    """The identity as stem, blocks W act(x), the head; images of the stream's width."""
    head = np.asarray(head, float)
    width, num_classes = head.shape
    model = models.MLP(
        len(kernels), width, num_classes, skip, activation=activation, norm="none", scan=False
    )
    params = {"stem": _dense(np.eye(width)), "head": _dense(head)}
    params |= {f"block_{i}": {"dense_0": _dense(kernel)} for i, kernel in enumerate(kernels)}
    batch = {"image": jnp.asarray(images, float), "label": jnp.asarray(labels)}
    return Subject(
        model=model,
        constants={},
        params=params,
        loss=models.CrossEntropy(model),
        batch=batch,
        test=batch,
        num_classes=num_classes,
        reading=reading,
        key=jax.random.key(0),
        retrained=lambda number: None,
    )


def rotations(count, width, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(count, width, width)))[0]


def _dense(kernel):
    kernel = jnp.asarray(kernel, float)
    return {"kernel": kernel, "bias": jnp.zeros(kernel.shape[1])}
