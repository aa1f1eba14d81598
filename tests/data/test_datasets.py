"""The digits: sizes, balance, no leak between the parts, standardisation, determinism."""

import numpy as np
import pytest

from lsgeo.data import load


def rows(part):
    return {image.tobytes() for image in part["image"]}


def test_digits_have_the_split_in_three_quarters_and_one():
    data = load("digits")
    assert data.train["image"].shape == (1347, 8, 8, 1)
    assert data.test["image"].shape == (450, 8, 8, 1)
    assert data.num_classes == 10
    assert data.train["image"].dtype == np.float32
    assert data.train["label"].dtype == np.int32
    np.testing.assert_array_equal(np.bincount(data.test["label"]), np.full(10, 45))
    assert str(data).startswith("Dataset digits: 1347 train, 450 test examples, 10 classes")


def test_subsets_are_balanced_and_nested():
    large, small = load("digits", num_train=1000, num_test=100), load("digits", num_train=205)
    np.testing.assert_array_equal(np.bincount(large.train["label"]), np.full(10, 100))
    np.testing.assert_array_equal(np.bincount(large.test["label"]), np.full(10, 10))
    assert set(np.bincount(small.train["label"])) == {20, 21}
    np.testing.assert_array_equal(large.train["label"][:205], small.train["label"])


def test_images_are_standardised_by_the_training_set():
    data = load("digits", num_train=500)
    image = data.train["image"].astype(np.float64)
    np.testing.assert_allclose([image.mean(), image.std()], [0, 1], atol=1e-6)
    assert abs(data.test["image"].mean()) > 1e-6  # Not by its own mean.


def test_no_test_image_is_a_training_image():
    data = load("digits")
    assert not rows(data.train) & rows(data.test)
    assert len(rows(data.train) | rows(data.test)) == 1797


def test_the_seed_alone_decides_the_split_and_the_hash_shows_it():
    first, again, other = load("digits"), load("digits"), load("digits", seed=1)
    assert first.sha256 == again.sha256 != other.sha256
    assert load("digits", num_train=1000).sha256 != first.sha256
    np.testing.assert_array_equal(first.train["image"], again.train["image"])


@pytest.mark.parametrize(
    ("name", "sizes", "text"),
    [
        ("mnist", {}, "Unknown dataset: 'mnist'. Choose one of: digits"),
        ("digits", {"num_train": 1348}, "`num_train` must be between 1 and 1347; got 1348"),
        ("digits", {"num_test": 0}, "`num_test` must be between 1 and 450; got 0"),
    ],
)
def test_unknown_names_and_impossible_sizes_are_refused(name, sizes, text):
    with pytest.raises(ValueError, match=text):
        load(name, **sizes)
