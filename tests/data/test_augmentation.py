"""Crops and flips against every possible window; mixtures against their formula."""

import collections
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from lsgeo.data import augment, mixup

KEY = jax.random.key(0)
BASE = np.arange(1, 41, dtype=np.float32).reshape(5, 4, 2)  # No two windows of it are equal.


def windows(padding, **pad):
    padded = np.pad(BASE, ((padding, padding), (padding, padding), (0, 0)), **pad)
    places = itertools.product(range(2 * padding + 1), repeat=2)
    cut = [padded[row : row + 5, column : column + 4] for row, column in places]
    return [window[:, step] for window in cut for step in (slice(None), slice(None, None, -1))]


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_each_image_is_one_of_the_possible_windows_and_all_are_equally_frequent(mode):
    num = 10_000
    images = jnp.broadcast_to(BASE, (num, *BASE.shape))
    out = np.asarray(augment(images, key=KEY, padding=2, mode=mode))
    # Mirrored at the border, a window may be its neighbour flipped: 50 ways, but only 30 windows.
    ways = collections.Counter(window.tobytes() for window in windows(2, mode=mode))
    assert len(ways) == {"constant": 50, "reflect": 30}[mode]
    found = collections.Counter(image.tobytes() for image in out)
    assert set(found) <= set(ways)
    expected = {window: num * count / 50 for window, count in ways.items()}
    distance = sum((found[window] - mean) ** 2 / mean for window, mean in expected.items())
    # Chi-square over 25 places times 2 directions, drawn independently: once in 1e6 above.
    assert distance < stats.chi2.isf(1e-6, len(ways) - 1)


def test_examples_stay_in_their_order_and_types():
    scale = np.arange(1, 31, dtype=np.int32)[:, None, None, None]
    images = (100 * scale + BASE.astype(np.int32)[None]).astype(np.int32)
    out = np.asarray(augment(images, key=KEY, padding=1, mode="reflect"))
    assert out.dtype == np.int32
    np.testing.assert_array_equal(out // 100, np.broadcast_to(scale, out.shape))


def test_without_padding_images_are_flipped_or_not_and_without_both_they_are_the_same():
    images = jnp.broadcast_to(BASE, (64, *BASE.shape))
    out = np.asarray(augment(images, key=KEY, padding=0))
    flipped = (out == BASE[None, :, ::-1]).all((1, 2, 3))
    kept = (out == BASE[None]).all((1, 2, 3))
    assert (flipped ^ kept).all()
    assert 10 < flipped.sum() < 54
    same = augment(images, key=KEY, padding=0, flip=False)
    np.testing.assert_array_equal(same, images)


def test_the_border_has_the_given_value_of_each_channel():
    images = jnp.broadcast_to(BASE, (50, *BASE.shape))
    out = np.asarray(augment(images, key=KEY, padding=3, fill=(-1.0, -2.0)))
    zeros = np.asarray(augment(images, key=KEY, padding=3))
    np.testing.assert_array_equal(out, np.where(zeros == 0, np.float32([-1, -2]), zeros))
    assert (zeros == 0).any() and (zeros != 0).any()


def test_the_same_key_gives_the_same_images_inside_another_compiled_function():
    images = jnp.broadcast_to(BASE, (16, *BASE.shape))
    step = jax.jit(lambda images, key: augment(images, key=key, padding=2))
    np.testing.assert_array_equal(step(images, KEY), augment(images, key=KEY, padding=2))
    assert (step(images, jax.random.key(1)) != step(images, KEY)).any()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"padding": -1}, "`padding` must be 0 or more"),
        (
            {"padding": 4, "mode": "reflect"},
            "below the images' smaller side to reflect them, 4; got 4",
        ),
        ({"mode": "wrap"}, "`mode` must be 'constant' or 'reflect'; got 'wrap'"),
        ({"key": jax.random.PRNGKey(0)}, "`key` must be one typed random key"),
    ],
)
def test_impossible_augmentations_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        augment(jnp.zeros((2, 5, 4, 1)), **{"key": KEY, **options})
    with pytest.raises(ValueError, match=r"`images` must be \[N, H, W, C\]; got \[5, 4, 1\]"):
        augment(jnp.zeros((5, 4, 1)), key=KEY)


@pytest.fixture(scope="module")
def mixtures():
    """Images, and 2000 mixtures of them with alpha 1/2; all six labels differ."""
    image = np.random.default_rng(0).normal(size=(6, 3, 3, 1))
    batch = {"image": jnp.asarray(image), "label": jnp.arange(6)}
    mix = jax.jit(jax.vmap(lambda key: mixup(batch, key=key, num_classes=6, alpha=0.5)))
    return image, jax.tree.map(np.asarray, mix(jax.random.split(KEY, 2000)))


def test_a_mixture_has_the_cross_entropy_of_its_parts_and_mixes_images_alike(mixtures):
    image, mixed = mixtures
    place = np.arange(6)
    target = mixed["target"][0]
    share = np.diag(target).min()  # The diagonal holds the share, or 1 where an image meets itself.
    assert 0 < share < 1
    others = target - np.diag(np.diag(target))
    partner = np.where(others.any(1), others.argmax(1), place)
    np.testing.assert_array_equal(np.sort(partner), place)
    expected = share * image + (1 - share) * image[partner]
    np.testing.assert_allclose(mixed["image"][0], expected, rtol=1e-12)
    log_p = jax.nn.log_softmax(jnp.asarray(image.reshape(6, 9)[:, :6]))
    parts = share * log_p[place, place] + (1 - share) * log_p[place, partner]
    np.testing.assert_allclose((target * log_p).sum(1), parts, rtol=1e-12)


def test_the_share_of_a_mixture_is_beta_distributed(mixtures):
    share = np.diagonal(mixtures[1]["target"], axis1=1, axis2=2).min(1)
    share = share[share < 1]  # Once in 720 every image meets itself, which hides the share.
    assert len(share) > 1950
    # Kolmogorov and Smirnov: once in 1e4 below, with a key that is fixed.
    assert stats.kstest(share, stats.beta(0.5, 0.5).cdf).pvalue > 1e-4


def test_an_impossible_mixture_is_refused():
    batch = {"image": jnp.zeros((2, 1, 1, 1)), "label": jnp.arange(2)}
    with pytest.raises(ValueError, match="`alpha` must be positive; got 0"):
        mixup(batch, key=KEY, num_classes=2, alpha=0)
    with pytest.raises(ValueError, match="`key` must be one typed random key; got int"):
        mixup(batch, key=0, num_classes=2)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_narrow_labels_are_mixed_as_the_classes_that_they_are(dtype):
    batch = {"image": jnp.zeros((2, 3)), "label": np.array([5, 7], dtype)}
    target = np.asarray(mixup(batch, key=KEY, num_classes=300)["target"])
    assert not target[:, 256:].any()
    np.testing.assert_allclose(target[:, [5, 7]].sum(1), 1, rtol=1e-12)


def test_what_the_type_of_the_images_cannot_hold_is_refused():
    images = jnp.zeros((2, 4, 4, 2), jnp.uint8)
    for fill in (0.5, -1, (3.0, 256.0)):
        with pytest.raises(ValueError, match="`fill` must be values that uint8 images can have"):
            augment(images, key=KEY, fill=fill)
    out = augment(images, key=KEY, padding=3, fill=(3.0, 255.0))
    assert out.dtype == jnp.uint8 and out[..., 1].max() == 255
    with pytest.raises(ValueError, match="`image` must be a floating array to be mixed; got uint8"):
        mixup({"image": images, "label": np.zeros(2, int)}, key=KEY, num_classes=2)
