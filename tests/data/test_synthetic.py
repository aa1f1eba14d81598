"""Synthetic data: each has a property in closed form."""

import math

import numpy as np
import pytest

from lsgeo.data import load


def norm_cdf(x):
    return (1 + math.erf(x / math.sqrt(2))) / 2


def test_the_classes_of_a_gaussian_mixture_are_white_and_equally_far_apart():
    data = load("gaussian-mixture", num_train=30_000, num_classes=3, dim=4, separation=2.5)
    x, label = data.train["image"].astype(np.float64), data.train["label"]
    assert (data.num_classes, data.num_outputs) == (3, 3)
    np.testing.assert_array_equal(np.bincount(label), np.full(3, 10_000))
    means = np.stack([x[label == k].mean(0) for k in range(3)])
    distances = [np.linalg.norm(means[i] - means[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    # A distance between two means of n examples has a standard error of about sqrt(2 / n) = .014.
    np.testing.assert_allclose(distances, 2.5, atol=4 * 0.0142)
    covariance = np.cov((x - means[label]).T)
    # An entry has a standard error of at most sqrt(2 / n) = .008; the largest of ten below five of them.
    np.testing.assert_allclose(covariance, np.eye(4), atol=5 * 0.0082)


@pytest.mark.parametrize("separation", [1.0, 3.0])
def test_the_bayes_error_of_two_gaussians_is_the_normal_tail_of_half_their_distance(separation):
    data = load("gaussian-mixture", num_train=40_000, num_test=40_000, dim=3, separation=separation)
    x, label = data.train["image"].astype(np.float64), data.train["label"]
    means = [x[label == k].mean(0) for k in range(2)]
    side = (data.test["image"] - (means[0] + means[1]) / 2) @ (means[1] - means[0]) > 0
    error = (side != data.test["label"]).mean()
    bayes = norm_cdf(-separation / 2)
    assert abs(error - bayes) < 4 * math.sqrt(bayes / 40_000)


def test_the_target_of_a_committee_machine_has_the_moments_of_saad_and_solla():
    data = load("teacher-student", num_train=100_000, dim=6, hidden=4)
    x, y = (data.train[name].astype(np.float64) for name in ("image", "target"))
    assert y.shape == (100_000, 1)
    assert (data.num_classes, data.num_outputs) == (0, 1)
    assert data.train["target"].dtype == np.float32
    square = (y**2).mean()
    assert abs(square - 4 / 3) < 4 * (y**2).std() / math.sqrt(len(y))
    assert abs(y.mean()) < 4 * y.std() / math.sqrt(len(y))
    # E[x y] is the sum of the teacher's vectors over sqrt(pi), by Stein's lemma; its square is hidden / pi.
    correlation = (x * y).mean(0)
    assert abs(np.sum(correlation**2) - 4 / math.pi) < 0.05


def test_whitened_inputs_of_a_linear_teacher_are_white_and_give_it_back_by_correlation():
    values = (5.0, 2.0, 0.0)
    data = load("deep-linear", num_train=50, num_test=20, dim=7, singular_values=values)
    x, y = (data.train[name].astype(np.float64) for name in ("image", "target"))
    np.testing.assert_allclose(x.T @ x / 50, np.eye(7), atol=1e-6)
    teacher = x.T @ y / 50
    np.testing.assert_allclose(np.linalg.svd(teacher)[1], values, atol=1e-5)
    np.testing.assert_allclose(data.test["image"] @ teacher, data.test["target"], atol=1e-5)
    # So the loss of W = 0 is the sum of the squared singular values.
    np.testing.assert_allclose((y**2).sum(1).mean(), 29, rtol=1e-5)
    assert data.num_outputs == 3


@pytest.mark.parametrize("degree", [0, 1, 3, 5])
def test_the_chebyshev_target_is_the_cosine_of_the_multiple_angle(degree):
    data = load("chebyshev", degree=degree)
    for part, size in ((data.train, 20), (data.test, 100)):
        x = part["image"].astype(np.float64)
        assert x.shape == part["target"].shape == (size, 1)
        np.testing.assert_allclose(np.diff(x[:, 0]), 2 / (size - 1), rtol=1e-5)
        np.testing.assert_allclose(x[[0, -1], 0], [-1, 1])
        np.testing.assert_allclose(part["target"], np.cos(degree * np.arccos(x)), atol=1e-5)
    assert str(data).startswith("Dataset chebyshev: 20 train, 100 test examples, 1 targets")


@pytest.mark.parametrize("name", ["gaussian-mixture", "teacher-student"])
def test_synthetic_subsets_are_nested_and_test_examples_are_others(name):
    large, small = load(name, num_train=60), load(name, num_train=20)
    for key, values in small.train.items():
        np.testing.assert_array_equal(values, large.train[key][:20])
    assert not {x.tobytes() for x in large.train["image"]} & {
        x.tobytes() for x in large.test["image"]
    }
    again, other = load(name, num_train=60), load(name, num_train=60, seed=1)
    assert large.sha256 == again.sha256 != other.sha256


def test_random_labels_of_a_mixture_leave_its_inputs():
    true, drawn = load("gaussian-mixture"), load("gaussian-mixture", random_labels=1.0)
    np.testing.assert_array_equal(true.train["image"], drawn.train["image"])
    assert 0.4 < (true.train["label"] == drawn.train["label"]).mean() < 0.6


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("gaussian-mixture", {"num_classes": 4, "dim": 3}, "between 2 and `dim` = 3.* got 4"),
        ("gaussian-mixture", {"num_classes": 1}, "`num_classes` must be between 2 and"),
        ("gaussian-mixture", {"num_test": 0}, "`num_test` must be at least 1; got 0"),
        ("teacher-student", {"hidden": 11}, "`hidden` must be between 1 and `dim` = 10.* got 11"),
        ("deep-linear", {"num_train": 9}, "`num_train` must be at least `dim` = 10.* got 9"),
        (
            "deep-linear",
            {"dim": 3},
            "`singular_values` must be between 1 and `dim` = 3 numbers; got 4",
        ),
        ("chebyshev", {"num_train": 1}, "needs two points.* got 1 training points"),
        ("chebyshev", {"degree": -1}, "and degree -1"),
    ],
)
def test_impossible_options_are_refused(name, options, text):
    with pytest.raises(ValueError, match=text):
        load(name, **options)
