"""Parameter counts of the published networks, to the unit; the oracle is the table of `published`.

The table's own numbers are those of the papers and, for ResNets, of the independent implementation
whose outputs are stored in tests/reference.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.models import PUBLISHED, count_parameters, create, shapes
from tests.reference import weights

STORED = np.load(Path(weights.__file__).with_name("outputs.npz"), allow_pickle=False)
STORED_NAMES = {
    **{f"resnet-{d}": f"resnet{d}-a" for d in (20, 32, 44, 56, 110, 1202)},
    **{f"resnet-{d}-b": f"resnet{d}-b" for d in (20, 32, 44, 56, 110)},
    **{f"plain-{d}": f"resnet{d}-none" for d in (20, 56, 110)},
    **{f"li-wrn-56-{k}": f"li-wrn56-{k}-b" for k in (2, 4, 8)},
    **{f"li-wrn-56-{k}-plain": f"li-wrn56-{k}-none" for k in (2, 4, 8)},
    "preresnet-110": "preactivation110-a",
    **{f"preresnet-{d}": f"preactivation{d}" for d in (164, 1001)},
    **{f"wrn-{size}": f"wrn{size}" for size in ("16-4", "28-10", "40-2", "16-8")},
    "resnet-18-cifar": "resnet18-cifar-stem",
    **{f"resnet-{d}": f"resnet{d}" for d in (18, 34, 50, 101, 152)},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_network_has_its_number_of_parameters(name):
    published = PUBLISHED[name]
    model = create(name)
    if hasattr(model, "scan"):
        model = model.clone(scan=True)  # The same parameters, stacked, and traced in no time.
    image = jax.ShapeDtypeStruct((1, *published.input_shape), jnp.float32)
    assert count_parameters(shapes(model, image)["params"]) == published.num_parameters


@pytest.mark.parametrize("name", STORED_NAMES)
def test_the_table_agrees_with_the_independent_implementation(name):
    assert PUBLISHED[name].num_parameters == STORED[f"parameters/{STORED_NAMES[name]}"]
