"""Pytrees as vectors: what `optax.tree` lacks.

A `Space` is the hashable description of a vector space of pytrees. Algorithms work on flat vectors of
that space; `ravel` and `unravel` go between the two inside `jit`, at no cost that can be measured.
"""

import dataclasses
import math
import re
from collections.abc import Callable
from typing import Any, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from lsgeo.oneline import one_line

HIGHEST = jax.lax.Precision.HIGHEST
PyTree = Any


def register_dataclass(cls: type, *, meta: tuple[str, ...] = ()) -> type:
    """Registers a dataclass as a pytree whose structure names its class.

    The structures of two classes made by `jax.tree_util.register_dataclass` compare equal where their
    fields do (JAX 0.10), so that `jit` may, when their hashes fall together, run the program of one on
    the other.

    Args:
      cls: a dataclass.
      meta: the static fields, beside those with metadata {"static": True}; all others are data.
    """
    fields = dataclasses.fields(cls)
    meta = (*meta, *(f.name for f in fields if f.metadata.get("static") and f.name not in meta))
    data = tuple(field.name for field in fields if field.name not in meta)
    keys = tuple(jax.tree_util.GetAttrKey(name) for name in data)

    def flatten(value):
        children, static = flatten_plain(value)
        return tuple(zip(keys, children, strict=True)), static

    def flatten_plain(value):
        return tuple(getattr(value, n) for n in data), tuple(getattr(value, n) for n in meta)

    def unflatten(static, children):
        # Not through the constructor: JAX also fills trees with placeholders.
        value = object.__new__(cls)
        for name, part in zip((*data, *meta), (*children, *static), strict=True):
            object.__setattr__(value, name, part)
        return value

    jax.tree_util.register_pytree_with_keys(cls, flatten, unflatten, flatten_plain)
    return cls


def static(**options: Any) -> Any:
    """A field of a dataclass that is part of the pytree's structure; `options` as `dataclasses.field`."""
    return dataclasses.field(metadata={"static": True}, **options)


@dataclass_transform(frozen_default=True, field_specifiers=(static, dataclasses.field))
def frozen(cls: type) -> type:
    """Makes a class a frozen dataclass that is a pytree and prints as one line: what results are."""
    return register_dataclass(one_line(dataclasses.dataclass(frozen=True)(cls)))


@dataclasses.dataclass(frozen=True)
class Space:
    """The vector space of all pytrees of one structure, shape and dtype."""

    treedef: Any
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[np.dtype, ...]

    @property
    def size(self) -> int:
        """Dimension: the number of scalars in one vector."""
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def dtype(self) -> np.dtype:
        """Dtype of flat vectors: the leaves' common type, at least float32."""
        return common_dtype(*self.dtypes, jnp.float32)

    @property
    def eps(self) -> float:
        """Machine epsilon of the coarsest leaf: products are no more exact than that."""
        return max(float(jnp.finfo(dtype).eps) for dtype in self.dtypes)

    @property
    def like(self) -> Any:
        """A pytree of `jax.ShapeDtypeStruct`, one for each leaf."""
        leaves = map(jax.ShapeDtypeStruct, self.shapes, self.dtypes)
        return jax.tree.unflatten(self.treedef, list(leaves))

    def zeros(self) -> Any:
        """Returns the vector of zeros."""
        return jax.tree.unflatten(self.treedef, list(map(jnp.zeros, self.shapes, self.dtypes)))


def common_dtype(*dtypes: Any) -> np.dtype:
    """The dtype that holds all of some dtypes, also where the session promotes none by itself."""
    with jax.numpy_dtype_promotion("standard"):
        return np.dtype(jnp.result_type(*dtypes))


def scaled(factor: jax.Array, x: jax.Array) -> jax.Array:
    """Returns factor * x in the dtype of x, multiplied in the wider one of both."""
    dtype = common_dtype(factor, x)
    return (factor.astype(dtype) * x.astype(dtype)).astype(x.dtype)


def as_pytree(function: Callable, name: str) -> Callable:
    """Makes a callable a pytree that `jit` takes as an argument.

    The arrays that a registered class carries, such as frozen batch statistics, become its leaves.

    Args:
      function: a function, or a callable pytree.
      name: how messages call it.

    Raises:
      ValueError: if it is not callable, or neither a pytree nor hashable.
    """
    if not callable(function):
        raise ValueError(f"`{name}` must be callable; got {type(function).__name__}.")
    if isinstance(function, Partial):
        return function
    if not jax.tree_util.all_leaves([function]):
        # By its method, which tells classes apart: see `register_dataclass`.
        return Partial(type(function).__call__, function)
    try:
        hash(function)
    except TypeError as error:
        raise ValueError(
            f"`{name}` must be a function or a callable pytree; got {function!r}, which cannot be "
            "hashed. Register its class with jax.tree_util.register_dataclass."
        ) from error
    return Partial(function)


def space_of(tree: Any, name: str = "params") -> Space:
    """Describes the vector space that `tree` lives in.

    Args:
      tree: pytree of floating-point arrays (or `jax.ShapeDtypeStruct`).
      name: how messages call the tree.

    Returns:
      The Space of `tree`.

    Raises:
      ValueError: if the tree is empty or a leaf is not a real floating-point array.
    """
    leaves, treedef = jax.tree_util.tree_flatten_with_path(tree)
    if not leaves:
        raise ValueError(f"`{name}` is empty: it has no array leaf. Pass a pytree of float arrays.")
    for path, leaf in leaves:
        dtype = getattr(leaf, "dtype", None)
        if dtype is None or not jnp.issubdtype(dtype, jnp.floating):
            got = type(leaf).__name__ if dtype is None else dtype
            raise ValueError(
                f"`{name}` must hold real floating-point arrays; {path_name(path) or 'it'} is {got}. "
                "Cast it, or keep it out of the differentiated parameters."
            )
    shapes = tuple(tuple(leaf.shape) for _, leaf in leaves)
    space = Space(treedef, shapes, tuple(np.dtype(leaf.dtype) for _, leaf in leaves))
    if not space.size:
        raise ValueError(f"`{name}` has no elements: every leaf has size 0.")
    return space


def path_name(path: tuple) -> str:
    """Writes a key path of `jax.tree_util` as 'Dense_0/kernel'."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def glob(pattern: str) -> re.Pattern:
    """Compiles a glob over the names of `path_name`: "*" stays within one name, "**" crosses them.

    >>> bool(glob("**/bias").fullmatch("bias")), bool(glob("*/bias").fullmatch("a/b/bias"))
    (True, False)
    """
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    rules = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(rules.get(piece, re.escape(piece)) for piece in pieces))


def ravel(space: Space, tree: Any) -> jax.Array:
    """Joins the leaves of `tree` into one flat vector, shape [n]."""
    leaves = space.treedef.flatten_up_to(tree)
    return jnp.concatenate([jnp.asarray(leaf, space.dtype).reshape(-1) for leaf in leaves])


def unravel(space: Space, flat: jax.Array) -> Any:
    """Splits a flat vector [..., n] into a pytree of `space`, leading axes kept."""
    bounds = np.cumsum([math.prod(shape) for shape in space.shapes])[:-1]
    pieces = jnp.split(flat, bounds, axis=-1)
    leaves = [
        piece.reshape(*flat.shape[:-1], *shape).astype(dtype)
        for piece, shape, dtype in zip(pieces, space.shapes, space.dtypes, strict=True)
    ]
    return jax.tree.unflatten(space.treedef, leaves)


def vdot(a: Any, b: Any) -> jax.Array:
    """Inner product of two pytrees at the highest matrix precision."""

    def product(x, y):
        sides = (side.reshape(-1).astype(common_dtype(x, y)) for side in (x, y))
        return jnp.vdot(*sides, precision=HIGHEST)

    products = jax.tree.leaves(jax.tree.map(product, a, b))
    dtype = common_dtype(*products)
    return sum(product.astype(dtype) for product in products)


def norm(a: Any) -> jax.Array:
    """Euclidean norm of a pytree, free of overflow and underflow in the squares."""
    peaks = [jnp.max(jnp.abs(leaf), initial=0) for leaf in jax.tree.leaves(a)]
    dtype = common_dtype(*peaks)
    largest = jnp.stack([peak.astype(dtype) for peak in peaks]).max()
    unit = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1)
    small = jax.tree.map(lambda leaf: leaf / unit.astype(leaf.dtype), a)
    return unit * jnp.sqrt(vdot(small, small))


def check_finite(tree: Any, name: str) -> None:
    """Raises a ValueError that names the first leaf of `tree` with a NaN or an infinity; none under `jit`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    for path, leaf in leaves:
        if not isinstance(leaf, jax.core.Tracer) and not np.isfinite(np.asarray(leaf)).all():
            raise ValueError(
                f"`{name}` has a NaN or an infinity in {path_name(path) or 'its only leaf'}. "
                "The network probably diverged: lower the learning rate or pass an earlier checkpoint."
            )
