"""The 8 x 8 handwritten digits that come with scikit-learn (UCI optical recognition, test part)."""

import numpy as np

from lsgeo.data.sources._pool import Images, Pool


def digits() -> Pool:
    """Loads the 1797 digits: images [1797, 8, 8, 1] from 0 to 16, labels 0 to 9, no official split."""
    from sklearn.datasets import load_digits  # Here, because the import alone takes a second.

    bunch = load_digits()
    image = bunch.images.astype(np.uint8)[..., None]
    images = Images.of(image, bunch.target, source="digits", num_classes=10, shape=(8, 8, 1))
    return Pool(images, None, 10)
