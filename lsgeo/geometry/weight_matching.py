"""Permutes the units of one network so that its weights come closest to another's."""

import dataclasses
from typing import Any

import jax
import numpy as np
from scipy.optimize import linear_sum_assignment

from lsgeo import trees
from lsgeo.geometry import axes
from lsgeo.geometry.directions import check_like
from lsgeo.geometry.permutation_groups import PermutationGroups, Permutations, generator
from lsgeo.spectra.arguments import check_count, check_key


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
class Matching:
    """A network whose units have been permuted to match another's.

    Attributes:
      params: the permuted parameters, the same function as before.
      permutations: one for each group; `PermutationGroups.permute` applies them to parameters and
        `permute_function` to running statistics.
      distance_before: Euclidean distance of the parameters.
      distance: the distance after matching.
      distances: (starts,) what each start ended at. The matching is a local optimum, the least of these:
        their spread says how much the start matters.
      num_sweeps: passes through all groups, over all starts.
      converged: whether the best start ended because no group could be improved.
    """

    params: Any
    permutations: Permutations
    distance_before: float
    distance: float
    distances: np.ndarray
    num_sweeps: int
    converged: bool

    def __str__(self) -> str:
        best = int(np.sum(self.distances <= self.distance * (1 + 1e-6)))
        return (
            f"Matching: distance {self.distance_before:.4g} to {self.distance:.4g}, reached by {best} of "
            f"{len(self.distances)} starts in {self.num_sweeps} sweeps"
            + ("" if self.converged else ", not converged")
        )


def match_weights(
    groups: PermutationGroups,
    target: Any,
    params: Any,
    *,
    key: jax.Array,
    num_starts: int = 10,
    max_sweeps: int = 100,
) -> Matching:
    """Permutes `params` so that their distance to `target` is as small as can be found.

    Weight matching (Ainsworth, Hayase and Srinivasa 2023, algorithm 1): for one group at a time the best
    permutation, the others held, is a linear assignment problem, solved exactly; groups are gone through in
    random order until none improves. A residual stream meets itself in the weights from stream to stream,
    which makes its problem quadratic; there the linear problem is a proposal, taken if it lowers the
    distance. The end is a local optimum (the problem is NP-hard), so there are several starts. The
    first one is not random: it settles each group by those weights alone whose other units are settled,
    from the input, the outputs and the biases inwards. The second one starts where `params` are.

    Args:
      groups: from `permutation_groups` of the network.
      target: parameters that stay as they are.
      params: parameters to permute.
      key: typed random key of the orders and the random starts.
      num_starts: number of starts.
      max_sweeps: passes through the groups from each start.

    Returns:
      Matching.

    Raises:
      ValueError: if `params` or `target` are not of the network or not finite, or a count is under 1.
    """
    check_key(key)
    check_count(num_starts, "num_starts")
    check_count(max_sweeps, "max_sweeps")
    check_like(params, target, "params")
    for name, tree in (("target", target), ("params", params)):
        trees.check_finite(tree, name)
    permuted = groups.permute(params, groups.identity())
    random, terms = generator(key), _terms(groups, target)
    ends = []
    for start in range(num_starts):
        search = _Search(groups, terms, permuted)
        if start == 0:
            search.settle()
        elif start > 1:
            search.jump(random)
        ends.append((search.climb(random, max_sweeps), search))
    goal = jax.tree.leaves(target)
    distances = np.array([distance(goal, search.leaves) for _, search in ends])
    best = int(np.argmin(distances))
    (sweeps_of_best, found), sweeps = ends[best], sum(end[0] for end in ends)
    return Matching(
        groups.permute(params, found.permutations),
        tuple(found.permutations),
        distance(target, params),
        float(distances[best]),
        distances,
        sweeps,
        sweeps_of_best < max_sweeps,
    )


@dataclasses.dataclass(frozen=True)
class _Term:
    """One place where a group meets a leaf: rows [n, m] of its axis, and the target's part there."""

    leaf: int
    axis: int
    rows: np.ndarray
    target: np.ndarray
    others: frozenset[int]  # groups in the leaf's other places; this one too if it is there twice


def _terms(groups, target):
    found = []
    leaves, shapes = list(map(_wide, jax.tree.leaves(target))), groups.layout.params.shapes
    for k, size in enumerate(groups.sizes):
        mine = []
        for leaf, shape in enumerate(shapes):
            met = [
                (axis, rows)
                for axis, structure in enumerate(shape)
                for rows in axes.places(structure, axes.Atom(size, k))
            ]
            others = {atom.number for structure in shape for atom in axes.atoms(structure)}
            others -= {k} if len(met) == 1 else set()
            for axis, rows in met:
                part = _part(leaves[leaf], axis, rows)
                mine.append(_Term(leaf, axis, rows, part, frozenset(others)))
        found.append(mine)
    return found


def _part(leaf, axis, rows):
    moved = np.moveaxis(leaf, axis, 0)[rows]  # [n, m, ...]
    return moved.reshape(len(rows), -1)


class _Search:
    """A network on its way: its leaves under the permutations found so far."""

    def __init__(self, groups, terms, params):
        self._groups, self._terms = groups, terms
        self._leaves_of = [sorted({term.leaf for term in mine}) for mine in terms]
        self.leaves = list(map(_wide, jax.tree.leaves(params)))
        self.permutations = list(groups.identity())

    def settle(self):
        settled, left = set(), list(range(len(self._terms)))
        while left:
            anchored = [[t for t in self._terms[k] if t.others <= settled] for k in left]
            sizes = [sum(term.target.size for term in mine) for mine in anchored]
            i = int(np.argmax(sizes))
            k = left.pop(i)
            self._move(k, self._assign(anchored[i] or self._terms[k]))
            settled.add(k)

    def jump(self, random):
        for k, size in enumerate(self._groups.sizes):
            self._move(k, random.permutation(size))

    def climb(self, random, max_sweeps):
        for sweep in range(max_sweeps):
            improved = [self._improve(k) for k in random.permutation(len(self._terms))]
            if not any(improved):
                return sweep
        return max_sweeps

    def _improve(self, k):
        kept = {i: self.leaves[i] for i in self._leaves_of[k]}, self.permutations[k]
        before = self._similarity(k)
        self._move(k, self._assign(self._terms[k]))
        if self._similarity(k) > before + 1e-10 * (abs(before) + 1e-300):
            return True
        for i, leaf in kept[0].items():
            self.leaves[i] = leaf
        self.permutations[k] = kept[1]
        return False

    def _similarity(self, k):
        # Each term holds all of the group's part of a leaf; a leaf that it meets twice counts twice.
        return sum(
            np.vdot(t.target, _part(self.leaves[t.leaf], t.axis, t.rows)) for t in self._terms[k]
        )

    def _assign(self, terms):
        scores = sum(t.target @ _part(self.leaves[t.leaf], t.axis, t.rows).T for t in terms)
        return linear_sum_assignment(scores, maximize=True)[1]

    def _move(self, k, step):
        numbered = dict(enumerate(self._groups.identity())) | {k: step}
        for i in self._leaves_of[k]:
            for place, axis in enumerate(self._groups.layout.params.shapes[i]):
                if k in {atom.number for atom in axes.atoms(axis)}:
                    self.leaves[i] = np.take(self.leaves[i], axes.order(axis, numbered), axis=place)
        self.permutations[k] = self.permutations[k][step]


def _wide(leaf):
    return np.asarray(leaf, np.float64)


def distance(one: Any, other: Any) -> float:
    """Euclidean distance of two pytrees, in float64."""
    squares = jax.tree.map(lambda a, b: np.sum(np.square(_wide(a) - _wide(b))), one, other)
    return float(np.sqrt(sum(jax.tree.leaves(squares))))
