"""Families of rescalings that leave a network's function as it is, and how to name them.

Each member multiplies some weights by a and divides others by it. To first order it moves the weights w along
v = A w, A diagonal with entries +1, -1 and 0, so that the loss has v'g = 0; the derivative of that is H v =
-A g (Kunin et al. 2021 derive both from the symmetry). Where the gradient vanishes v is an exact zero mode of
the Hessian.

>>> rescaling(incoming={"dense_0/kernel": -1, "dense_0/bias": -1}, outgoing={"dense_1/kernel": -2}).divided
(('dense_1/kernel', -2),)
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from lsgeo import trees


@dataclasses.dataclass(frozen=True)
class Symmetry:
    """One member for each place along the given axes of some leaves, or, at axis None, one for all of them.

    Attributes:
      multiplied: (path, axis) of the leaves that are multiplied by a.
      divided: (path, axis) of those that are divided by a.
    """

    multiplied: tuple[tuple[str, int | None], ...]
    divided: tuple[tuple[str, int | None], ...] = ()

    @property
    def parts(self) -> tuple[tuple[str, int | None, int], ...]:
        """(path, axis, sign) of every leaf."""
        signed = ((self.multiplied, 1), (self.divided, -1))
        return tuple((path, axis, sign) for places, sign in signed for path, axis in places)


def rescaling(
    *, incoming: Mapping[str, int] | Sequence[str], outgoing: Mapping[str, int] | Sequence[str]
) -> Symmetry:
    """The rescaling symmetry of hidden units with a positively homogeneous activation, such as ReLU.

    A unit's incoming weights and bias times a, its outgoing weights divided by a (Dinh et al. 2017). It holds
    where nothing else reads the unit: no skip, and no normalisation in between.

    Args:
      incoming: paths of the leaves into the units, with the axis of the units; of a list, the last axis.
      outgoing: paths of the leaves out of them; of a list, the last axis but one, as in the kernels of dense
        and convolutional layers.

    Returns:
      Symmetry with one member for each unit.
    """
    return Symmetry(_places(incoming, -1), _places(outgoing, -2))


def normalized(weights: Sequence[str], *, per_unit: bool) -> Symmetry:
    """The scale symmetry of weights whose output a normalisation without epsilon frees of its scale.

    Args:
      weights: paths of the leaves that are scaled together, kernel and bias.
      per_unit: True for batch normalisation, which frees every unit of its own scale, units on the last axis;
        False for layer normalisation, which frees the layer of one.

    Returns:
      Symmetry with one member for each unit, or a single one.
    """
    return Symmetry(_places(weights, -1 if per_unit else None))


def dense_chain(params: Any, layers: Sequence[str]) -> tuple[Symmetry, ...]:
    """The rescaling symmetries of a plain chain of dense layers, or of convolutions.

    Args:
      params: pytree in which every layer is a mapping with a "kernel" and perhaps a "bias".
      layers: paths of the layers in the order from the input to the output, each read by the next one alone and
        through a positively homogeneous activation.

    Returns:
      One Symmetry for each hidden layer.

    Raises:
      ValueError: if a layer has no kernel, or does not fit the one before it.
    """
    shapes = leaf_shapes(params)
    for layer in layers:
        if f"{layer}/kernel" not in shapes:
            known = ", ".join(sorted(shapes))
            raise ValueError(f"`layers` names {layer!r}, which has no kernel. There are: {known}.")
    found = []
    for into, out in itertools.pairwise(layers):
        units, reads = shapes[f"{into}/kernel"][-1], shapes[f"{out}/kernel"][-2]
        if units != reads:
            raise ValueError(
                f"`layers` must be in order: {into} has {units} units, and {out} reads {reads}."
            )
        names = [f"{into}/kernel", f"{into}/bias"]
        found.append(
            rescaling(incoming=[n for n in names if n in shapes], outgoing=[f"{out}/kernel"])
        )
    return tuple(found)


def leaf_shapes(params: Any) -> dict[str, tuple[int, ...]]:
    """The shape of every leaf by its path."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {trees.path_name(path): np.shape(leaf) for path, leaf in leaves}


def count_members(symmetry: Symmetry, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Counts the members.

    Raises:
      ValueError: if a path is not there, an axis does not fit, or the leaves disagree on the number.
    """
    counts = {}
    for path, axis, _ in symmetry.parts:
        if path not in shapes:
            known = ", ".join(sorted(shapes))
            raise ValueError(f"`symmetries` names {path!r}, which is no leaf. There are: {known}.")
        shape = shapes[path]
        if axis is not None and not -len(shape) <= axis < len(shape):
            raise ValueError(f"`symmetries` takes axis {axis} of {path}, which has shape {shape}.")
        counts[path] = 1 if axis is None else shape[axis]
    if len(set(counts.values())) != 1:
        raise ValueError(
            f"`symmetries` holds one whose leaves do not have equally many units: {counts}."
        )
    return counts.popitem()[1]


def _places(paths, axis):
    if isinstance(paths, Mapping):
        return tuple((str(path), place) for path, place in paths.items())
    if isinstance(paths, str) or not all(isinstance(path, str) for path in paths):
        raise ValueError(
            f"paths must be a list of text such as ['dense_0/kernel'], or a mapping to axes; got {paths!r}."
        )
    return tuple((path, axis) for path in paths)
