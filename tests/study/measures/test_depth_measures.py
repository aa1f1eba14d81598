"""Movement, placements and zero weights of networks whose numbers are known by hand."""

import dataclasses

import jax
import numpy as np
import pytest

from lsgeo import models
from lsgeo.study.measures import METRICS
from lsgeo.study.measures.depth.zero_weights import SCALE, chain_hessian
from tests.study.measures import linear_chains, subjects

MOVEMENT, PLACEMENTS, ZERO = (METRICS[n] for n in ("movement", "placements", "zero_weights"))


def moments(size=3, seed=0):
    rng = np.random.default_rng(seed)
    x, t = rng.normal(size=(2, 40, size))
    t = t + x @ rng.normal(size=(size, size))
    return x, t, x.T @ x / 40, t.T @ x / 40


def zero_hessian(second, cross, depth, length):
    return chain_hessian(second, cross, np.zeros((depth, length, *second.shape)))


def dense(x, t, weights):
    """The Hessian by JAX, of the mean loss over examples."""

    def loss(flat):
        h = x.T
        for block in flat.reshape(weights.shape):
            branch = h
            for layer in block:
                branch = layer @ branch
            h = h + branch
        return 0.5 * ((h - t.T) ** 2).sum() / len(x)

    return jax.jit(jax.hessian(loss))(weights.ravel())


@pytest.mark.parametrize(("depth", "length"), [(1, 1), (3, 1), (1, 2), (3, 2), (2, 3), (2, 4)])
@pytest.mark.parametrize("scale", [0.0, 0.01, 0.5])
def test_the_hessian_of_a_chain_is_that_of_the_loss(depth, length, scale):
    x, t, second, cross = moments()
    weights = scale * np.random.default_rng(1).normal(size=(depth, length, 3, 3))
    found = chain_hessian(second, cross, weights)
    np.testing.assert_allclose(found, dense(x, t, weights), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("depth", [1, 4, 32])
def test_over_two_layers_its_eigenvalues_are_the_singular_values_of_one_matrix_at_any_depth(depth):
    # Li et al. 2016: only the two layers of one block meet, in E (x - t) x'.
    _, _, second, cross = moments()
    values = np.linalg.svd(second - cross)[1]
    expected = np.sort(np.concatenate([values, -values]).repeat(depth * 3))
    found = np.linalg.eigvalsh(zero_hessian(second, cross, depth, 2))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_over_one_layer_it_has_a_closed_form_and_a_condition_that_grows_like_depth():
    # Where t = x / 2 and x is white, H = 11' (x) I + (11' - I) (x) K / 2 with K the transposition.
    second, cross = np.eye(2), np.eye(2) / 2
    transposed = np.eye(4).reshape(2, 2, 2, 2).transpose(0, 1, 3, 2).reshape(4, 4)
    conditions = []
    for depth in (4, 8, 16, 32):
        ones = np.ones((depth, depth))
        expected = np.kron(ones, np.eye(4)) + np.kron(ones - np.eye(depth), transposed) / 2
        found = zero_hessian(second, cross, depth, 1)
        np.testing.assert_allclose(found, expected, atol=1e-12)
        sizes = np.abs(np.linalg.eigvalsh(found))
        conditions.append(sizes.max() / sizes.min())
    # (3 L - 1) / 2 over 1/2.
    np.testing.assert_allclose(conditions, 3 * np.array([4, 8, 16, 32]) - 1, rtol=1e-9)


def test_the_columns_are_those_of_the_data_the_key_and_the_depth_alone():
    train = subjects.batch(60, shape=(3, 3, 1))
    found = [
        ZERO.measure(subjects.subject(models.create("mlp", **options), train))
        for options in (
            {"depth": 2, "width": 4, "num_classes": 3},
            {"depth": 6, "width": 4, "num_classes": 3, "skip": "none"},
            {"depth": 6, "width": 7, "num_classes": 3, "norm": "layer"},
        )
    ]
    assert found[1] == found[2]
    assert found[1]["zero_condition_1"] > 2 * found[0]["zero_condition_1"]
    # Principal components and centred indicators, by another way than the code's.
    image = np.float64(train["image"]).reshape(60, -1)
    centred = image - image.mean(0)
    x = centred @ np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :3]
    x /= np.sqrt((x**2).mean())
    x *= [1 if column.max() > -column.min() else -1 for column in x.T]
    t = np.float64(np.asarray(train["label"])[:, None] == np.arange(3))
    t -= t.mean(0)
    # The weights are small, so that the numbers are nearly those at zero; over three layers, of their size.
    for one in found:
        expected = np.linalg.cond(x.T @ (x - t))
        np.testing.assert_allclose(one["zero_condition_2"], expected, rtol=0.1)
        assert one["zero_condition_2"] != pytest.approx(expected, rel=1e-6)
        assert SCALE / 2 < one["zero_curvature_3"] < 10 * SCALE


def two_layer(**options):
    options = {"depth": 2, "width": 3, "num_classes": 3, "activation": "linear", **options}
    model = models.create("mlp", block="two_layer", **options)
    return subjects.subject(model, subjects.batch(9, shape=(3,), dtype=np.float64))


def test_movement_is_the_mean_over_blocks_of_each_layer_and_that_of_the_stream():
    subject = two_layer(skip="scaled")
    start = jax.tree.map(np.float64, subject.params)
    end = jax.tree.map(np.copy, start)
    for block, factor in (("block_0", 1.1), ("block_1", 0.7)):
        end[block]["dense_0"]["kernel"] *= factor
    end["block_1"]["dense_1"]["kernel"] *= 2
    moved = dataclasses.replace(subject, params=end, initial=lambda: start)
    found = MOVEMENT.measure(moved)
    assert found["movement_first"] == pytest.approx((0.1 + 0.3) / 2)
    assert found["movement_last"] == pytest.approx((0 + 1) / 2)

    def stream(params):
        x = np.float64(subject.batch["image"]) @ params["stem"]["kernel"]
        for k in range(2):
            layers = params[f"block_{k}"]
            x = x + x @ layers["dense_0"]["kernel"] @ layers["dense_1"]["kernel"] / np.sqrt(2)
        return x

    change = np.linalg.norm(stream(end) - stream(start)) / np.linalg.norm(stream(start))
    assert found["movement_stream"] == pytest.approx(change)


def test_what_has_not_moved_has_moved_by_nothing_and_what_has_no_start_has_no_movement():
    subject = two_layer()
    same = dataclasses.replace(subject, initial=lambda: subject.params)
    assert set(MOVEMENT.measure(same).values()) == {0.0}
    assert all(np.isnan(value) for value in MOVEMENT.measure(subject).values())
    assert not MOVEMENT.suits(models.create("mlp", norm="batch"))


@pytest.mark.parametrize("skip", ["none", "identity", "constant(scale=0.5)"])
def test_in_a_chain_a_branch_reads_the_stream_below_and_its_gradient_is_that_of_the_stream(skip):
    weights = np.array([0.5, 0.2, 3.0])
    subject = linear_chains.subject(
        [[[w]] for w in weights], [[1.0, -1.0]], [[1.0], [2.0], [-1.0]], [0, 1, 1], skip=skip
    )
    keep = {"none": 0, "identity": 1}.get(skip, 0.5)
    factors = weights + keep
    found = PLACEMENTS.measure(subject)
    # The last branch reads the stream after two blocks, and the first one's output goes through two more.
    assert found["stream_growth"] == pytest.approx(np.log(factors[0] * factors[1]))
    assert found["log_branch_ratio"] == pytest.approx(np.log(factors[1] * factors[2]))
    assert found["branch_unevenness"] == pytest.approx(abs(np.log(factors[1] * factors[2])))


def test_of_attention_residuals_a_branch_reads_its_mixture():
    # Queries are zero: a layer reads the mean of all before it, and the head that of all three.
    weights = np.array([0.5, -0.4])
    subject = linear_chains.subject(
        [[[w]] for w in weights], [[1.0, -1.0]], [[1.0], [2.0], [-1.0]], [0, 1, 1], skip="attention"
    )
    zero = {"mixture": {"query": np.zeros(1)}}
    params = {**subject.params, "skip_head": {"query": np.zeros(1)}}
    params |= {name: {**params[name], "skip": zero} for name in ("block_0", "block_1")}
    found = PLACEMENTS.measure(dataclasses.replace(subject, params=params))
    assert found["stream_growth"] == pytest.approx(np.log((1 + 0.5) / 2))
    # d/dv_1 = (1 + w_2 / 2) / 3 and d/dv_2 = 1/3.
    assert found["log_branch_ratio"] == pytest.approx(np.log(1 - 0.4 / 2))


def test_behind_each_norm_the_stream_of_a_transformer_does_not_grow():
    train = subjects.batch(6, shape=(4, 4, 1))
    options = {"depth": 6, "width": 8, "heads": 2, "num_classes": 3}
    growth = {
        block: PLACEMENTS.measure(
            subjects.subject(models.create("vit", block=block, **options), train)
        )
        for block in ("pre", "scaled", "post")
    }
    assert abs(growth["post"]["stream_growth"]) < abs(growth["scaled"]["stream_growth"])
    assert 0 < growth["scaled"]["stream_growth"] < growth["pre"]["stream_growth"]


def test_networks_that_are_not_taken_apart_do_not_suit():
    for name, options in (("densenet", {"depth": 7}), ("decoder", {}), ("mlp", {"scan": True})):
        assert not PLACEMENTS.suits(models.create(name, **options))
    assert PLACEMENTS.suits(models.create("resnet", depth=8))
