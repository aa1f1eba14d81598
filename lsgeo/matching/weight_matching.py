"""Permutes the units of one network so that its weights come closest to another's."""

import dataclasses
from typing import Any

import jax
import numpy as np

from lsgeo import trees
from lsgeo.checks import check_count, check_key, check_same
from lsgeo.draws import generator
from lsgeo.matching import axes
from lsgeo.matching._quadratic_assignment import best_assignment, relaxed_assignment
from lsgeo.matching.permutation_groups import PermutationGroups, Permutations


@trees.frozen
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
    which makes its problem quadratic: there a relaxed solution (`quadratic_assignment`) is taken if it
    lowers the distance. The end is a local optimum (the problem is NP-hard), so there are several starts. The
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
    check_same(target, params, "target", "params")
    for name, tree in (("target", target), ("params", params)):
        trees.check_finite(tree, name)
    permuted = groups.permute(params, groups.identity())
    random, goal = generator(key), list(map(_wide, jax.tree.leaves(target)))
    terms = _terms(groups, goal)
    ends = []
    for start in range(num_starts):
        search = _Search(groups, terms, goal, permuted)
        if start == 0:
            search.settle()
        elif start > 1:
            search.jump(random)
        ends.append((search.climb(random, max_sweeps), search))
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
    others: frozenset[int]  # groups in the leaf's other places; this one too if it is on other axes
    again: tuple[tuple[int, np.ndarray], ...]  # this group's places on other axes, (axis, rows)


def _terms(groups, target):
    return [[*_terms_of(groups, target, axes.Atom(n, k))] for k, n in enumerate(groups.sizes)]


def _terms_of(groups, target, atom):
    for leaf, shape in enumerate(groups.layout.params.shapes):
        met = [(i, rows) for i, axis in enumerate(shape) for rows in axes.places(axis, atom)]
        there = {other.number for axis in shape for other in axes.atoms(axis)} - {atom.number}
        for axis, rows in met:
            again = tuple(place for place in met if place[0] != axis)
            others = frozenset(there | ({atom.number} if again else set()))
            yield _Term(leaf, axis, rows, _part(target[leaf], axis, rows), others, again)


def _part(leaf, axis, rows):
    return np.moveaxis(leaf, axis, 0)[rows].reshape(len(rows), -1)


def _mixed(leaf, places, p):
    # Units replaced by their mixtures under a doubly stochastic matrix.
    for axis, rows in places:
        moved = np.moveaxis(leaf.copy(), axis, 0)
        moved[rows] = np.tensordot(p, moved[rows], 1)
        leaf = np.moveaxis(moved, 0, axis)
    return leaf


class _Search:
    """A network on its way: its leaves under the permutations found so far."""

    def __init__(self, groups, terms, target, params):
        self._groups, self._terms, self._target = groups, terms, target
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
            self._move(k, best_assignment(self._scores(anchored[i] or self._terms[k])))
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
        self._move(k, self._proposal(k))
        if self._similarity(k) > before + 1e-10 * abs(before):
            return True
        for i, leaf in kept[0].items():
            self.leaves[i] = leaf
        self.permutations[k] = kept[1]
        return False

    def _proposal(self, k):
        once = self._scores([term for term in self._terms[k] if not term.again])
        twice = [term for term in self._terms[k] if term.again]
        if not twice:
            return best_assignment(once)
        present = np.eye(self._groups.sizes[k])
        return relaxed_assignment(lambda p: once + self._scores(twice, p), present)

    def _scores(self, terms, p=None):
        scores = 0.0
        for term in terms:
            leaf = self.leaves[term.leaf]
            if p is not None:
                leaf = _mixed(leaf, term.again, p)
            scores = scores + term.target @ _part(leaf, term.axis, term.rows).T
        return scores

    def _similarity(self, k):
        return sum(np.vdot(self._target[i], self.leaves[i]) for i in self._leaves_of[k])

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
