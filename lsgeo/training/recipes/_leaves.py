"""Leaves of a pytree chosen by glob patterns over their paths."""

from collections.abc import Sequence

import jax

from lsgeo import trees
from lsgeo.trees import PyTree


def selected(tree: PyTree, patterns: Sequence[str], name: str) -> PyTree:
    """Says for each leaf whether its path matches one of `patterns`.

    Args:
      tree: pytree of arrays.
      patterns: globs over paths such as "norm_0/layer/scale": "*" stays within one name, "**"
        crosses them, "**/bias" also matches at the top.
      name: how messages call the patterns.

    Returns:
      The same structure with True or False for each leaf.

    Raises:
      ValueError: if a pattern matches no leaf.
    """
    flat, treedef = jax.tree_util.tree_flatten_with_path(tree)
    paths = [trees.path_name(path) for path, _ in flat]
    chosen = set()
    for pattern in patterns:
        matches = {path for path in paths if trees.glob(pattern).fullmatch(path)}
        if not matches:
            raise ValueError(
                f"`{name}` has {pattern!r}, which matches no parameter. There are: {', '.join(paths)}."
            )
        chosen |= matches
    return jax.tree.unflatten(treedef, [path in chosen for path in paths])
