"""Augmentation on the device: random crops of padded images, horizontal flips, and mixtures of examples."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo.checks import check_key, whole_labels


def augment(
    images: jax.Array,
    *,
    key: jax.Array,
    padding: int = 4,
    mode: str = "constant",
    flip: bool = True,
    fill: float | tuple[float, ...] = 0.0,
) -> jax.Array:
    """Pads each image, cuts a window of the old size out of it at random, and flips every second one.

    Each image has its own offset, uniform over the (2 * padding + 1)^2 places, and its own flip. The recipe of
    He et al. 2016 pads with zeros after the mean is subtracted (`fill=0`); public PyTorch recipes pad with
    black before that (`fill=dataset.statistics.black`); Wide ResNets use mode="reflect" (Zagoruyko &
    Komodakis 2016). May be called inside jit.

    Args:
      images: [N, H, W, C].
      key: typed random key.
      padding: pixels on each side; 0 crops nothing.
      mode: "constant", or "reflect", which mirrors at the border without repeating it.
      flip: whether every image is mirrored left to right with probability 1/2.
      fill: value of the constant border, one number or one per channel.

    Returns:
      [N, H, W, C] of the same type.

    Raises:
      ValueError: for images of another rank, an unknown mode, a padding that the images are too small to
        reflect, a border that the images' type does not hold, or a key that is not typed.
    """
    check_key(key)
    if images.ndim != 4:
        raise ValueError(f"`images` must be [N, H, W, C]; got {list(images.shape)}.")
    if mode not in ("constant", "reflect"):
        raise ValueError(f"`mode` must be 'constant' or 'reflect'; got {mode!r}.")
    smallest = min(images.shape[1:3])
    if padding < 0 or (mode == "reflect" and padding >= smallest):
        raise ValueError(
            f"`padding` must be 0 or more, and below the images' smaller side to reflect them, {smallest}; "
            f"got {padding}."
        )
    whole = not jnp.issubdtype(images.dtype, jnp.floating)
    if whole and not np.array_equal(np.asarray(fill).astype(np.int64).astype(images.dtype), fill):
        raise ValueError(
            f"`fill` must be values that {images.dtype} images can have; got {fill}. Standardise the "
            "images first, or give whole numbers."
        )
    fill = jnp.broadcast_to(jnp.asarray(fill, images.dtype), images.shape[3:])
    return _augment(images, key, fill, padding, mode, flip)


@functools.partial(jax.jit, static_argnums=(3, 4, 5))
def _augment(images, key, fill, padding, mode, flip):
    offset_key, flip_key = jax.random.split(key)
    num, *shape = images.shape
    if padding:
        padded = _padded(images, fill, padding, mode)
        offsets = jax.random.randint(offset_key, (num, 2), 0, 2 * padding + 1)
        cut = lambda image, at: jax.lax.dynamic_slice(image, (at[0], at[1], 0), shape)  # noqa: E731
        images = jax.vmap(cut)(padded, offsets)
    if flip:
        flipped = jax.random.bernoulli(flip_key, shape=(num, 1, 1, 1))
        images = jnp.where(flipped, images[:, :, ::-1], images)
    return images


def _padded(images, fill, padding, mode):
    sides = ((padding, padding), (padding, padding))
    padded = jnp.pad(images, ((0, 0), *sides, (0, 0)), mode=mode)
    if mode == "reflect":
        return padded
    inside = jnp.pad(jnp.ones(images.shape[1:3], bool), sides)
    return jnp.where(inside[None, :, :, None], padded, fill[None, None, None, :])


def mixup(
    batch: dict[str, jax.Array], *, key: jax.Array, num_classes: int, alpha: float = 1.0
) -> dict[str, jax.Array]:
    """Mixes each example with another one of the batch (mixup, Zhang et al. 2018; the recipe of Fixup).

    x = lam * x_i + (1 - lam) * x_j with lam ~ Beta(alpha, alpha), one for the batch as in the authors' code,
    and j a random permutation. The cross-entropy against the mixed classes is
    lam * CE(label_i) + (1 - lam) * CE(label_j).

    Args:
      batch: {"image": float [N, ...], "label": whole numbers [N]}.
      key: typed random key.
      num_classes: number of classes.
      alpha: of the Beta distribution; large values mix halves.

    Returns:
      {"image": as it came in, "target": class probabilities [N, num_classes] in the type of the images}.

    Raises:
      ValueError: if `alpha` is not positive, the images are whole numbers, the labels are none or not [N], or
        the key is not typed.
    """
    check_key(key)
    image = batch["image"]
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise ValueError(
            f"`image` must be a floating array to be mixed; got {image.dtype}. Standardise it first."
        )
    if not 0 < alpha < math.inf:
        raise ValueError(f"`alpha` must be positive; got {alpha}.")
    share_key, order_key = jax.random.split(key)
    share = jax.random.beta(share_key, alpha, alpha, dtype=image.dtype)
    order = jax.random.permutation(order_key, image.shape[0])
    label = whole_labels(batch["label"], image.shape[:1])
    target = jax.nn.one_hot(label, num_classes, dtype=image.dtype)
    mix = lambda values: share * values + (1 - share) * values[order]  # noqa: E731
    return {"image": mix(image), "target": mix(target)}
