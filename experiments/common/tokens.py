"""The digits as sequences of tokens, for networks that read tokens and predict the next one."""

import numpy as np

from experiments.common.problem import fingerprint
from lsgeo import data

NAME = "digits-tokens"


def load(
    name: str, *, num_train: int | None = None, num_test: int | None = None, seed: int = 0
) -> data.Dataset:
    """Reads the 8 x 8 pixels of each digit, 0 to 16, row by row; each is to be predicted from those before.

    The images decide how often that is possible at all: of the pixels of 30 images 98 % follow from those
    before them, at the others two images part.

    Args:
      name: `NAME`.
      num_train: training sequences; None takes all.
      num_test: test sequences; None takes all.
      seed: of the split, as in `lsgeo.data.load`.

    Returns:
      Dataset: {"image": int32 tokens [N, 63], "label": the tokens that follow them [N, 63]}; num_classes is the
      size of the vocabulary, 17.
    """
    digits = data.load("digits", seed=seed)
    levels = np.unique(digits.train["image"])  # All 17 are there.
    sizes = {"train": num_train, "test": num_test}
    parts = {
        part: _shifted(levels, getattr(digits, part)["image"], size) for part, size in sizes.items()
    }
    return data.Dataset(
        name,
        **parts,
        num_classes=len(levels),
        sha256=fingerprint(parts["train"], parts["test"]),
    )


def _shifted(levels, images, size):
    tokens = np.searchsorted(levels, images).reshape(len(images), -1).astype(np.int32)[:size]
    return {"image": tokens[:, :-1], "label": tokens[:, 1:]}
