"""How a residual block joins its shortcut and its branch; one small function per skip type.

A skip type is a function of the shortcut (the block's input, already brought to the branch's
shape), the branch, and the number of blocks in the network. None of them has parameters: networks
that differ in the skip alone have the same parameter tree, and the same initial weights for a key.
"""

from collections.abc import Callable

import jax

Skip = Callable[[jax.Array, jax.Array, int], jax.Array]


def _none(shortcut, branch, num_blocks):
    del shortcut, num_blocks
    return branch


def _identity(shortcut, branch, num_blocks):
    del num_blocks
    return shortcut + branch


def _scaled(shortcut, branch, num_blocks):
    # 1/sqrt(L) is the only non-trivial scale for independent weights (Hayou et al. 2021).
    return shortcut + branch * num_blocks**-0.5


SKIPS: dict[str, Skip] = {"none": _none, "identity": _identity, "scaled": _scaled}
