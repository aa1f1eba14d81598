"""Small networks at initialisation, as metrics take them."""

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import models
from lsgeo.study.measures import Subject


def batch(num, classes=3, shape=(6,), seed=0, dtype=np.float32):
    """Random images with labels in turn."""
    rng = np.random.default_rng(seed)
    image = rng.standard_normal((num, *shape)).astype(dtype)
    return {"image": jnp.asarray(image), "label": jnp.arange(num) % classes}


def subject(model, train, test=None, *, params=None, classes=3, seed=0):
    """A Subject of a module; its own initial parameters where none are given."""
    variables = models.init(model, train["image"], key=jax.random.key(seed))
    stats = models.reestimate_batch_stats(model, variables, train["image"])
    drawn = variables.pop("params")
    constants = {**variables, **stats}
    return Subject(
        model=model,
        constants=constants,
        params=drawn if params is None else params,
        loss=models.CrossEntropy(model, constants),
        batch=train,
        test=train if test is None else test,
        num_classes=classes,
        reading="matched",
        key=jax.random.key(7),
        retrained=lambda k: None,
    )
