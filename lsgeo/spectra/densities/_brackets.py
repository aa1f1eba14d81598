"""The best bounds on a distribution of which only a Gauss rule is known.

An m-node Gauss rule fixes 2m moments of the distribution that one probe sees. Among all distributions with
the first 2m - 1 of them, the share at or below x is least and greatest for the rule that has x among its
nodes; between the two lies the weight of x, the Christoffel function (Szego 1939, section 3.41; Akhiezer
1965, chapter 2). This gap is about the weight of a neighbouring node inside the bulk and falls
exponentially outside it.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

CHUNK = 64  # points whose rules are formed at once
BISECTIONS = 48
RULES = 32  # among which the extreme ones are sought
NEAREST = 1e-150  # to its pole, in units of the space between two nodes


class Rule(NamedTuple):
    """A Gauss rule with distinct nodes; `exact` where it is the whole distribution."""

    nodes: np.ndarray  # (m,)
    weights: np.ndarray  # (m,), positive, sum 1
    exact: bool


def rule(nodes: np.ndarray, weights: np.ndarray, noise: float) -> Rule:
    """Takes one probe's padded rule; nodes within `noise` of their neighbour are one node."""
    exact = len(nodes) > 1 and weights[-1] == 0 and nodes[-1] == nodes[-2]
    seen = weights > 0
    nodes, weights = nodes[seen], weights[seen]
    group = np.concatenate([[0], np.cumsum(np.diff(nodes) > noise)])
    mass = np.bincount(group, weights)
    return Rule(np.bincount(group, weights * nodes) / mass, mass / mass.sum(), bool(exact))


def mirror(found: Rule) -> Rule:
    """The rule of -H."""
    return Rule(-found.nodes[::-1], found.weights[::-1], found.exact)


def shares(found: Rule, x: np.ndarray, *, strict: bool) -> np.ndarray:
    """The rule's own share below x, [k]: of nodes < x where strict, else <= x."""
    sums = np.concatenate([[0.0], np.cumsum(found.weights)])
    sums[-1] = 1.0
    return sums[np.searchsorted(found.nodes, x, side="left" if strict else "right")]


def bounds(found: Rule, x: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Bounds the share below x.

    Args:
      found: one probe's rule.
      x: points [k].
      noise: eigenvalues that near to x may lie on either side of it.

    Returns:
      (lower, upper), each [k]: they hold for the share < x and for the share <= x.
    """
    if found.exact:
        return shares(found, x - noise, strict=True), shares(found, x + noise, strict=False)
    return _tightest(found, x - noise)[0], _tightest(found, x + noise)[1]


def negative_part(found: Rule, noise: float) -> tuple[float, float]:
    """Bounds the mean of max(-lambda, 0), to a hundredth of the distance between the bounds.

    Among all distributions with the first 2m - 1 moments it is least and greatest for rules of m nodes that
    have these moments, for a polynomial of degree 2m - 2 can touch a function with one kink from one side in
    no more than m points. Each of the rules has a node between any two nodes of the Gauss rule.
    """
    nodes, weights, exact = found
    own = np.sum(weights * np.where(nodes < -noise, -nodes, 0))
    mean = np.sum(weights * nodes)
    if exact:
        return own, own
    if len(nodes) == 1:
        return max(-mean, 0.0), np.inf
    gap = np.clip(np.searchsorted(nodes, 0.0), 1, len(nodes) - 1)
    share = (1 - np.cos(np.linspace(0, np.pi, RULES + 2)[1:-1])) / 2
    x = nodes[gap - 1] + share * (nodes[gap] - nodes[gap - 1])
    # The rule with a node at the kink may be extreme, and not smoothly so.
    x = x if np.any(nodes == 0) else np.append(x, 0.0)
    points, mass = _between(found, _target(found, x))
    # The one node outside has the rest of the mean, and its sign.
    outside = mean - np.sum(mass * points, axis=1)
    parts = np.append(np.sum(mass * np.maximum(-points, 0), axis=1) + np.maximum(-outside, 0), own)
    slack = 0.01 * np.ptp(parts) + noise
    return max(parts.min() - slack, -mean, 0.0), parts.max() + slack


def _tightest(found, x):
    lower, upper = shares(found, x, strict=True), shares(found, x, strict=False)
    # At a node the rule itself is the one that is asked for.
    others = np.flatnonzero(np.isfinite(x) & (lower == upper))
    if len(found.nodes) == 1:
        lower[others], upper[others] = 0.0, 1.0
        return lower, upper
    for begin in range(0, len(others), CHUNK):
        part = others[begin : begin + CHUNK]
        lower[part], gap = _prescribed(found, x[part])
        upper[part] = lower[part] + gap
    return lower, np.minimum(upper, 1.0)


def _prescribed(found, x):
    # Weights below x and at x, each [k], of the rule with node x. Its other nodes lie one between every two
    # nodes of the Gauss rule, where the resolvent's last element is what it is at x, except for one that lies
    # outside: its weight is what the others leave.
    nodes, weights, _ = found
    target = _target(found, x)
    _, mass = _between(found, target)
    gap = _christoffel(nodes - x[:, None], nodes, weights)
    left, right = nodes[1:] <= x[:, None], nodes[:-1] >= x[:, None]
    below, above = (np.sum(mass * side, axis=1) for side in (left, right))
    outside_left = (target > 0) & (x > nodes[0])
    return np.where(outside_left, np.maximum(1 - gap - above, below), below), gap


def _target(found, x):
    # The last diagonal element of (T - x)^-1 is the same at all nodes of one rule.
    return np.sum(_last_weights(found.nodes, found.weights) / (found.nodes - x[:, None]), axis=1)


def _between(found, target):
    # Nodes and weights [k, m - 1], of the rules given by `target`, between the nodes of `found`. A converged
    # node has one so near that only its distance, in logarithms, tells them apart.
    nodes, weights, _ = found
    last, step = _last_weights(nodes, weights), np.diff(nodes)
    middle = nodes[:-1] + step / 2
    at_left = np.sum(last / (nodes - middle[:, None]), axis=1) > target[:, None]
    pole = np.arange(len(step)) + ~at_left
    apart, sign = (nodes - nodes[:, None])[pole], np.where(at_left, 1.0, -1.0)
    floor = np.log(NEAREST)
    low, high = np.full(pole.shape, floor), np.full(pole.shape, np.log(0.5))
    for _ in range(BISECTIONS):
        trial = (low + high) / 2
        distance = apart - (sign * step * np.exp(trial))[..., None]
        beyond = (np.sum(last / distance, axis=-1) > target[:, None]) == at_left
        low, high = np.where(beyond, low, trial), np.where(beyond, trial, high)
    offset = sign * step * np.exp((low + high) / 2)
    mass = _christoffel(apart - offset[..., None], nodes, weights)
    return nodes[pole] + offset, np.where(low > floor, mass, weights[pole])


def _christoffel(distance, nodes, weights):
    # The most weight that a distribution with these moments can have at a point.
    logs = np.log(np.abs(distance))
    lagrange = logs.sum(axis=-1, keepdims=True) - logs + _log_barycentric(nodes)
    return np.exp(-special.logsumexp(2 * lagrange - np.log(weights), axis=-1))


def _log_barycentric(nodes):
    apart = np.abs(nodes[:, None] - nodes)
    np.fill_diagonal(apart, 1.0)
    return -np.log(apart).sum(axis=1)


def _last_weights(nodes, weights):
    # First times last component of eigenvector j of T is, up to a factor, the barycentric weight.
    logs = 2 * _log_barycentric(nodes) - np.log(weights)
    return special.softmax(logs)
