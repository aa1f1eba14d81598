"""CIFAR's files: all versions give the images that were written, and whatever is wrong is named."""

import hashlib

import numpy as np
import pytest

from lsgeo.data import load
from lsgeo.data.sources import _cifar as cifar
from tests.data import writers

FOLDERS = {
    ("python", 10): ("cifar-10-batches-py", "cifar-10-python.tar.gz"),
    ("binary", 10): ("cifar-10-batches-bin", "cifar-10-binary.tar.gz"),
    ("python", 100): ("cifar-100-python", "cifar-100-python.tar.gz"),
    ("binary", 100): ("cifar-100-binary", "cifar-100-binary.tar.gz"),
}


def parts_of(num_classes):
    shape = {"side": 32, "channels": 3, "num_classes": num_classes}
    return {
        "train": writers.images(num_classes, **shape),
        "test": writers.images(num_classes, seed=1, **shape),
    }


def write(root, parts, *, version="python", num_classes=10, archive=False):
    folder, name = FOLDERS[version, num_classes]
    files = writers.cifar_files(parts, version=version, num_classes=num_classes)
    if archive:
        writers.write_archive(root / name, folder, {**files, "readme.html": b"text"})
        return root / name
    writers.write_folder(root / folder, files)
    return root / folder


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "archive"])
@pytest.mark.parametrize(("version", "num_classes"), FOLDERS)
def test_every_version_gives_the_images_that_were_written(tmp_path, version, num_classes, archive):
    parts = parts_of(num_classes)
    write(tmp_path, parts, version=version, num_classes=num_classes, archive=archive)
    read = {10: cifar.cifar10, 100: cifar.cifar100}[num_classes]
    pool = read(tmp_path, verify=False)
    for name, found in {"train": pool.train, "test": pool.test}.items():
        np.testing.assert_array_equal(found.image, parts[name][0])
        np.testing.assert_array_equal(found.label, parts[name][1])
    assert pool.num_classes == num_classes
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        FOLDERS[version, num_classes][archive]  # Nothing is unpacked.
    ]


def test_each_channel_is_standardised_by_its_own_mean_and_deviation(tmp_path):
    parts = parts_of(10)
    parts["train"][0][..., 1] //= 4
    write(tmp_path, parts)
    data = load("cifar10", root=tmp_path, subset="first", verify=False)
    image = parts["train"][0].astype(np.float64)
    mean, deviation = image.mean((0, 1, 2)), image.std((0, 1, 2))
    np.testing.assert_allclose(data.statistics.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(data.statistics.deviation, deviation, rtol=1e-12)
    np.testing.assert_allclose(data.statistics.black, -mean / deviation, rtol=1e-12)
    expected = (parts["test"][0] - mean) / deviation
    np.testing.assert_allclose(data.test["image"], expected, rtol=1e-5, atol=1e-6)


def test_published_checksums_and_sizes_are_asked_for_unless_verify_is_off(tmp_path, monkeypatch):
    parts = parts_of(10)
    for version in ("python", "binary"):
        (tmp_path / version).mkdir()
    write(tmp_path / "python", parts)
    write(tmp_path / "binary", parts, version="binary")
    archive = write(tmp_path, parts, version="binary", archive=True)
    with pytest.raises(ValueError, match="data_batch_1 is not the published file: its MD5 is"):
        load("cifar10", root=tmp_path / "python")
    with pytest.raises(ValueError, match=r"cifar-10-binary.tar.gz is not the published file"):
        load("cifar10", root=tmp_path)
    text = "must have 5000 images of each of 10 classes, 50000 in all; got from 1 to 1, 10 in all"
    with pytest.raises(ValueError, match=text):
        load("cifar10", root=tmp_path / "binary")
    monkeypatch.setattr(cifar, "_SIZES", {"train": 10, "test": 10})
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    binary = cifar._CIFAR10_VERSIONS[1]
    known = cifar.dataclasses.replace(binary, md5=md5)
    monkeypatch.setattr(cifar, "_CIFAR10_VERSIONS", (cifar._CIFAR10_VERSIONS[0], known))
    assert len(load("cifar10", root=tmp_path).train["label"]) == 10
    assert len(load("cifar10", root=tmp_path / "binary").train["label"]) == 10


@pytest.mark.parametrize("num_classes", [10, 100])
def test_missing_files_are_named_with_the_folder_and_the_two_ways_to_get_them(
    tmp_path, num_classes
):
    name = f"cifar{num_classes}"
    advice = (
        "https://www.cs.toronto.edu/~kriz/cifar.html into that folder, or load the Hugging Face"
    )
    with pytest.raises(FileNotFoundError, match=advice) as caught:
        load(name, root=tmp_path)
    assert str(tmp_path / name) in str(caught.value)
    assert FOLDERS["binary", num_classes][1] in str(caught.value)
    folder = write(tmp_path, parts_of(num_classes), num_classes=num_classes)
    missing = {10: "data_batch_3", 100: "test"}[num_classes]
    (folder / missing).unlink()
    with pytest.raises(
        FileNotFoundError, match=f"{missing} of '{name}' is not in {folder}. Either"
    ):
        load(name, root=tmp_path, verify=False)


def test_a_binary_file_that_is_cut_is_refused(tmp_path):
    folder = write(tmp_path, parts_of(10), version="binary")
    path = folder / "data_batch_2.bin"
    path.write_bytes(path.read_bytes()[:-1])
    text = "data_batch_2.bin is truncated or corrupt: 6145 bytes are no whole number of records of 3073"
    with pytest.raises(ValueError, match=text):
        load("cifar10", root=tmp_path, verify=False)


def test_an_archive_that_is_cut_or_lacks_a_file_is_refused(tmp_path):
    path = write(tmp_path, parts_of(10), archive=True)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cifar-10-python.tar.gz is truncated or corrupt"):
        load("cifar10", root=tmp_path, verify=False)
    files = writers.cifar_files(parts_of(10), version="python", num_classes=10)
    del files["data_batch_4"]
    writers.write_archive(path, "cifar-10-batches-py", files)
    with pytest.raises(ValueError, match="has no cifar-10-batches-py/data_batch_4"):
        load("cifar10", root=tmp_path, verify=False)


ROWS = np.zeros((2, 3072), np.uint8)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({b"data": ROWS}, "has no b'labels'; it has"),
        ({b"labels": [0, 1]}, "has no b'data'; it has"),
        ({b"data": ROWS[:, 1:], b"labels": [0, 1]}, r"must be bytes \[n, 3072\]; got \[2, 3071\]"),
        ({b"data": b"text", b"labels": [0, 1]}, r"must be bytes \[n, 3072\]; got bytes"),
        ({b"data": ROWS, b"labels": [0, b"1"]}, "b'labels' must be a list of whole numbers"),
        ({b"data": ROWS, b"labels": [0, 10]}, "cifar10 train: label 10 of example 1 is outside"),
        ({b"data": ROWS, b"labels": [0, -1]}, "cifar10 train: label -1 of example 1 is outside"),
        (
            {b"data": ROWS, b"labels": [0]},
            r"cifar10 train: 10 images need as many .* got int64 \[9\]",
        ),
    ],
)
def test_contents_of_another_kind_are_refused(tmp_path, content, text):
    folder = write(tmp_path, parts_of(10))
    (folder / "data_batch_1").write_bytes(writers.python2_pickle(content))
    with pytest.raises(ValueError, match=text):
        load("cifar10", root=tmp_path, verify=False)
