"""By what does an Optax optimiser divide? Its own updates from made-up moments say so.

All runs on a few numbers for each leaf, so that it costs next to nothing whatever the model's size.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

# Before the update: bias correction shows in the first ones, and is over by the last.
COUNTS = (0, 1, 9, 99, 10**6)
# Steps that small trip no clipping behind the optimiser, and dwarf the decay of weights that small.
STEP, WEIGHT = 1e-3, 1e-8
LEAST_DIVISOR = 1e-10
LEAST_MOMENTUM = 1e-3  # a step that is normalised afterwards looks like one without momentum


def moments(opt_state: Any, kinds: tuple[type, ...]) -> list[Any]:
    """Finds the parts of a state that hold moments, of each parameter once and after a step at least."""

    def held(node):
        return isinstance(node, kinds)

    found = [node for node in jax.tree.leaves(opt_state, is_leaf=held) if held(node)]
    if not found:
        raise ValueError(
            "`opt_state` holds no moments of Adam's kind; it must be a state of optax.adam, adamw, nadam, "
            "adamax, amsgrad, adabelief or yogi, as Optax made it. Others have no such diagonal."
        )
    if any(int(node.count) < 1 for node in found):
        raise ValueError("`opt_state` has taken no step: its second moments are zero.")
    merged([node.nu for node in found])
    return found


def merged(parts: Sequence[Any]) -> Any:
    """Puts trees together of which each has what is masked in the others.

    Raises:
      ValueError: if a leaf is masked in all of them, or in fewer than all but one.
    """

    def masked(node):
        return isinstance(node, optax.MaskedNode)

    def only(path, *leaves):
        there = [leaf for leaf in leaves if not masked(leaf)]
        if len(there) == 1:
            return there[0]
        name = jax.tree_util.keystr(path)
        raise ValueError(
            f"`opt_state` must hold the moments of every parameter once; found {len(there)} for parameter "
            f"{name!r}. Pass the state and the optimiser of one Adam that steps all of them."
        )

    try:
        return jax.tree_util.tree_map_with_path(only, *parts, is_leaf=masked)
    except (ValueError, TypeError) as error:
        if str(error).startswith("`opt_state`"):
            raise
        raise ValueError(
            f"`opt_state` holds {len(parts)} sets of moments, of different parameters. Pass one of them, with "
            "its own optimiser."
        ) from error


def injected(opt_state: Any, names: Sequence[str]) -> dict[str, float]:
    """The numbers that `optax.inject_hyperparams` keeps in a state, where it does."""

    def holds(node):
        return isinstance(getattr(node, "hyperparams", None), dict)

    found: dict[str, set[float]] = {}
    for node in filter(holds, jax.tree.leaves(opt_state, is_leaf=holds)):
        for name in node.hyperparams.keys() & set(names):
            found.setdefault(name, set()).add(float(node.hyperparams[name]))
    return {name: values.pop() for name, values in found.items() if len(values) == 1}


class Probe:
    """An optimiser in a given state, on a few numbers for each leaf of the parameters."""

    def __init__(self, optimizer: optax.GradientTransformation, opt_state: Any, found: list[Any]):
        if not (callable(getattr(optimizer, "init", None)) and hasattr(optimizer, "update")):
            raise ValueError(
                "`optimizer` must be the Optax optimiser that made `opt_state`; got "
                f"{type(optimizer).__name__}."
            )
        self._random = np.random.default_rng(0)
        self._optimizer, self._kinds = optimizer, tuple({type(one) for one in found})
        like = merged([one.nu for one in found])
        self._params = jax.tree.map(lambda leaf: self._drawn(leaf, WEIGHT), like)
        with jax.numpy_dtype_promotion("standard"):
            fresh = optimizer.init(self._params)
        if jax.tree.structure(fresh) != jax.tree.structure(opt_state):
            raise ValueError(
                "`opt_state` is no state of `optimizer`: their structures differ. Pass the optimiser that "
                "made it."
            )
        self._state = jax.tree.map(
            lambda new, old: new if self._holds(new) else _numbers_of(new, old),
            fresh,
            opt_state,
            is_leaf=self._holds,
        )
        nodes = self._nodes(fresh)
        self._eps = _rounding([node.nu for node in nodes])
        self._mean_eps = _rounding([node.mu for node in nodes])

    def follows(self, rule: Any, numbers: dict[str, float]) -> bool:
        """Says whether updates are a common factor times m_hat / P, m_hat a corrected mean gradient."""
        factors = []
        for count in COUNTS:
            start = self._start(rule, numbers, count)
            steps, after = self._two(start)
            divisor = rule.divide(
                _flat(self._nodes(after), rule.moment), count + 1, numbers, np.sqrt
            )
            with np.errstate(all="ignore"):
                factor = steps * divisor / _flat(self._nodes(start), "mu")
            middle, slack = np.median(factor), self._slack(count, numbers)
            if not (middle and np.all(np.abs(factor / middle - 1) <= slack)):
                return False
            factors.append(middle)
        return any(self._is_corrected(np.array(factors), numbers, ahead) for ahead in (0, 1))

    def hint(self, b2: float) -> str:
        """What the decay of the second moments seems to be, where it is not `b2`; "" where it is."""

        def ones(node):
            return node._replace(
                mu=jax.tree.map(jnp.ones_like, node.mu), nu=jax.tree.map(jnp.ones_like, node.nu)
            )

        _, after = self._two(self._with(ones))
        seen = float(np.median(_flat(self._nodes(after), "nu")))
        if abs(seen - b2) <= max(0.01 * (1 - b2), 4 * self._eps):
            return ""
        return f" Its second moments decay by a factor of about {seen:.6g} at each step."

    def _is_corrected(self, factors, numbers, ahead):
        # Nesterov's momentum is corrected by the power of one step ahead.
        share = factors[-1] / factors[0]
        if not 0 < share < 1 - LEAST_MOMENTUM:
            return False
        momentum = (1 - share) ** (1 / (1 + ahead))
        for count, factor in zip(COUNTS, factors, strict=True):
            gone = 1 - momentum ** (count + 1 + ahead)
            slack = self._slack(count, numbers) + self._slack(0, numbers) + self._mean_eps
            if abs(factor / factors[-1] * gone - 1) > 4 * slack:
                return False
        return True

    def _slack(self, count, numbers):
        # What rounding leaves of 1 - b2^count, and of the rest.
        return self._eps * (32 + 8 / (1 - numbers["b2"] ** (count + 1)))

    def _start(self, rule, numbers, count):
        def set_moments(node):
            second = jax.tree.map(self._second, node.nu)
            node = node._replace(count=jnp.asarray(count, node.count.dtype), nu=second)
            if rule.moment != "nu":
                node = node._replace(**{rule.moment: second})
            divisor = jax.tree.map(lambda nu: rule.divide(nu, count + 1, numbers, jnp.sqrt), second)
            return node._replace(mu=jax.tree.map(self._first, divisor, node.mu))

        return self._with(set_moments)

    def _two(self, start):
        # Half the difference of two steps from opposite first moments: weight decay falls out.
        mirrored = self._with(
            lambda node: node._replace(mu=jax.tree.map(jnp.negative, node.mu)), start
        )
        zero = jax.tree.map(jnp.zeros_like, self._params)
        try:
            with jax.numpy_dtype_promotion("standard"):
                step = _compiled(self._optimizer.update)
                up, after = step(zero, start, self._params)
                down, _ = step(zero, mirrored, self._params)
        except Exception as error:  # whatever an optimiser of anyone's raises
            raise ValueError(
                f"`optimizer` could not be asked for an update from made-up moments ({error}). Pass the Adam "
                "inside it, and its part of the state."
            ) from error
        difference = _vector(up) - _vector(down)
        if not difference.any():
            raise ValueError(
                "`optimizer` makes no step of its mean gradient in this state: its learning rate is 0 there, "
                "or its decay b1, or it gathers steps. Pass the Adam inside it, and its part of the state."
            )
        return difference / 2, after

    def _with(self, change, state=None):
        return jax.tree.map(
            lambda node: change(node) if self._holds(node) else node,
            self._state if state is None else state,
            is_leaf=self._holds,
        )

    def _nodes(self, state):
        return [node for node in jax.tree.leaves(state, is_leaf=self._holds) if self._holds(node)]

    def _holds(self, node):
        return isinstance(node, self._kinds)

    def _drawn(self, leaf, size):
        shape = tuple(min(length, 2) for length in jnp.shape(leaf))
        half = jnp.finfo(leaf.dtype).bits < 32  # which could not tell one b2 from another
        dtype = jnp.float32 if half else leaf.dtype
        return jnp.asarray(size * self._random.uniform(0.5, 2.0, shape), dtype)

    def _first(self, divisor, leaf):
        # Powers of two, whose products all round alike where the first moments are kept in half precision.
        exponents = jnp.round(jnp.log2(STEP * jnp.maximum(divisor, LEAST_DIVISOR)))
        around = jnp.asarray(self._random.integers(-1, 2, leaf.shape), exponents.dtype)
        return jnp.exp2(exponents + around).astype(leaf.dtype)

    def _second(self, leaf):
        values = 10.0 ** self._random.uniform(-14, 2, leaf.shape)
        values = np.where(self._random.uniform(size=leaf.shape) < 0.2, 0.0, values)
        return jnp.asarray(values, leaf.dtype)


def _numbers_of(new, old):
    # Hyperparameters are those of the state. Schedules are asked in the midst of what was done: at its start
    # and at its end many learning rates are 0.
    if not jnp.ndim(old) == jnp.ndim(new) == 0:
        return new
    return (old + 1) // 2 if jnp.issubdtype(jnp.result_type(old), jnp.integer) else old


@functools.lru_cache(maxsize=16)
def _compiled(update):
    return jax.jit(lambda gradient, state, params: update(gradient, state, params))


def _rounding(trees):
    return max(float(jnp.finfo(leaf.dtype).eps) for leaf in jax.tree.leaves(trees))


def _flat(nodes, field):
    return _vector(merged([getattr(node, field) for node in nodes]))


def _vector(tree):
    leaves = [np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(tree)]
    return np.concatenate(leaves)
