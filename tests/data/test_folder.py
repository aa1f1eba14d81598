"""Image folders: what was saved is read, sized as asked for, and whatever is wrong is named."""

import numpy as np
import pytest
from PIL import Image

from lsgeo.data import ImageFolder, load
from lsgeo.data.sources.folder import folder

CLASSES = ("n01440764", "n01443537", "n01484850")


def save(root, image, names, suffix=".png"):
    for index, pixels in enumerate(image):
        path = root / names[index % len(names)] / f"{index:03d}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(256, size=(9, 6, 8, 3), dtype=np.uint8)


def test_a_folder_gives_the_saved_images_with_their_classes_in_the_order_of_the_names(
    tmp_path, pixels
):
    save(tmp_path / "train", pixels, CLASSES)
    save(tmp_path / "val", pixels[:3], CLASSES, suffix=".bmp")
    (tmp_path / "train" / CLASSES[0] / ".hidden").touch()
    pool = folder(tmp_path)
    order = [0, 3, 6, 1, 4, 7, 2, 5, 8]
    np.testing.assert_array_equal(pool.train.image, pixels[order])
    np.testing.assert_array_equal(pool.train.label, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(pool.test.image, pixels[:3])
    np.testing.assert_array_equal(pool.test.label, [0, 1, 2])
    data = load("folder", root=tmp_path, subset="first")
    mean, deviation = pixels.mean((0, 1, 2)), pixels.std((0, 1, 2))
    np.testing.assert_allclose(data.test["image"], (pixels[:3] - mean) / deviation, atol=1e-5)
    assert data.num_classes == 3


def test_without_a_test_folder_a_quarter_is_set_aside(tmp_path, pixels):
    save(tmp_path, np.concatenate([pixels, pixels + 1, pixels + 2, pixels + 3]), CLASSES)
    data = load("folder", root=tmp_path)
    assert (len(data.train["label"]), len(data.test["label"])) == (27, 9)
    np.testing.assert_array_equal(np.bincount(data.test["label"]), [3, 3, 3])


def test_the_centre_is_cut_and_the_shorter_side_resized(tmp_path, pixels):
    flat = np.full((12, 20, 3), 77, np.uint8)
    save(tmp_path, [pixels[0], flat], ("a", "b"))
    cut = ImageFolder(tmp_path, image_size=4)
    np.testing.assert_array_equal(cut[0]["image"], pixels[0, 1:5, 2:6])
    sized = ImageFolder(tmp_path, resize=6, image_size=6)
    np.testing.assert_array_equal(sized[1]["image"], flat[:6, :6])
    np.testing.assert_array_equal(sized[0]["image"], pixels[0, :, 1:7])  # It has that side already.
    assert ImageFolder(tmp_path, resize=6)[1]["image"].shape == (6, 10, 3)
    assert folder(tmp_path, resize=6, image_size=6).train.image.shape == (2, 6, 6, 3)


def test_grey_and_transparent_images_become_colour_and_colour_becomes_grey(tmp_path, pixels):
    save(tmp_path, [pixels[0, ..., 0], np.dstack([pixels[1], pixels[1, ..., 0]])], ("a", "b"))
    listed = ImageFolder(tmp_path)
    np.testing.assert_array_equal(listed[0]["image"], np.repeat(pixels[0, ..., :1], 3, axis=-1))
    np.testing.assert_array_equal(listed[1]["image"], pixels[1])
    np.testing.assert_array_equal(ImageFolder(tmp_path, channels=1)[0]["image"], pixels[0, ..., :1])


def test_a_missing_folder_is_named_with_the_two_ways_to_get_it(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="no folder .*nowhere.*https.*or load a Hugging Face"
    ):
        load("folder", root=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="`root` is missing"):
        load("folder")
    with pytest.raises(ValueError, match="has no sub-folders: there must be one per class"):
        load("folder", root=tmp_path)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_files_that_are_no_images_are_named(tmp_path, pixels, data):
    save(tmp_path, pixels, CLASSES)
    (tmp_path / CLASSES[1] / "bad.png").write_bytes(data)
    with pytest.raises(ValueError, match=r"bad.png is truncated, corrupt or no image"):
        load("folder", root=tmp_path)


def test_a_truncated_image_is_refused(tmp_path, pixels):
    save(tmp_path, np.tile(pixels, (1, 8, 8, 1)), CLASSES, suffix=".jpg")
    path = tmp_path / CLASSES[2] / "002.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"002.jpg is truncated, corrupt or no image"):
        load("folder", root=tmp_path)


def test_images_and_folders_that_do_not_fit_are_refused(tmp_path, pixels):
    save(tmp_path / "train", pixels, CLASSES)
    save(tmp_path / "val", pixels[:2], CLASSES)
    with pytest.raises(ValueError, match="different classes: 'n01484850' is in one of them"):
        load("folder", root=tmp_path)
    save(tmp_path / "train", pixels[:1, :5], ["n01484850"], suffix=".bmp")
    with pytest.raises(
        ValueError, match=r"000.bmp is 5 x 8, but .*000.png is 6 x 8. Pass `resize`"
    ):
        folder(tmp_path / "train")
    with pytest.raises(ValueError, match=r"000.png is 6 x 8, smaller than `image_size` = 7"):
        folder(tmp_path / "train", image_size=7)
    with pytest.raises(ValueError, match="`channels` must be 1 .* got 4"):
        folder(tmp_path / "train", channels=4)
    (tmp_path / "train" / CLASSES[0] / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"notes.txt is no image file: the endings are .bmp"):
        folder(tmp_path / "train")
    (tmp_path / "train" / "empty").mkdir()
    with pytest.raises(ValueError, match="The class folder .*empty is empty"):
        folder(tmp_path / "train")


def test_images_of_sixteen_bits_are_refused(tmp_path):
    save(tmp_path, [np.arange(12, dtype=np.uint16).reshape(3, 4)], ["a"])
    with pytest.raises(ValueError, match=r"000.png has the mode 'I;16'; needed are 8 bits"):
        folder(tmp_path)
