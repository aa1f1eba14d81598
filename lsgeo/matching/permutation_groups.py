"""Which permutations of a network's units leave its function alone?

The groups come from the computation itself: `predict` is traced, and each primitive ties the axes
that have to be permuted together (`axis_rules`). A residual stream comes out as one group however many
blocks read and write it, the inner units of a branch as a group of their own, the heads of an attention
layer as another, and the axes of images and logits as none.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import tree_flatten_with_path

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_key
from lsgeo.draws import generator
from lsgeo.matching import axes
from lsgeo.matching._axis_rules import Shape
from lsgeo.matching.traced_axes import trace_axes
from lsgeo.operators.evaluation import evaluate

Permutations = tuple[np.ndarray, ...]
_ROUNDINGS = 100  # how many times the effect of rounding each weight a permutation may have


@trees.frozen
class PermutationGroups:
    """Groups of units that can be permuted; see `permutation_groups`.

    Attributes:
      sizes: units of each group; the group has sizes[k]! permutations.
      members: for each group, the parameters' axes that move with it, as (path, axis).
      change: what random permutations of all groups changed in the outputs, relative to the largest one.
      tolerance: what rounding explains of that.
      unknown: primitives that were not understood, whose axes stay fixed. Where there are some, groups
        may be missing; those that are there are right.
    """

    sizes: tuple[int, ...] = dataclasses.field(metadata={"static": True})
    members: tuple[tuple[tuple[str, int], ...], ...] = dataclasses.field(metadata={"static": True})
    change: float
    tolerance: float
    unknown: tuple[str, ...] = dataclasses.field(metadata={"static": True})
    layout: "_Layout" = dataclasses.field(metadata={"static": True}, repr=False)

    def __str__(self) -> str:
        sizes = ", ".join(map(str, self.sizes))
        fixed = f"; not understood: {', '.join(self.unknown)}" if self.unknown else ""
        return (
            f"PermutationGroups: {len(self.sizes)} of sizes {sizes}; outputs moved by {self.change:.1g} "
            f"(rounding {self.tolerance:.1g}){fixed}"
        )

    def random(self, *, key: jax.Array) -> Permutations:
        """Draws a permutation for each group, uniformly."""
        check_key(key)
        return tuple(map(generator(key).permutation, self.sizes))

    def identity(self) -> Permutations:
        """Returns the permutations that move nothing."""
        return tuple(map(np.arange, self.sizes))

    def permute(self, params: Any, permutations: Sequence) -> Any:
        """Returns the parameters with unit permutations[k][i] of group k in place i.

        Raises:
          ValueError: if `params` are not of the network, or `permutations` are none of these groups.
        """
        self.check(permutations)
        return _permute(params, self.layout.params, permutations, "params")

    def permute_function(self, predict: Callable, permutations: Sequence) -> Callable:
        """Returns `predict` with its own arrays permuted, such as the running statistics of its norms.

        Raises:
          ValueError: as `permute`.
        """
        self.check(permutations)
        function = trees.as_pytree(predict, "predict")
        moved = _permute(function, self.layout.function, permutations, "predict")
        # Partial(call, predict) where it is a callable pytree, Partial(predict) where not.
        return moved.args[0] if moved.args else predict

    def check(self, permutations: Sequence) -> None:
        """Raises a ValueError unless there is one permutation of each group."""
        shapes = [np.shape(p) for p in permutations]
        if shapes != [(n,) for n in self.sizes] or any(
            not np.array_equal(np.sort(p), np.arange(len(p))) for p in permutations
        ):
            raise ValueError(
                f"`permutations` must be one permutation of 0 to n - 1 for each of n = {self.sizes}; "
                f"got arrays of shapes {shapes}. Take them from `identity`, `random` or an alignment."
            )


@dataclasses.dataclass(frozen=True)
class _Leaves:
    """The axes of each leaf of a tree; atoms are numbered by group."""

    treedef: Any
    shapes: tuple[Shape, ...]


@dataclasses.dataclass(frozen=True)
class _Layout:
    params: _Leaves
    function: _Leaves


@accepts(params=as_params, batch=as_arrays)
def permutation_groups(
    predict: Callable[[Any, Any], jax.Array], params: Any, batch: Any, *, key: jax.Array
) -> PermutationGroups:
    """Derives the permutations of units that leave a network's function alone, and tests them.

    Every axis of a parameter starts as a group of its own; the operations of `predict` join them
    (Ainsworth, Hayase and Srinivasa 2023 write the result down by hand for each architecture, section
    3). Where units have an inner structure the group is the part of the symmetry that permutes each level
    alike: heads, and the units inside all heads; the groups of a group norm, and the channels inside
    all groups. Padded channels (the shortcut "option A") leave groups of their own: those that the
    shortcut fills keep the order of the stream before, those it leaves empty are permuted among
    themselves, on either side. A network in `scan` has one group for all its layers; unstack it first for
    one in each layer.

    A random permutation of all groups must then leave `predict(params, batch)` unchanged but for 100
    times what rounding of each weight does to it.

    Args:
      predict: `predict(params, batch)` -> outputs, any pytree; pure. One that is itself a registered
        pytree may carry arrays, such as running statistics, which are permuted along.
      params: pytree of floating-point arrays.
      batch: pytree of arrays, a few examples.
      key: typed random key of the test.

    Returns:
      PermutationGroups, in the order in which the parameters name them.

    Raises:
      ValueError: if there is no group, or the outputs change or are not finite.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo.geometry import permutation_groups
      >>> def predict(params, x):
      ...     return jnp.tanh(x @ params["in"]) @ params["out"]
      >>> params = {"in": jnp.ones((3, 8)), "out": jnp.ones((8, 2))}
      >>> permutation_groups(predict, params, jnp.ones((5, 3)), key=jax.random.key(0)).members
      ((('in', 1), ('out', 0)),)
    """
    check_key(key)
    space = trees.space_of(params)
    trees.check_finite(params, "params")
    function = trees.as_pytree(predict, "predict")
    derived = trace_axes(function, params, batch)
    layout = _Layout(
        _Leaves(space.treedef, derived.params),
        _Leaves(jax.tree.structure(function), derived.function),
    )
    if not derived.sizes:
        raise ValueError(
            "`predict` has no units that can be permuted."
            + (f" Not understood were: {', '.join(derived.unknown)}." if derived.unknown else "")
        )
    paths = [trees.path_name(path) for path, _ in tree_flatten_with_path(params)[0]]
    members = tuple(
        _members(layout.params.shapes, paths, axes.Atom(n, k)) for k, n in enumerate(derived.sizes)
    )
    groups = PermutationGroups(derived.sizes, members, 0.0, 0.0, derived.unknown, layout)
    change, tolerance = _test(groups, function, params, batch, key)
    return dataclasses.replace(groups, change=change, tolerance=tolerance)


def _members(shapes, paths, atom):
    return tuple(
        (path, i)
        for path, shape in zip(paths, shapes, strict=True)
        for i, axis in enumerate(shape)
        if atom in axes.atoms(axis)
    )


def _permute(tree, leaves, permutations, name):
    parts, treedef = jax.tree.flatten(tree)
    sizes = [tuple(axis.size for axis in shape) for shape in leaves.shapes]
    if treedef != leaves.treedef or [np.shape(part) for part in parts] != sizes:
        raise ValueError(
            f"`{name}` must have the structure and shapes that the groups were derived from; got "
            f"{jax.tree.map(np.shape, tree)}."
        )
    numbered = dict(enumerate(permutations))
    for i, shape in enumerate(leaves.shapes):
        for place, axis in enumerate(shape):
            if axes.atoms(axis):
                parts[i] = np.take(np.asarray(parts[i]), axes.order(axis, numbered), axis=place)
    return jax.tree.unflatten(treedef, list(map(jnp.asarray, parts)))


def _test(groups, function, params, batch, key):
    # Rounding of the weights is the measure: a deep network makes more of it than a shallow one.
    move, noise = jax.random.split(key)
    permutations = groups.random(key=move)
    before = _outputs(function, params, batch)
    moved = _permute(params, groups.layout.params, permutations, "params")
    own = _permute(function, groups.layout.function, permutations, "predict")
    scale = _largest(before)
    if not np.isfinite(scale):
        raise ValueError("the outputs of `predict` are not finite. Pass an earlier checkpoint.")
    change, effect = (
        _largest([x - y for x, y in zip(_outputs(*case, batch), before, strict=True)])
        / (scale or 1.0)
        for case in ((own, moved), (function, _rounded(params, noise)))
    )
    tolerance = _ROUNDINGS * (effect + trees.space_of(params).eps)
    if not change <= tolerance:
        raise ValueError(
            f"`predict` changes by {change:.1e} of its largest output under permutations that should "
            f"leave it alone; rounding explains {tolerance:.1e}. Is it random, or in training mode?"
        )
    return change, tolerance


def _outputs(function, params, batch):
    found = programs.traced(function, "predict", params, batch)
    results = jax.tree.leaves(evaluate(found, params, batch))
    return [np.asarray(result, np.float64) for result in results]


def _largest(arrays):
    return max(float(np.max(np.abs(array), initial=0)) for array in arrays)


def _rounded(params, key):
    draw = generator(key)

    def touch(leaf):
        signs = draw.choice([-1, 1], leaf.shape).astype(leaf.dtype)
        return jnp.asarray(np.asarray(leaf) * (1 + jnp.finfo(leaf.dtype).eps * signs))

    return jax.tree.map(touch, params)
