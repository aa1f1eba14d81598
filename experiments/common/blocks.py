"""The blocks of a network, as measurements of its residual stream take them."""

from collections.abc import Sequence

from lsgeo import models


def top_chain(blocks: Sequence[models.BlockFunction]) -> Sequence[models.BlockFunction]:
    """The blocks above the last change of the stream's shape; none where the last one changes it."""
    first = max((i + 1 for i, block in enumerate(blocks) if not block.keeps_shape), default=0)
    return blocks[first:]
