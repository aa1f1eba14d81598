"""Stochastic Lanczos quadrature."""

import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from lsgeo.checks import check_count, check_key, check_one_of
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.progress import expect, say, watched
from lsgeo.spectra.densities.density import SpectralDensity
from lsgeo.spectra.krylov import lanczos, planning
from lsgeo.spectra.krylov._resume import StateFile
from lsgeo.spectra.krylov.basis import PLACES


@watched
def spectral_density(
    op: LinearOperator,
    *,
    key: jax.Array,
    num_probes: int = 8,
    num_steps: int = 64,
    basis: str = "auto",
    state_file: str | os.PathLike | None = None,
    save_every: int = 8,
    progress: Callable[[int, int, str], Any] | None = None,
) -> SpectralDensity:
    """Estimates the eigenvalue density of a symmetric operator.

    Stochastic Lanczos quadrature (Golub and Welsch 1969; Ubaru, Chen and Saad 2017). Costs num_probes *
    num_steps products, fewer where a Krylov space is exhausted.

    Args:
      op: symmetric operator on [n].
      key: typed random key; the probes, uniform on the sphere, depend on it alone.
      num_probes: independent start vectors; the error bars come from the known law of a spherical
        probe, and narrow as 1 / sqrt(num_probes).
      num_steps: Lanczos steps per probe, at most n are taken; moments up to 2 * num_steps - 1 are exact for
        each probe.
      basis: where the Lanczos vectors live: "device", "host", "none" (a three-vector recurrence: outlying
        nodes then come in copies that share their weight, and the density stays right but refuses to count;
        Cullum and Willoughby 1985, Greenbaum 1989) or, by the memory there is, "auto".
      state_file: path of a file that the run's state is saved to every `save_every` steps. A call with the
        same arguments goes on from it, to the same result to the bit; it is deleted when the run ends.
      save_every: steps between two saves.
      progress: called after every step with the steps done, their total and a line of text; without it a line
        shows in a terminal, see `lsgeo.progress`.

    Returns:
      SpectralDensity with nodes and weights [num_probes, num_steps] in the units of op. `num_matvecs` also
      counts the product, if there is a `state_file`, that tells whether it is this operator's.

    Raises:
      ValueError: if an argument is out of range, a product is not finite, or `state_file` is damaged or
        belongs to another run.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense, spectral_density
      >>> density = spectral_density(dense(jnp.diag(jnp.array([1.0, 2.0, 3.0]))), key=jax.random.key(0))
      >>> [round(float(x), 4) for x in density.nodes[0, :3]]
      [1.0, 2.0, 3.0]
    """
    check_operator(op)
    check_key(key)
    check_count(num_probes, "num_probes")
    check_count(num_steps, "num_steps")
    check_count(save_every, "save_every")
    check_one_of(basis, "basis", PLACES)
    steps = min(num_steps, op.shape[0])
    place = planning.place(op, steps + 1, basis, none=True)
    expect(num_probes * steps, quiet=progress is not None)
    saved = None
    if state_file is not None:
        saved = StateFile(state_file, op, key, steps, place)
    rules, state = saved.load() if saved else ([], None)
    for probe in range(len(rules), num_probes):
        if state is None:
            state = lanczos.start(op, key=jax.random.fold_in(key, probe), place=place)
        while (taken := len(state.alphas)) < steps and (not taken or state.betas[-1]):
            if saved and taken and taken % save_every == 0:
                saved.save(rules, state)
            lanczos.advance(op, state)
            text = f"probe {probe + 1} of {num_probes}, step {taken + 1} of {steps}"
            say(text)
            if progress is not None:
                progress(probe * steps + taken + 1, num_probes * steps, text)
        rules.append(state.rule)
        state = None
    if saved:
        saved.delete()
    return density_of(rules, num_steps, op, int(state_file is not None), place != "none")


def density_of(
    rules: list[lanczos.Tridiagonal],
    length: int,
    op: LinearOperator,
    more_matvecs: int = 0,
    orthogonal: bool = True,
) -> SpectralDensity:
    """Makes Gauss quadrature rules, padded to `length` nodes, out of Lanczos coefficients."""
    nodes, weights = zip(*(_quadrature(rule, length) for rule in rules), strict=True)
    nodes, weights = np.stack(nodes), np.stack(weights)
    noise = float(op.noise) * np.abs(nodes).max()
    num_matvecs = sum(len(rule.alphas) for rule in rules) + more_matvecs
    return SpectralDensity(nodes, weights, op.shape[0], noise, num_matvecs, orthogonal)


def _quadrature(rule, length):
    m = rule.num_connected
    values, vectors = lanczos.Tridiagonal(rule.alphas[:m], rule.betas[:m]).eigh()
    weights = vectors[0] ** 2
    padding = length - m
    return np.pad(values, (0, padding), mode="edge"), np.pad(weights / weights.sum(), (0, padding))
