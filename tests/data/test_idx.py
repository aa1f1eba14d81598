"""MNIST's files: what was written is read, plain and compressed, and whatever is wrong is named."""

import hashlib

import numpy as np
import pytest

from lsgeo.data import load
from lsgeo.data.sources import _idx as idx
from tests.data import writers


@pytest.fixture
def parts():
    shape = {"side": 28, "channels": 1, "num_classes": 10}
    return {"train": writers.images(30, **shape), "test": writers.images(20, seed=1, **shape)}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mnist", "."),
        ("mnist", "MNIST/raw"),
        ("fashion-mnist", "fashion-mnist"),
        ("fashion-mnist", "FashionMNIST/raw"),
    ],
)
def test_idx_files_give_the_images_that_were_written_standardised(
    tmp_path, parts, name, folder, compressed
):
    writers.write_mnist(tmp_path / folder, parts, compressed=compressed)
    data = load(name, root=tmp_path, subset="first", verify=False)
    train = parts["train"][0].astype(np.float64)
    for part, found in {"train": data.train, "test": data.test}.items():
        image, label = parts[part]
        expected = (image - train.mean()) / train.std()
        np.testing.assert_allclose(found["image"], expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(found["label"], label)
        assert found["label"].dtype == np.int32
    assert data.num_classes == data.num_outputs == 10


def test_only_the_published_files_pass_unless_verify_is_off(tmp_path, parts, monkeypatch):
    writers.write_mnist(tmp_path, parts, compressed=True)
    with pytest.raises(
        ValueError, match=r"train-images-idx3-ubyte.gz is not the published file: its MD5"
    ):
        load("mnist", root=tmp_path)
    sums = {}
    for part, names in writers.IDX_NAMES.items():
        image, label = parts[part]
        for name, array in zip(names, (image[..., 0], label), strict=True):
            sums[name] = hashlib.md5(writers.idx(array)).hexdigest()
    monkeypatch.setitem(idx._MD5, "mnist", sums)
    assert len(load("mnist", root=tmp_path).train["label"]) == 30


def test_a_missing_file_is_named_with_its_folders_and_the_two_ways_to_get_it(tmp_path, parts):
    writers.write_mnist(tmp_path, parts)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        load("mnist", root=tmp_path, verify=False)
    for text in (
        "t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz of 'mnist' is not in",
        str(tmp_path),
        "https://github.com/cvdfoundation/mnist",
        "data.load('hf:ylecun/mnist', channels=1)",
        "pip install 'lsgeo[data]'",
    ):
        assert text in str(caught.value)
    with pytest.raises(ValueError, match="`root` is missing: the folder with the files of 'mnist'"):
        load("mnist")


def _spoilt(kind, data):
    return {
        "short": data[:-1],
        "long": data + b"\0",
        "header only": data[:7],
        "empty": b"",
        "other magic": b"\x89PNG" + data[4:],
        "floats": data[:2] + b"\x0d" + data[3:],
        "labels": writers.idx(np.arange(30)),
        "other size": writers.idx(np.zeros((30, 27, 28))),
        "fewer": writers.idx(np.zeros((29, 28, 28))),
        "none": writers.idx(np.zeros((0, 28, 28))),
        "huge": data[:4] + b"\xff" * 12 + data[16:],
    }[kind]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("short", "header announces 23520 values, it has 23519"),
        ("long", "header announces 23520 values, it has 23521"),
        ("header only", "is not an IDX file: it begins with '00 00 08 03'"),
        ("empty", "is not an IDX file: it begins with ''"),
        ("other magic", "is not an IDX file: it begins with '89 50 4e 47'"),
        ("floats", "holds values of type 0x0d on 3 axes; needed are unsigned bytes"),
        ("labels", "is not an IDX file|holds values of type 0x08 on 1 axes"),
        ("other size", "mnist train: images must be 28 x 28 x 1; these are 27 x 28 x 1"),
        ("fewer", r"mnist train: 29 images need as many whole-number labels; got uint8 \[30\]"),
        ("none", r"mnist train: 0 images need as many"),
        ("huge", "header announces 79228162458924105385300197375 values"),
    ],
)
def test_files_that_are_cut_corrupt_or_of_another_kind_are_refused(tmp_path, parts, kind, text):
    writers.write_mnist(tmp_path, parts)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(_spoilt(kind, path.read_bytes()))
    with pytest.raises(ValueError, match=text):
        load("mnist", root=tmp_path, verify=False)


@pytest.mark.parametrize("spoil", [lambda data: data[:-20], lambda data: data[20:]])
def test_a_compressed_file_that_is_cut_is_refused(tmp_path, parts, spoil):
    writers.write_mnist(tmp_path, parts, compressed=True)
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError, match=r"train-labels-idx1-ubyte.gz is truncated or corrupt"):
        load("mnist", root=tmp_path, verify=False)


def test_a_label_outside_the_classes_is_named(tmp_path, parts):
    parts["test"][1][3] = 10
    writers.write_mnist(tmp_path, parts)
    text = "mnist test: label 10 of example 3 is outside the 10 classes, 0 to 9"
    with pytest.raises(ValueError, match=text):
        load("mnist", root=tmp_path, verify=False)
