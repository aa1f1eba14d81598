"""The digits: sizes, balance, no leak between the parts, standardisation; and what `load` refuses."""

import subprocess
import sys

import numpy as np
import pytest

from lsgeo.data import Statistics, load, stream
from lsgeo.data.sources._pool import Images


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
    ("options", "sha256"),
    [
        ({}, "4a2b6ce0e8f62a7b77e5dce78438c56badf59c04843fd38f0690f02fb2cdde17"),
        (
            {"num_train": 205, "num_test": 100},
            "74e51b02df2f33b68df58992924ef48b5b6f2769651ac4fab1796a82ddc77c0f",
        ),
    ],
)
def test_the_digits_are_those_of_the_published_runs(options, sha256):
    # Runs record this hash. Should it move, their data can no longer be made.
    assert load("digits", **options).sha256 == sha256


def test_the_first_subset_keeps_the_order_of_the_files():
    first, balanced = load("digits", subset="first"), load("digits")
    assert rows(first.train) == rows(balanced.train)
    from sklearn.datasets import load_digits

    pixels = np.round(
        first.train["image"] * first.statistics.deviation + first.statistics.mean
    ).astype(np.uint8)
    files = [image.astype(np.uint8).tobytes() for image in load_digits().images]
    places = [files.index(image.tobytes()) for image in pixels]
    assert places == sorted(places)
    np.testing.assert_array_equal(
        load("digits", subset="first", num_train=50).train["label"], first.train["label"][:50]
    )


def test_random_labels_agree_with_the_true_ones_as_often_as_chance_says():
    true = load("digits")
    num = len(true.train["label"])
    for share in (0.5, 1.0):
        drawn = load("digits", random_labels=share)
        np.testing.assert_array_equal(drawn.train["image"], true.train["image"])
        np.testing.assert_array_equal(drawn.test["label"], true.test["label"])
        agreement = (drawn.train["label"] == true.train["label"]).mean()
        expected = 1 - share + share / 10
        # Four standard errors of a binomial share: 6e-5, with a seed that is fixed.
        assert abs(agreement - expected) < 4 * np.sqrt(expected * (1 - expected) / num)
        assert set(drawn.train["label"]) == set(range(10))
    counts = np.bincount(drawn.train["label"])
    # Chi-square with 9 degrees of freedom: above 40 once in 1e5.
    assert ((counts - num / 10) ** 2 / (num / 10)).sum() < 40
    small = load("digits", random_labels=1.0, num_train=100)
    np.testing.assert_array_equal(small.train["label"], drawn.train["label"][:100])
    assert load("digits", random_labels=1.0, seed=1).sha256 != drawn.sha256 != true.sha256


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("emnist", {}, "Unknown dataset: 'emnist'. Choose one of: chebyshev, cifar10"),
        ("digits", {"num_train": 1348}, "`num_train` must be between 1 and 1347; got 1348"),
        ("digits", {"num_test": 0}, "`num_test` must be between 1 and 450; got 0"),
        ("digits", {"subset": "last"}, "`subset` must be 'balanced' or 'first'; got 'last'"),
        ("digits", {"random_labels": 1.5}, "`random_labels` must be between 0 and 1; got 1.5"),
        ("digits", {"dim": 3}, "Unknown option of 'digits': 'dim'. It has no options"),
        ("chebyshev", {"dim": 3}, "Unknown option of 'chebyshev': 'dim'. It has degree"),
        ("hf:x", {"dim": 3}, "Unknown option of 'hf:x': 'dim'. It has channels, config, image"),
        ("chebyshev", {"subset": "last"}, "`subset` must be 'balanced' or 'first'; got 'last'"),
        ("chebyshev", {"random_labels": 0.5}, "is 0.5, but 'chebyshev' is a regression"),
    ],
)
def test_unknown_names_and_options_and_impossible_sizes_are_refused(name, options, text):
    with pytest.raises(ValueError, match=text):
        load(name, **options)


@pytest.mark.parametrize(
    ("image", "label", "text"),
    [
        (
            np.zeros((2, 4, 4, 1)),
            [0, 1],
            r"must be uint8 \[N, H, W, C\]; got float64 \[2, 4, 4, 1\]",
        ),
        (
            np.zeros((2, 4, 4), np.uint8),
            [0, 1],
            r"must be uint8 \[N, H, W, C\]; got uint8 \[2, 4, 4\]",
        ),
        (np.zeros((2, 5, 4, 1), np.uint8), [0, 1], "must be 4 x 4 x 1; these are 5 x 4 x 1"),
        (np.zeros((2, 4, 4, 1), np.uint8), [0, 1, 2], r"2 images need as many .* got int64 \[3\]"),
        (np.zeros((2, 4, 4, 1), np.uint8), [0.0, 1.0], r"labels; got float64 \[2\]"),
        (
            np.zeros((2, 4, 4, 1), np.uint8),
            [0, 3],
            "label 3 of example 1 is outside the 3 classes, 0 to 2",
        ),
        (
            np.zeros((2, 4, 4, 1), np.uint8),
            [-1, 0],
            "label -1 of example 0 is outside the 3 classes",
        ),
        (np.zeros((0, 4, 4, 1), np.uint8), np.zeros(0, int), "there are no images"),
    ],
)
def test_images_and_labels_that_do_not_fit_are_refused(image, label, text):
    with pytest.raises(ValueError, match=text):
        Images.of(image, np.asarray(label), source="x", num_classes=3, shape=(4, 4, 1))


def test_statistics_do_not_depend_on_order_and_batches():
    image = np.random.default_rng(0).integers(256, size=(2100, 3, 2, 2), dtype=np.uint8)
    whole = Statistics.of([image])
    assert whole == Statistics.of([image[1000::-1], image[1001:1500], image[1500:]])
    np.testing.assert_allclose(whole.mean, image.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(whole.deviation, image.std((0, 1, 2)), rtol=1e-12)


def test_statistics_of_constant_or_other_images_are_refused():
    image = np.random.default_rng(0).integers(256, size=(5, 3, 2, 2), dtype=np.uint8)
    statistics = Statistics.of([image])
    with pytest.raises(
        ValueError, match=r"must be uint8 with 2 channels.* got float64 \[5, 3, 2, 2\]"
    ):
        statistics.standardise(image / 255)
    with pytest.raises(ValueError, match=r"must be uint8 \[N, H, W, C\]; got float64"):
        Statistics.of([image / 255])
    with pytest.raises(ValueError, match="no images to measure"):
        Statistics.of([])
    image[..., 1] = 7
    with pytest.raises(ValueError, match="channel 1 of the training images is constant"):
        Statistics.of([image])


def test_the_optional_libraries_are_not_imported_with_the_package():
    code = (
        "import sys, lsgeo.data; "
        "heavy = {'grain', 'datasets', 'PIL', 'sklearn', 'pyarrow'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("library", "use"),
    [
        ("datasets", lambda root: load("hf:name")),
        ("PIL", lambda root: load("folder", root=root)),
        ("grain", lambda root: list(stream({"image": np.zeros((3, 1))}, batch_size=2))),
    ],
)
def test_a_library_that_is_not_installed_is_named_with_the_extra_that_has_it(
    tmp_path, monkeypatch, library, use
):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "0.png").touch()
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        ImportError, match=r"which is not installed. Install it with `pip install 'lsgeo\[data\]'"
    ):
        use(tmp_path)
