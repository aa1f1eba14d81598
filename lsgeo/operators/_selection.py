"""Parameters chosen by glob patterns over their paths."""

from collections.abc import Iterable, Sequence

import jax

from lsgeo import trees


def select(
    space: trees.Space, patterns: str | Sequence[str]
) -> tuple[tuple[int, ...], trees.Space]:
    """Finds the leaves whose path matches one of `patterns`.

    Returns:
      The leaves' places, sorted by path, and the space of dictionaries {path: leaf} of them.

    Raises:
      ValueError: if a pattern matches no path, there is none, or all that match are of size 0.
    """
    patterns = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(patterns, Iterable) or not all(isinstance(p, str) for p in patterns):
        raise ValueError(
            f"`pattern` must be a glob such as '**/kernel' or a list of globs; got {patterns!r}."
        )
    flat = jax.tree_util.tree_flatten_with_path(space.like)[0]
    leaves = {trees.path_name(path): leaf for path, leaf in flat}
    paths = list(leaves)
    chosen = set()
    for pattern in patterns:
        matches = [path for path in paths if trees.glob(pattern).fullmatch(path)]
        if not matches:
            raise ValueError(
                f"`pattern` {pattern!r} matches no parameter. There are: {', '.join(paths)}."
            )
        chosen.update(matches)
    if not chosen:
        raise ValueError("`pattern` is an empty list. Pass at least one glob such as '**/kernel'.")
    if not any(leaves[path].size for path in chosen):
        raise ValueError(
            f"`pattern` chooses parameters of size 0 alone: {', '.join(sorted(chosen))}. They have no "
            "curvature; choose others."
        )
    index = tuple(paths.index(path) for path in sorted(chosen))
    return index, trees.space_of({paths[i]: leaves[paths[i]] for i in index})
