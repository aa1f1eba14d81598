"""Gates of one network: those that were set are read back, block by block."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models
from lsgeo.models import skips
from lsgeo.models.skips import registry
from lsgeo.study import measures
from lsgeo.study.measures.signals import gates

KEY = jax.random.key(0)
IMAGES = jax.random.normal(jax.random.key(1), (5, 3), jnp.float32)
BATCH = {"image": IMAGES, "label": jnp.arange(5) % 2}


def measured(skip, change, depth=3):
    model = models.MLP(depth=depth, width=4, num_classes=2, skip=skip)
    params = models.init(model, IMAGES, key=KEY)["params"]
    for block in range(depth):
        own = params[f"block_{block}"].get("skip", {})
        own.update(change(block, own))
    rest = 2, "end", KEY, lambda k: None
    loss = models.CrossEntropy(model)
    network = measures.Subject(model, {}, params, loss, BATCH, BATCH, *rest)
    found = gates.GATES.measure(network)
    assert set(found) == set(gates.GATES.names)
    return found, network


@pytest.mark.parametrize("depth", [3, 12])  # block_10 comes after block_9
def test_scales_of_the_branches_are_read_back_with_their_slope_over_depth(depth):
    signs = (-1.0) ** np.arange(depth)
    values = 0.1 + 0.4 * np.linspace(0, 1, depth)
    found, _ = measured(
        "rezero",
        lambda block, own: {"alpha": jnp.asarray(signs[block] * values[block], jnp.float32)},
        depth,
    )
    np.testing.assert_allclose(found["gate_mean"], 0.3, rtol=1e-6)
    np.testing.assert_allclose(found["gate_depth_slope"], 0.4, rtol=1e-5)
    assert np.isnan(found["stream_gain"])


def test_a_layer_scale_counts_with_its_mean_size():
    gamma = jnp.array([0.5, -0.5, 0.1, -0.1], jnp.float32)
    found, _ = measured("layerscale", lambda block, own: {"gamma": gamma})
    np.testing.assert_allclose(found["gate_mean"], 0.3, rtol=1e-6)
    np.testing.assert_allclose(found["gate_depth_slope"], 0, atol=1e-6)


@pytest.mark.parametrize("skip", ["highway", "exclusive_gate", "shortcut_gate"])
def test_a_gate_that_sees_nothing_is_the_sigmoid_of_its_bias(skip):
    def change(block, own):
        gate = own["gate"]
        bias = jnp.full_like(gate["bias"], block - 1.0)
        return {"gate": {"kernel": jnp.zeros_like(gate["kernel"]), "bias": bias}}

    found, _ = measured(skip, change)
    np.testing.assert_allclose(found["gate_mean"], 0.5, rtol=1e-6)  # sigmoids of -1, 0 and 1
    np.testing.assert_allclose(found["gate_depth_slope"], np.tanh(0.5), rtol=1e-5)


def test_free_mixtures_are_multiplied_as_the_network_applies_them():
    mixes = [jnp.float32([[1, 2], [0, 1]]), jnp.float32([[1, 0], [3, 1]])]

    def change(block, own):
        return {"mix": mixes[block], "write": jnp.zeros(2, jnp.float32)}

    found, network = measured("hyper(streams=2)", change, depth=2)
    # Both streams start as x, so that without branches they end as the row sums times x.
    _, state = network.model.apply({"params": network.params}, IMAGES, mutable=["intermediates"])
    first = IMAGES @ network.params["stem"]["kernel"]
    last = state["intermediates"]["block_1"]["stream"][0]
    sums = np.sort(np.mean(np.asarray(last) / np.asarray(first), (1, 2)))
    np.testing.assert_allclose(sums, [found["stream_row_min"], found["stream_row_max"]], rtol=1e-5)
    # (A_1 A_2)' = [[7, 3], [2, 1]]
    expected = {"row_min": 3, "row_max": 10, "column_min": 4, "column_max": 9, "gain": 10}
    for name, value in expected.items():
        np.testing.assert_allclose(found[f"stream_{name}"], value, rtol=1e-6)
    # Its singular values have the product det = 1 and the squares' sum 63.
    np.testing.assert_allclose(
        found["stream_contrast"] ** -2 + found["stream_contrast"] ** 2, 63, rtol=1e-4
    )


def test_two_streams_that_are_mixed_alike_in_each_block_lose_their_contrast_as_a_power():
    def change(block, own):
        return {"res": jnp.float32([[1.5, 0], [0, 1.5]])}

    # Doubly stochastic: e^1.5 against 1, whose eigenvalues are 1 and tanh(0.75).
    found, _ = measured("mhc(streams=2)", change, depth=3)
    np.testing.assert_allclose(found["stream_contrast"], np.tanh(0.75) ** 3, rtol=1e-4)


def test_doubly_stochastic_mixtures_keep_the_sums_of_their_product():
    def change(block, own):
        return {"res": 2 * jax.random.normal(jax.random.fold_in(KEY, block), own["res"].shape)}

    found, _ = measured("mhc", change, depth=4)
    for name in ("row_min", "row_max", "column_min", "column_max", "gain"):
        np.testing.assert_allclose(found[f"stream_{name}"], 1, atol=1e-3)
    assert np.isnan(found["gate_mean"])


def test_every_skip_type_states_its_gate_and_one_that_does_not_is_refused():
    class Silent(skips.Skip):
        passes = "stream"

    class Open(Silent):
        learned = None

    registry.check({**skips.SKIPS, "open": Open})
    text = "'silent' does not state `learned`.*a Weight, Opening or Mixing, or None: it has no gate"
    with pytest.raises(ValueError, match=text):
        registry.check({**skips.SKIPS, "silent": Silent})


def test_every_parameter_of_a_skip_type_is_its_gate_or_declared_to_be_none():
    # A projection and a query over blocks weigh no branch: they have parameters and no gate.
    gates_of = {"rezero", "skipinit", "layerscale", "highway", "exclusive_gate", "shortcut_gate"}
    for kind in skips.SKIPS:
        model = models.MLP(depth=1, width=4, skip=kind)
        has = "skip" in models.shapes(model, IMAGES)["params"]["block_0"]
        assert has == (kind in gates_of | {"hyper", "mhc", "projection", "attention"})
        learned = skips.parse(kind).skip.learned
        assert (learned is not None) == (has and kind not in ("projection", "attention"))


@pytest.mark.parametrize("skip", ["none", "identity", "mhc(dynamic=True)"])
def test_where_nothing_is_learned_or_it_depends_on_the_input_there_is_no_number(skip):
    found, _ = measured(skip, lambda block, own: {}, depth=1)
    assert np.all(np.isnan(list(found.values())))


def test_concatenation_has_no_gate_that_could_be_asked_for():
    assert not gates.GATES.suits(models.create("densenet", num_classes=2))
    assert gates.GATES.suits(models.MLP(depth=1, width=4, skip="rezero"))
