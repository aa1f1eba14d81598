"""Diagonals to precondition with."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from lsgeo.operators import _update_probe

NUMBERS = ("b2", "eps", "eps_root")


class Rule(NamedTuple):
    """How an update divides its mean gradient, and the numbers that Optax takes where none is said."""

    name: str
    state: type  # of the part of the optimiser's state that holds the moments
    moment: str  # its field that the divisor is made of
    divide: Callable  # divide(moment, count, numbers, root), elementwise
    defaults: dict[str, float]


def _corrected(moment, count, numbers, root):
    return root(moment / (1 - numbers["b2"] ** count) + numbers["eps_root"]) + numbers["eps"]


def _plain(moment, count, numbers, root):
    return root(moment + numbers["eps_root"]) + numbers["eps"]


def _itself(moment, count, numbers, root):
    return moment


_ADAM = {"b2": 0.999, "eps": 1e-8, "eps_root": 0.0}
# Adam's state serves Adamax, Yogi, rectified Adam and Adopt too; AdaBelief's has its eps_root inside.
RULES = (
    Rule("adam", optax.ScaleByAdamState, "nu", _corrected, _ADAM),
    Rule("yogi", optax.ScaleByAdamState, "nu", _corrected, {**_ADAM, "eps": 1e-3}),
    Rule("adamax", optax.ScaleByAdamState, "nu", _itself, _ADAM),
    Rule("amsgrad", optax.ScaleByAmsgradState, "nu_max", _plain, _ADAM),
    Rule("adabelief", optax.ScaleByBeliefState, "nu", _corrected, {**_ADAM, "eps": 1e-16}),
)
_STATES = tuple({rule.state for rule in RULES})


def adam_diagonal(
    opt_state: Any,
    optimizer: optax.GradientTransformation,
    *,
    b2: float | None = None,
    eps: float | None = None,
    eps_root: float | None = None,
) -> Any:
    """Returns the diagonal P that Adam, or a relative of it, divides its step by: -lr * m_hat / P.

    With it, `op.precondition(adam_diagonal(opt_state, optimizer))` is the matrix whose largest eigenvalue
    decides whether Adam is stable (Cohen et al. 2022, Adaptive gradient methods at the edge of stability,
    section 2).

    A state does not say whose it is (that of `optax.adamax` is Adam's), nor with which numbers. So the
    optimiser is asked: its updates from made-up moments, on a few numbers for each leaf, must be those of a
    rule that is known here, of its bias correction, and of the numbers given. Known are

      adam, adamw, nadam, nadamw  sqrt(nu / (1 - b2^count) + eps_root) + eps
      yogi                        the same, of its own nu
      adabelief                   sqrt(nu / (1 - b2^count)) + eps; eps_root is in nu
      amsgrad                     sqrt(nu_max + eps_root) + eps
      adamax                      nu

    in any `optax.chain`, `inject_hyperparams`, `partition` or `apply_if_finite` that multiplies all of the
    update by one factor and adds what does not depend on the gradient; clipping is left aside.

    Args:
      opt_state: state of the optimiser after one step or more.
      optimizer: the Optax optimiser that it belongs to, at any learning rate but 0.
      b2: decay of the second moment; by default that in the state's `hyperparams`, else Optax's.
      eps: positive, likewise.
      eps_root: likewise.

    Returns:
      A pytree like the parameters, all entries positive, in the units loss / parameter.

    Raises:
      ValueError: if the optimiser follows none of these rules with these numbers (rectified Adam, a trust ratio
        for each layer, learning rates that differ among groups), `opt_state` is not its, does not hold the
        moments of every parameter once, or has taken no step.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> from lsgeo import adam_diagonal
      >>> params, adam = jnp.ones(2), optax.adam(1e-3)
      >>> _, state = adam.update(jnp.array([3.0, 4.0]), adam.init(params), params)
      >>> [round(float(x), 3) for x in adam_diagonal(state, adam)]
      [3.0, 4.0]
    """
    given = {"b2": b2, "eps": eps, "eps_root": eps_root}
    given = {name: value for name, value in given.items() if value is not None}
    _check_numbers(given)
    found = _update_probe.moments(opt_state, _STATES)
    given = {**_update_probe.injected(opt_state, NUMBERS), **given}
    probe = _update_probe.Probe(optimizer, opt_state, found)
    rules = [rule for rule in RULES if all(isinstance(one, rule.state) for one in found)]
    for rule in rules:
        numbers = {**rule.defaults, **given}
        if probe.follows(rule, numbers):
            return _update_probe.merged([_diagonal(rule, one, numbers) for one in found])
    tried = " nor ".join(_spelled(rule, {**rule.defaults, **given}) for rule in rules)
    raise ValueError(
        f"`optimizer` does not divide its step as {tried or 'any rule for such a state'}."
        f"{probe.hint(given.get('b2', _ADAM['b2']))} Pass its own `b2`, `eps` and `eps_root`. One whose step "
        "is no common factor times m_hat / P (rectified Adam, LAMB, groups with rates of their own) has no "
        "such diagonal."
    )


def _diagonal(rule, state, numbers):
    count = int(state.count)
    moments = getattr(state, rule.moment)
    return jax.tree.map(lambda leaf: rule.divide(leaf, count, numbers, jnp.sqrt), moments)


def _spelled(rule, numbers):
    return f"{rule.name} ({', '.join(f'{name}={value:g}' for name, value in numbers.items())})"


def _check_numbers(given):
    if not 0 < given.get("b2", 0.5) < 1:
        raise ValueError(f"`b2` must lie strictly between 0 and 1; got {given['b2']!r}.")
    if not given.get("eps", 1.0) > 0:
        raise ValueError(f"`eps` must be positive; got {given['eps']!r}.")
    if not 0 <= given.get("eps_root", 0.0) < math.inf:
        raise ValueError(f"`eps_root` must be at least 0; got {given['eps_root']!r}.")
