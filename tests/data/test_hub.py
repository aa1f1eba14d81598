"""Hugging Face data sets, from local files of the library's own format: no network is used."""

import datasets
import numpy as np
import pytest
from PIL import Image

from lsgeo.data import HubSplit, load, stream


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A folder as the hub has them: parquet files by split, with images as PNG."""
    root = tmp_path_factory.mktemp("hub")
    rng = np.random.default_rng(0)
    pixels = {"train": rng.integers(256, size=(12, 4, 4, 3), dtype=np.uint8)}
    pixels["test"] = rng.integers(256, size=(6, 4, 4, 3), dtype=np.uint8)
    features = datasets.Features(
        {
            "img": datasets.Image(),
            "fine_label": datasets.ClassLabel(names=["a", "b", "c"]),
            "coarse_label": datasets.ClassLabel(names=["x", "y"]),
        }
    )
    (root / "data").mkdir()
    for split, images in pixels.items():
        label = np.arange(len(images)) % 3
        rows = {
            "img": [Image.fromarray(image) for image in images],
            "fine_label": label.tolist(),
            "coarse_label": (label // 2).tolist(),
        }
        table = datasets.Dataset.from_dict(rows, features=features)
        table.to_parquet(root / "data" / f"{split}-00000-of-00001.parquet")
    return root, pixels


def test_a_local_data_set_gives_the_images_that_were_saved(local, tmp_path):
    root, pixels = local
    data = load(f"hf:{root}", root=tmp_path, label="fine_label", subset="first")
    image = pixels["train"]
    mean, deviation = image.mean((0, 1, 2)), image.std((0, 1, 2))
    np.testing.assert_allclose(data.train["image"], (image - mean) / deviation, atol=1e-5)
    np.testing.assert_allclose(data.test["image"], (pixels["test"] - mean) / deviation, atol=1e-5)
    np.testing.assert_array_equal(data.train["label"], np.arange(12) % 3)
    assert data.num_classes == 3
    alone = load(f"hf:{root}", root=tmp_path, label="coarse_label", test=None)
    assert (len(alone.train["label"]), len(alone.test["label"])) == (9, 3)
    assert alone.num_classes == 2


def test_a_split_is_streamed(local, tmp_path):
    root, pixels = local
    split = HubSplit(str(root), "test", root=tmp_path, label="fine_label")
    batches = list(stream(split, batch_size=4, num_threads=0))
    np.testing.assert_array_equal(np.concatenate([b["image"] for b in batches]), pixels["test"])
    np.testing.assert_array_equal(
        np.concatenate([b["label"] for b in batches]), np.int32([0, 1, 2, 0, 1, 2])
    )


def test_columns_that_are_missing_or_not_unique_are_refused(local, tmp_path):
    root, _ = local
    with pytest.raises(
        ValueError, match="2 columns of type ClassLabel; choose one as `label` among img"
    ):
        load(f"hf:{root}", root=tmp_path)
    with pytest.raises(
        ValueError, match="`image` is 'picture', but .* has the columns img, fine_label"
    ):
        load(f"hf:{root}", root=tmp_path, image="picture", label="fine_label")
    with pytest.raises(ValueError, match="`image` is 'fine_label', but this column .* not images"):
        load(f"hf:{root}", root=tmp_path, image="fine_label", label="fine_label")
