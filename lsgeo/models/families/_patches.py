"""Images as tokens."""

import jax


def cut(images: jax.Array, size: int) -> jax.Array:
    """Cuts images [N, H, W, C] into squares, row by row: [N, H W / size^2, size size C].

    A dense layer on the result is a convolution of that size and stride; its kernel [size size C, width]
    is the convolution's [size, size, C, width] in the same order.

    Args:
      images: [N, H, W, C].
      size: pixels on a side of a patch.

    Raises:
      ValueError: if these are no images, or `size` does not divide their height and width.
    """
    if images.ndim != 4:
        raise ValueError(f"`images` must have the shape [N, H, W, C]; got {images.shape}.")
    count, height, width, channels = images.shape
    if height % size or width % size:
        raise ValueError(
            f"`patch` {size} does not divide the images' {height} x {width} pixels. Choose a patch that "
            "divides both."
        )
    rows, columns = height // size, width // size
    patches = images.reshape(count, rows, size, columns, size, channels).swapaxes(2, 3)
    return patches.reshape(count, rows * columns, size * size * channels)
