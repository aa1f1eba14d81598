"""The 8 x 8 handwritten digits that come with scikit-learn (UCI optical recognition, test part)."""

import numpy as np


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Loads the 1797 digits: integer images [1797, 8, 8, 1] from 0 to 16, labels [1797] 0 to 9."""
    from sklearn.datasets import load_digits  # Here, because the import alone takes a second.

    bunch = load_digits()
    return bunch.images.astype(np.int64)[..., None], bunch.target.astype(np.int32)
