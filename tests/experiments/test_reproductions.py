"""Published numbers: each estimator against a closed form, an independent gradient or a planted case."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from experiments import reproductions, train
from experiments.reproductions import (
    _conditioning,
    _gradient_law,
    _lesions,
    _mnist_1d,
    _sharpness,
    records,
)
from lsgeo import data, models, runs

TINY = reproductions.Config(
    gradients=_gradient_law.Gradients(depths=(2, 4), widths=(16, 32), num_networks=5),
    depths=_sharpness.Depths(
        depths=(1, 2), width=8, num_train=40, loss_level=2.3, learning_rate=0.1, num_seeds=2
    ),
    edges=_sharpness.Edges(width=6, time=1.0, num_looks=3, num_seeds=2),
    mnist_1d=_mnist_1d.Mnist1D(num_epochs=1, batch_size=20, num_samples=50, num_seeds=2),
    conditioning=_conditioning.Conditioning(layers=(6, 12), dim=2, num_examples=9, num_seeds=2),
)
RECORDS = {record.name: record for record in reproductions.RECORDS}


def test_the_interval_over_seeds_is_students():
    values = [1.0, 2.0, 4.0]
    found = records.over_seeds(values)
    ends = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    np.testing.assert_allclose([found["value"], found["lower"], found["upper"]], [7 / 3, *ends])
    with pytest.raises(ValueError, match="`num_seeds` must be at least 2, for an interval; got 1"):
        records.over_seeds([1.0])


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [
        ((0.5, 1.0), "agrees"),
        ((2.0, 3.0), "agrees"),
        ((2.1, 3.0), "differs"),
        ((0.0, 0.9), "differs"),
    ],
)
def test_a_number_agrees_where_its_interval_meets_the_published_range(ends, verdict):
    record = dataclasses.replace(RECORDS["edge_80"], lower=1.0, upper=2.0)
    found = {"value": np.mean(ends), "lower": ends[0], "upper": ends[1]}
    assert record.verdict(found) == verdict


def test_a_planted_power_law_gives_its_exponent():
    sizes = np.array([2, 4, 16])
    values = np.array([3.0 * sizes**0.5, 7.0 * sizes**-2.0])
    np.testing.assert_allclose(records.exponent(sizes, values), [0.5, -2.0])


def chain(shortcut, branch, key, depth, width):
    """The same random network as `log_ratios`, with its gradients by finite differences, in NumPy."""
    start, inner, head = jax.random.split(jax.random.split(key, 1)[0], 3)
    weights = np.asarray(jax.random.normal(inner, (depth, width, width))) * np.sqrt(2 / width)
    x = np.asarray(jax.random.normal(start, (width,)))
    head = np.asarray(jax.random.normal(head, (width,)))

    def above(x, first):
        for matrix in weights[first:]:
            x = shortcut * x + branch * matrix @ np.maximum(x, 0)
        return head @ np.maximum(x, 0)

    def slope(x, first):
        steps = 1e-6 * np.eye(width)
        return np.array([(above(x + h, first) - above(x - h, first)) / 2e-6 for h in steps])

    first = shortcut * x + branch * weights[0] @ np.maximum(x, 0)
    last = first
    for matrix in weights[1:]:
        last = shortcut * last + branch * matrix @ np.maximum(last, 0)
    return np.linalg.norm(slope(first, 1)) / np.linalg.norm(slope(last, depth))


@pytest.mark.parametrize(("shortcut", "branch"), [(0.0, 1.0), (1.0, 1.0), (1.0, 0.5)])
def test_the_gradients_of_the_streams_are_those_of_finite_differences(shortcut, branch):
    key = jax.random.key(3)
    found = _gradient_law.log_ratios(key, shortcut, branch, depth=4, width=6, count=1)
    np.testing.assert_allclose(np.exp(found[0]), chain(shortcut, branch, key, 4, 6), rtol=1e-5)


def test_the_plain_law_holds_exactly_at_finite_width():
    # The squared norm of one block is (2 / n) chi-square of K degrees, K binomial(n, 1/2): Hanin and Nica.
    width, count = 16, 4000
    found = _gradient_law.log_ratios(jax.random.key(0), 0.0, 1.0, depth=2, width=width, count=count)
    on = np.arange(1, width + 1)
    weights = stats.binom.pmf(on, width, 0.5) / (1 - 0.5**width)
    from scipy.special import digamma, polygamma

    means = np.log(2 / width) + np.log(2) + digamma(on / 2)
    mean = weights @ means
    variance = weights @ (polygamma(1, on / 2) + means**2) - mean**2
    error = np.sqrt(variance) / 2 / np.sqrt(count)
    assert abs(np.mean(found) - mean / 2) < 4 * error
    np.testing.assert_allclose(np.std(found), np.sqrt(variance) / 2, rtol=0.06)


def test_planted_slope_spread_and_limit_are_found():
    rng = np.random.default_rng(0)
    x = np.repeat([0.1, 0.5, 2.0], 3000)
    y = -1.25 * x + 1.1 * np.sqrt(x) * rng.normal(size=len(x))
    slope = _gradient_law.plain_mean(x, y, len(y) - 3)
    assert slope.lower < -1.25 < slope.upper and slope.upper - slope.lower < 0.1
    spread = _gradient_law.plain_spread(x, y)
    assert spread.lower < 1.1 < spread.upper and spread.upper - spread.lower < 0.05
    width = np.repeat([32.0, 64.0, 128.0], 500)
    limit = _gradient_law.wide_limit(width, 0.5 - 3 / width + rng.normal(size=1500) / 9, width)
    assert limit.lower < 0.5 < limit.upper and limit.upper - limit.lower < 0.1


def test_with_shortcuts_over_two_layers_the_spectrum_is_plus_and_minus_the_singular_values():
    # Li et al. 2016: at zero the Hessian couples the two matrices of a block by S_xx - S_yx alone.
    x, y = batch = _conditioning.draw(jax.random.key(0), 3, 20)
    gap = np.asarray(x.T @ x - y.T @ x) / len(x)
    singular = np.repeat(np.linalg.svd(gap, compute_uv=False), 3 * 2)
    values = _conditioning.spectrum(2, 4, batch)
    np.testing.assert_allclose(values, np.sort([*singular, *-singular]), atol=1e-9)
    assert np.abs(_conditioning.spectrum(3, 6, batch)).max() < 1e-12


def test_with_shortcuts_over_one_layer_the_spectrum_is_that_of_two_matrices_by_hand():
    # Two 1 x 1 weights: loss mean((1 + a)(1 + b) x - y)^2 / 2 has s_xx, s_xx and 2 s_xx - s_xy at zero.
    batch = jnp.array([[1.0], [2.0]]), jnp.array([[0.5], [3.0]])
    s_xx, s_xy = 2.5, 3.25
    expected = np.linalg.eigvalsh([[s_xx, 2 * s_xx - s_xy], [2 * s_xx - s_xy, s_xx]])
    np.testing.assert_allclose(_conditioning.spectrum(1, 2, batch), expected, atol=1e-12)


def test_sharpness_is_the_largest_eigenvalue_of_the_dense_hessian():
    matrix = jnp.diag(jnp.array([3.0, -5.0, 1.0]))
    loss = lambda x, batch: x @ matrix @ x / 2  # noqa: E731
    found = _sharpness.sharpness(loss, jnp.ones(3), None, jax.random.key(0))
    np.testing.assert_allclose(found, 3.0, rtol=1e-3)


def test_a_loss_that_is_never_reached_has_no_sharpness_and_is_not_measured():
    sizes = dataclasses.replace(TINY.depths, num_steps=2, loss_level=0.01)
    assert np.isnan(_sharpness.matched_sharpness(sizes, "identity", 1, 0, 0))
    found = records.over_seeds([1.0, np.nan])
    assert RECORDS["depth_sharpness_scaled"].verdict(found) == "not measured"


def test_a_series_is_settled_at_the_median_of_its_last_third():
    assert _sharpness.settled(np.array([9, 9, 9, 9, 9, 9, 1.0, 2.0, 30.0])) == 2.0
    assert _sharpness.settled(np.array([5.0])) == 5.0


def test_the_networks_have_the_published_numbers_of_parameters():
    # 40 x 10 + 10; 40 x 100 + 100 + 100 x 100 + 100 + 1010; 25 x 5 + 25 + 2 (25 x 25 x 3 + 25) + 125 x 10 + 10.
    counts = {_mnist_1d.Logistic: 410, _mnist_1d.Mlp: 15210, _mnist_1d.Cnn: 5210}
    for kind, count in counts.items():
        params = kind().init(jax.random.key(0), jnp.zeros((1, 40), jnp.float32))
        assert models.count_parameters(params) == count
        first = jax.tree.leaves(params)[1]
        assert np.abs(first).max() <= (5 if kind is _mnist_1d.Cnn else 40) ** -0.5


def test_the_networks_compute_what_is_published():
    x = np.random.default_rng(0).normal(size=(3, 40)).astype(np.float32)
    relu = lambda h: np.maximum(h, 0)  # noqa: E731
    params = _mnist_1d.Mlp().init(jax.random.key(0), x)
    (w0, b0), (w1, b1), (w2, b2) = _weights(params["params"])
    h = relu(x @ w0 + b0)
    expected = (h + relu(h @ w1 + b1)) @ w2 + b2
    np.testing.assert_allclose(_mnist_1d.Mlp().apply(params, x), expected, atol=1e-5)
    params = _mnist_1d.Cnn().init(jax.random.key(0), x)
    *kernels, (head, bias) = _weights(params["params"])
    h = x[..., None]
    for (kernel, shift), length in zip(kernels, (19, 10, 5), strict=True):
        padded = np.pad(h, ((0, 0), (1, 1), (0, 0)))
        windows = [padded[:, 2 * i : 2 * i + len(kernel)] for i in range(length)]
        h = relu(np.stack([np.einsum("nkc,kcd->nd", w, kernel) for w in windows], 1) + shift)
    expected = h.reshape(3, 125) @ head + bias
    np.testing.assert_allclose(_mnist_1d.Cnn().apply(params, x), expected, atol=1e-5)


def _weights(params):
    # Layers are numbered within their kind, convolutions before the head.
    layers = (params[name] for name in sorted(params))
    return [(np.asarray(layer["kernel"]), np.asarray(layer["bias"])) for layer in layers]


def test_logistic_regression_separates_planted_classes():
    rng = np.random.default_rng(0)
    label = np.arange(80) % 10
    image = np.float32(3 * np.eye(40)[label] + 0.1 * rng.normal(size=(80, 40)))
    batches = {"image": image.reshape(4, 20, 40), "label": np.int32(label).reshape(4, 20)}
    model = _mnist_1d.Logistic()
    start = model.init(jax.random.key(0), image[:1])
    params = _mnist_1d.train(model, start, batches, jnp.float32(0.01), num_epochs=100)
    batch = {"image": image, "label": np.int32(label)}
    assert models.accuracy(model.apply(params, image), batch) == 1


def test_a_block_that_does_nothing_can_be_deleted_and_one_that_does_all_cannot(tmp_path):
    config = train.Config(
        num_train=40, num_test=20, depth=2, width=8, max_steps=40, loss_levels=(), skip="none"
    )
    sizes = _lesions.Lesions(network=config, num_seeds=2)
    found = _lesions._measure("none", sizes, 0, tmp_path, None)
    chance = 0.9
    shares = (np.median(found["without"], 1) - found["error"]) / (chance - found["error"])
    np.testing.assert_allclose(found["samples"], shares)
    digits = data.load("digits", num_train=40, num_test=400)
    model = models.create("mlp", num_classes=10, depth=2, width=16, skip="identity", norm="none")
    params = models.init(model, digits.train["image"], key=jax.random.key(0))["params"]
    off = dict(params, block_0=jax.tree.map(jnp.zeros_like, params["block_0"]))
    network = _Network(model, off)
    whole, without = _lesions.lesions(network, digits.test)

    def error(params):
        logits = np.asarray(model.apply({"params": params}, digits.test["image"]))
        return (logits.argmax(-1) != digits.test["label"]).mean()

    gone = error(dict(off, block_1=off["block_0"]))
    assert abs(gone - error(off)) > 0.005
    np.testing.assert_allclose([whole, *without], [error(off), error(off), gone], rtol=1e-6)


class _Network:
    def __init__(self, model, params):
        self.model, self.params, self.variables = model, params, {"params": params}
        self.predict = models.Logits(model)


def test_every_record_can_be_measured_and_a_run_goes_on_where_it_was(tmp_path, monkeypatch):
    few = data.load("gaussian-mixture", num_train=40, num_test=20, num_classes=10, dim=40)
    monkeypatch.setattr(
        _mnist_1d.data, "load", lambda name, **_: few if "1d" in name else LOAD(name, **_)
    )
    lesions = dataclasses.replace(
        TINY.lesions,
        num_seeds=2,
        network=train.Config(
            num_train=40, num_test=20, depth=2, width=4, max_steps=2, loss_levels=()
        ),
    )
    config = dataclasses.replace(TINY, lesions=lesions)
    opened = reproductions.run(config, tmp_path)
    for name in RECORDS:
        found = opened.load(name)
        assert found["lower"] <= found["value"] <= found["upper"] or np.isnan(found["value"]), name
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    said = []
    reproductions.run(config, tmp_path, lambda *told: said.append(told))
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert len(said) == len(RECORDS) and "published" in said[0][2]
    assert json.loads((tmp_path / runs.CONFIG).read_text())["conditioning"]["dim"] == 2


LOAD = data.load


def test_names_that_no_record_has_and_sizes_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(
        ValueError, match="`only` names 'x', which is no number. Choose among: grad"
    ):
        reproductions.run(dataclasses.replace(TINY, only=("x",)), tmp_path)
    assert not (tmp_path / "config.json").exists()
    assert len(RECORDS) == len(reproductions.RECORDS)
