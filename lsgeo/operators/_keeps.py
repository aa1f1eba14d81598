"""What an operator keeps in memory."""

from typing import Any, NamedTuple

import jax


class Keeps(NamedTuple):
    """What an operator keeps on the device, and what one product runs there."""

    arrays: list[Any]  # between products
    programs: list[tuple[Any, tuple]]  # compiled functions with their arguments, in turn
    batch_bytes: int = 0  # of the largest batch that is sent for a product


def kept_by_parts(op: Any) -> Keeps:
    """Adds what the operators keep that `op` is made of, and its own arrays."""

    def is_part(value):
        return value is not op and hasattr(value, "keeps")

    arrays, programs, largest = [], [], 0
    for part in jax.tree.leaves(op, is_leaf=is_part):
        kept = part.keeps() if is_part(part) else Keeps([part], [])
        arrays, programs = arrays + kept.arrays, programs + kept.programs
        largest = max(largest, kept.batch_bytes)
    return Keeps(arrays, programs, largest)
