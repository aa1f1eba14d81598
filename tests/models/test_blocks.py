import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models
from lsgeo.geometry import gradient_path_energies

KEY = jax.random.key(0)
IMAGES = jax.random.normal(jax.random.key(1), (3, 8, 8, 1), jnp.float64)


def network(name="mlp", **options):
    model = models.create(name, **options)
    return model, models.init(model, IMAGES, key=KEY)


@pytest.mark.parametrize(
    ("name", "options"),
    [("mlp", {"depth": 3, "width": 4, "norm": "layer"}), ("resnet", {"depth": 8, "width": 2})],
)
def test_blocks_map_each_stream_to_the_next(name, options):
    model, variables = network(name, **options)
    found = models.blocks(model, variables, IMAGES)
    streams = models.activations(model, variables, IMAGES)
    assert [block.name for block in found] == [
        path.removesuffix("/stream") for path in sorted(streams) if path.endswith("/stream")
    ]
    inputs = models.block_inputs(model, variables, IMAGES)
    assert list(inputs) == [block.name for block in found]
    for below, above in itertools.pairwise(found):
        np.testing.assert_array_equal(inputs[above.name], streams[f"{below.name}/stream"])
        np.testing.assert_allclose(
            above.function(inputs[above.name]),
            streams[f"{above.name}/stream"],
            rtol=1e-10,
            atol=1e-12,
        )
    assert [block.keeps_shape for block in found] == [
        streams[f"{b.name}/stream"].shape == streams[f"{a.name}/stream"].shape if a else True
        for a, b in zip([None, *found], found, strict=False)
    ]


def test_deleting_a_block_is_the_network_with_a_branch_of_zeros():
    model, variables = network(depth=3, width=4)
    batch = {"image": IMAGES, "label": jnp.arange(3)}
    params = variables["params"]
    logits = models.WithoutBlocks(models.Logits(model), {"block_1": False, "block_2": True})
    silent = {**params, "block_1": jax.tree.map(jnp.zeros_like, params["block_1"])}
    expected = models.Logits(model)(silent, batch)
    np.testing.assert_array_equal(jax.jit(lambda f, p: f(p, batch))(logits, params), expected)
    assert not np.allclose(models.Logits(model)(params, batch), expected)
    with pytest.raises(ValueError, match="`kept` names blocks that the network lacks: block_7"):
        models.WithoutBlocks(models.Logits(model), {"block_7": True})(params, batch)


def test_reordering_moves_parameters_and_statistics_together():
    _, variables = network(depth=3, width=4, norm="batch")
    moved = models.reorder(variables, ["block_2", "block_0"])
    for kind in ("params", "batch_stats"):
        assert moved[kind]["block_0"] is variables[kind]["block_2"]
        assert moved[kind]["block_2"] is variables[kind]["block_0"]
        assert moved[kind]["block_1"] is variables[kind]["block_1"]
    with pytest.raises(ValueError, match="each once"):
        models.reorder(variables, ["block_0", "block_0"])
    _, resnet = network("resnet", depth=8, width=2)
    with pytest.raises(ValueError, match="stage_1_block_0 in the place of stage_0_block_0"):
        models.reorder(resnet, ["stage_1_block_0", "stage_0_block_0"])


def test_reordering_puts_each_block_where_it_was_asked_for():
    _, variables = network(depth=3, width=4)
    moved = models.reorder(variables, ["block_1", "block_2", "block_0"])["params"]
    for place, name in ((0, "block_1"), (1, "block_2"), (2, "block_0")):
        assert moved[f"block_{place}"] is variables["params"][name]


def test_a_scanned_network_is_refused():
    model, variables = network(depth=3, width=4, scan=True)
    with pytest.raises(ValueError, match="scan=False"):
        models.blocks(model, variables, IMAGES)


def test_the_parts_by_path_length_of_a_networks_gradient_sum_to_it():
    model, variables = network(depth=4, width=6)
    found = models.blocks(model, variables, IMAGES)
    params = variables["params"]
    stem = models.block_inputs(model, variables, IMAGES)["block_0"]

    def loss_above(x):
        return jnp.sum(jnp.maximum(x, 0) @ params["head"]["kernel"])

    branches = [lambda x, f=block.function: f(x) - x for block in found]
    parts = gradient_path_energies(branches, stem, jax.grad(loss_above))

    def loss(x):
        for block in found:
            x = block.function(x)
        return loss_above(x)

    whole = jax.grad(loss)(stem)
    np.testing.assert_allclose(
        parts.interference * parts.energy, (np.asarray(whole) ** 2).sum(), rtol=1e-10
    )


def test_the_gradient_above_a_block_is_that_of_the_rest_of_the_network():
    model, variables = network(depth=3, width=4)
    batch = {"image": IMAGES, "label": jnp.arange(3)}
    found = models.blocks(model, variables, IMAGES)
    head = variables["params"]["head"]

    def rest(x):
        logits = jnp.maximum(found[2].function(x), 0) @ head["kernel"] + head["bias"][None]
        return models.cross_entropy(logits, batch)

    stream = models.activations(model, variables, IMAGES)["block_1/stream"]
    loss = models.CrossEntropy(model)
    above = models.stream_gradient(loss, variables["params"], batch, "block_1")
    np.testing.assert_allclose(above, jax.grad(rest)(stream), rtol=1e-10, atol=1e-14)
    with pytest.raises(ValueError, match="`name` must be a block"):
        models.stream_gradient(loss, variables["params"], batch, "block_9")
