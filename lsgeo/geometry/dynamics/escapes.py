"""From a bad minimum, a plateau or a saddle: does gradient descent get away, and when?"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lsgeo import programs, trees
from lsgeo.checks import check_count, check_fraction, check_key, check_positive
from lsgeo.draws import random_direction
from lsgeo.geometry.dynamics import _optimizer_runs
from lsgeo.geometry.dynamics.escape_times import Escapes
from lsgeo.operators import checks


def escape(
    loss: Callable[[Any, Any], jax.Array],
    starts: Any,
    batch: Any = None,
    *,
    key: jax.Array,
    optimizer: optax.GradientTransformation,
    num_steps: int,
    fraction: float | None = None,
    radius: float | None = None,
    batch_size: int = 0,
    noise: float = 0.0,
    every: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Escapes:
    """Runs an optimiser from many starts and notes when each one escapes.

    A run has escaped when the loss of all examples is first seen below `fraction` of its loss at the start,
    or, with `radius` in place of that, when it is first seen farther than that from its start. One of the two
    is fixed before the run. A run that never gets there is censored at `num_steps`, not left out; one whose
    loss is no longer finite has diverged, which is no escape.

    Run i draws from the i-th key of `key` alone, so that two networks with the same key see the same
    examples at every step. Without mini-batches and noise a run is decided by its start: equal starts then are
    one observation, however many there are.

    Runs go side by side (`vmap`), or one after the other where the loss has convolutions, which are slow in
    compiled loops.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      starts: pytree of parameters with the runs on a further leading axis, [n, ...].
      batch: pytree of arrays with the examples on the leading axis.
      key: typed random key of the mini-batches and the noise.
      optimizer: any optax optimiser, learning rate included, such as optax.sgd(0.1, momentum=0.9); the same
        object for all calls compiles once.
      num_steps: updates that a run is given; a multiple of `every`.
      fraction: of the loss at the start, between 0 and 1; the loss there must be positive.
      radius: distance from the start, in the parameters' units.
      batch_size: examples of an update, drawn independently and with repetition, so that the noise of the
        gradient is that of one example divided by this number; 0 takes all: gradient descent.
      noise: standard deviation of Gaussian noise that is added to every component of the gradient.
      every: steps between two checks, the resolution of the times; each check costs one evaluation of the
        loss of all examples.
      progress: progress(steps done, num_steps); ends early once all runs have escaped or diverged.

    Returns:
      Escapes.

    Raises:
      ValueError: if an argument is out of range, the loss is no real scalar or not finite at a start.

    Example:
      >>> import jax, jax.numpy as jnp, optax
      >>> from lsgeo.geometry import escape
      >>> saddle = lambda w, batch: (w[0] ** 2 - w[1] ** 2) / 2
      >>> starts = jnp.array([[1.0, 1e-3], [1.0, 0.0]])
      >>> settings = {"optimizer": optax.sgd(0.1), "num_steps": 200, "radius": 2.0}
      >>> found = escape(saddle, starts, key=jax.random.key(0), **settings)
      >>> found.times.tolist()  # where the first one's w[1] has moved by 3^(1/2)
      [79.0, inf]
    """
    check_key(key)
    check_count(num_steps, "num_steps")
    check_count(batch_size, "batch_size", 0)
    check_count(every, "every")
    if num_steps % every:
        raise ValueError(f"`num_steps` {num_steps} must be a multiple of `every`, {every}.")
    _check_criterion(fraction, radius)
    if not noise >= 0 or not np.isfinite(noise):
        raise ValueError(f"`noise` must be at least 0 and finite; got {noise!r}.")
    if not isinstance(optimizer, optax.GradientTransformation):
        raise ValueError(
            f"`optimizer` must be an optax optimiser such as optax.sgd(0.1); got {optimizer!r}."
        )
    starts, batch = jax.tree.map(jnp.asarray, (starts, batch))
    count = _number_of_runs(starts)
    _check_batch(batch, batch_size)
    first = jax.tree.map(lambda leaf: leaf[0], starts)
    function = programs.traced(loss, "loss", first, batch)
    checks.check_loss(function, first, batch)
    plan = _optimizer_runs.Plan(optimizer, batch_size, bool(noise), every)
    keys = jax.random.split(key, count)
    apart = "conv_general_dilated" in str(jax.make_jaxpr(function)(first, batch))
    kind = _optimizer_runs.Apart if apart else _optimizer_runs.Together
    walk = kind(plan, function, batch, starts, keys, noise)
    return _watch(walk, num_steps, fraction, radius, progress)


def perturbed_starts(params: Any, *, key: jax.Array, count: int, radius: float) -> Any:
    """Copies of a point, each moved by `radius` in a random direction of its own.

    Args:
      params: pytree of floating-point arrays.
      key: typed random key.
      count: number of copies.
      radius: how far each is moved, in the parameters' units.

    Returns:
      A pytree like `params` with a further leading axis [count, ...], as `escape` takes it.

    Raises:
      ValueError: if `count` is no positive integer or `radius` is negative.
    """
    check_key(key)
    check_count(count, "count")
    if not 0 <= radius < np.inf:
        raise ValueError(f"`radius` must be at least 0 and finite; got {radius!r}.")

    def moved(key):
        direction = random_direction(params, key=key)
        unit = radius / trees.norm(direction)
        return jax.tree.map(lambda p, d: p + (unit * d).astype(p.dtype), params, direction)

    return jax.jit(jax.vmap(moved))(jax.random.split(key, count))


def _check_criterion(fraction, radius):
    if (fraction is None) == (radius is None):
        raise ValueError(
            "one of `fraction` and `radius` says what an escape is; got "
            f"fraction={fraction!r} and radius={radius!r}."
        )
    if fraction is None:
        check_positive(radius, "radius")
    else:
        check_fraction(fraction, "fraction")


def _number_of_runs(starts):
    trees.space_of(starts, "starts")
    sizes = {leaf.shape[:1] for leaf in jax.tree.leaves(starts)}
    if len(sizes) != 1 or () in sizes or (0,) in sizes:
        raise ValueError(
            "`starts` must hold the runs on a common leading axis of every leaf; got lengths "
            f"{sorted(sizes)}. Make them with perturbed_starts, or jnp.stack."
        )
    return sizes.pop()[0]


def _check_batch(batch, batch_size):
    sizes = {leaf.shape[:1] for leaf in jax.tree.leaves(batch)}
    if batch_size and (len(sizes) != 1 or () in sizes or (0,) in sizes):
        raise ValueError(
            f"`batch_size` is {batch_size}, but the leaves of `batch` have no examples on a common leading "
            "axis. Take 0 for all of them."
        )


def _watch(walk, num_steps, fraction, radius, progress):
    losses, distances = walk.look()
    if not np.all(np.isfinite(losses)) or (fraction is not None and not np.all(losses > 0)):
        raise ValueError(
            "`starts` must have a finite loss, and a positive one where `fraction` is given; got "
            f"{losses.min():.3g} to {losses.max():.3g}."
        )
    thresholds = np.full(len(losses), radius, float) if fraction is None else fraction * losses
    times, diverged = np.full(len(losses), np.inf), np.zeros(len(losses), bool)
    seen = [(0, losses, distances)]
    every = walk.plan.every
    for done in range(every, num_steps + 1, every):
        walk.advance(done - every)
        losses, distances = walk.look()
        seen.append((done, losses, distances))
        finite = np.isfinite(losses)
        out = losses < thresholds if fraction is not None else distances > thresholds
        times[out & finite & ~diverged & np.isinf(times)] = done
        diverged |= ~finite & np.isinf(times)
        if progress is not None:
            progress(done, num_steps)
        if np.all(diverged | np.isfinite(times)):
            break
    steps, losses, distances = (np.array(part) for part in zip(*seen, strict=True))
    taken = len(times) * int(steps[-1])
    return Escapes(
        times,
        diverged,
        steps,
        losses.T,
        distances.T,
        thresholds,
        num_steps,
        taken,
        len(times) * len(steps),
        walk.params,
    )
