"""One search for a critical point, and what was found."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import lsgeo
from experiments.common.network import Network
from experiments.critical_points._starts import METHODS, TOLERANCES, Start
from lsgeo import draws, trees
from lsgeo.results import entries

FOUND = ("kind", "loss", "gradient_norm", "newton_gain", "kernel_share", "threshold")
DENSE = 1024  # rows up to which the index is that of the dense matrix


def start_of(network: Network, number: int, noise: float, key: jax.Array) -> Any:
    """The checkpoint itself for the first start, and for others with noise in proportion to each leaf."""
    if number == 0:
        return network.params
    leaves, treedef = jax.tree.flatten(network.params)
    keys = jax.random.split(key, len(leaves))
    moved = [
        leaf + noise * jnp.sqrt(jnp.mean(leaf**2)) * jax.random.normal(one, leaf.shape, leaf.dtype)
        for leaf, one in zip(leaves, keys, strict=True)
    ]
    return jax.tree.unflatten(treedef, moved)


def search(config: Any, network: Network, start: Start, method: str) -> dict[str, Any]:
    """Searches from one start by one method, and classifies the end; methods share their draws."""
    first, second = jax.random.split(draws.named(jax.random.key(config.seed), str(start)))
    problem = (network.loss, start_of(network, start.number, config.noise, first), network.batch)
    inner = {} if method == "gradient_norm" else {"inner_steps": config.inner_steps}
    found = METHODS[method](*problem, tol=config.tol, num_steps=config.num_steps, **inner)
    point = lsgeo.classify_critical_point(
        network.loss, found.params, network.batch, key=second, **entries(config, TOLERANCES)
    )
    size = trees.space_of(found.params).size
    index = entries(point, ("index_lower", "index", "index_upper"))
    if size <= DENSE:
        op = lsgeo.hessian(network.loss, found.params, network.batch)
        below = np.linalg.eigvalsh(op.to_dense()) < -point.threshold
        index = dict.fromkeys(index, int(np.sum(below)))
    return {
        **entries(point, FOUND),
        **index,
        "lambda_min": point.curvature.value,
        "lambda_max": point.curvature.upper_end,
        "size": size,
        "start_loss": float(found.losses[0]),
        "start_gradient_norm": float(found.gradient_norms[0]),
        **entries(found, ("losses", "gradient_norms", "num_gradients", "converged", "reason")),
        "num_matvecs": found.num_matvecs + point.num_matvecs,
        "message": str(point),
        "method": method,
        "rows": len(jax.tree.leaves(network.batch)[0]) * network.num_classes,
        **entries(network, ("arm", "step")),
    }
