"""Streams: each example once, the same order on every pass, shared among processes, and fit for operators."""

import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo.data import ImageFolder, Statistics, stream
from tests.data.test_folder import CLASSES, save

ARRAYS = {
    "image": np.random.default_rng(0).integers(256, size=(23, 2, 2, 3), dtype=np.uint8),
    "label": np.arange(23, dtype=np.int32),
}


def labels(batches):
    return [batch["label"].tolist() for batch in batches]


def order(batches):
    return np.concatenate([batch["label"] for batch in batches]).tolist()


def test_without_a_seed_the_batches_are_the_arrays_in_order():
    batches = stream(ARRAYS, batch_size=10)
    assert (len(batches), batches.num_examples) == (3, 23)
    found = list(batches)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(np.concatenate([batch[name] for batch in found]), array)
        assert found[0][name].dtype == array.dtype
    assert [len(batch["label"]) for batch in found] == [10, 10, 3]


@pytest.mark.parametrize("num_threads", [0, 8])
def test_every_pass_has_the_same_shuffled_order_and_another_epoch_another_one(num_threads):
    batches = stream(ARRAYS, batch_size=5, seed=0, num_threads=num_threads)
    first = order(batches)
    assert first == order(batches) == order(stream(ARRAYS, batch_size=5, seed=0))
    assert order(batches.for_epoch(0)) == first
    orders = [batches.for_epoch(1), stream(ARRAYS, batch_size=5, seed=1), [ARRAYS]]
    for other in (first, *map(order, orders)):
        assert sorted(other) == list(range(23))
    assert len({tuple(other) for other in (first, *map(order, orders))}) == 4


def test_an_end_before_the_last_batch_changes_nothing():
    batches = stream(ARRAYS, batch_size=5, seed=0)
    started = iter(batches)
    first = next(started)["label"].tolist()
    started.close()
    assert labels(batches)[0] == first


@pytest.mark.parametrize("seed", [None, 3])
def test_processes_share_the_examples_of_one_order(seed):
    shares = [
        stream(ARRAYS, batch_size=4, seed=seed, process_index=i, process_count=3) for i in range(3)
    ]
    whole = order(stream(ARRAYS, batch_size=4, seed=seed))
    for index, share in enumerate(shares):
        assert order(share) == whole[index::3]
        assert share.num_examples == len(whole[index::3])


def test_with_the_remainder_dropped_every_process_has_as_many_full_batches():
    options = {"batch_size": 3, "process_count": 4, "drop_remainder": True, "seed": 0}
    shares = [stream(ARRAYS, process_index=i, **options) for i in range(4)]
    read = [labels(share) for share in shares]
    assert [[len(batch) for batch in share] for share in read] == [[3]] * 4
    assert [len(share) for share in shares] == [1] * 4
    assert [share.num_examples for share in shares] == [3] * 4
    assert len({label for share in read for batch in share for label in batch}) == 12


def test_a_folder_is_streamed_and_standardised(tmp_path):
    pixels = np.random.default_rng(0).integers(256, size=(9, 6, 8, 3), dtype=np.uint8)
    save(tmp_path, pixels, CLASSES)
    images = ImageFolder(tmp_path)
    statistics = Statistics.of(batch["image"] for batch in stream(images, batch_size=4))
    assert statistics == Statistics.of([pixels])
    batch = next(iter(stream(images, batch_size=9, statistics=statistics)))
    np.testing.assert_array_equal(batch["label"], np.repeat([0, 1, 2], 3).astype(np.int32))
    expected = statistics.standardise(pixels[[0, 3, 6, 1, 4, 7, 2, 5, 8]])
    np.testing.assert_array_equal(batch["image"], expected)


def test_the_hessian_of_least_squares_over_a_stream_is_the_covariance_of_all_examples():
    statistics = Statistics.of([ARRAYS["image"]])
    batches = stream(ARRAYS, batch_size=10, seed=0, statistics=statistics, num_threads=0)

    def loss(params, batch):
        errors = batch["image"].reshape(-1, 12).astype(params.dtype) @ params
        errors = errors - batch["label"].astype(params.dtype)
        return jnp.mean(errors**2) / 2

    v = np.arange(12.0)
    x = statistics.standardise(ARRAYS["image"]).reshape(-1, 12).astype(np.float64)
    streamed = lsgeo.hessian(loss, jnp.zeros(12), batches=batches) @ jnp.asarray(v)
    np.testing.assert_allclose(streamed, x.T @ (x @ v) / 23, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"batch_size": 0}, "`batch_size` must be at least 1; got 0"),
        ({"process_index": 2, "process_count": 2}, "`process_index` must be below .* = 2; got 2"),
        ({"batch_size": 24, "drop_remainder": True}, "has 23 examples: no batch of 24"),
        (
            {"source": {"a": np.zeros(2), "b": np.zeros(3)}},
            "must have arrays of one length; got {'a': 2",
        ),
        ({"source": []}, "has 0 examples: no batch of 2"),
    ],
)
def test_impossible_streams_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        stream(**{"source": ARRAYS, "batch_size": 2, **options})
