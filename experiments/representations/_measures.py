"""What `experiments.representations` measures of one network; each function returns arrays for one file."""

from typing import Any

import jax
import numpy as np

from experiments.common.network import Network, top_chain
from lsgeo import geometry, models
from lsgeo.results import entries

_gradient = jax.jit(models.lesioned_gradient)
_inputs = jax.jit(models.block_inputs, static_argnums=0)
_top = jax.jit(models.stream_gradient, static_argnums=3)


def measure(network: Network, config: Any) -> dict[str, Any]:
    """CKA of the streams, backward lesions, effective depth and residual alignment."""
    blocks, inputs = _taken_apart(network)
    streams = [np.asarray(inputs[block.name]) for block in blocks]
    streams.append(np.asarray(jax.jit(blocks[-1].function)(inputs[blocks[-1].name])))
    # Several streams have their own axis before that of the examples.
    count = len(network.batch["image"])
    alike = geometry.linear_cka([x if len(x) == count else np.moveaxis(x, 0, 1) for x in streams])
    found = {
        "blocks": np.array([block.name for block in blocks]),
        "cka": alike.values,
        "cka_error": alike.standard_errors,
        "cka_biased": alike.biased,
        **_lesions(network),
        **_depths(network, blocks, inputs),
        **_alignment(network, blocks, inputs, config),
    }
    return {**found, "message": _message(found)}


def measure_alignment(network: Network, config: Any) -> dict[str, Any]:
    """Residual alignment alone."""
    blocks, inputs = _taken_apart(network)
    found = _alignment(network, blocks, inputs, config)
    return {**found, "message": _alignment_message(found) if found else "no chain of equal blocks"}


def _taken_apart(network):
    model, variables, images = network.model, network.variables, network.batch["image"]
    return models.blocks(model, variables, images), _inputs(model, variables, images)


def _chain(network, blocks, inputs):
    chain = top_chain(blocks)  # None where there are several streams.
    one = chain and inputs[chain[0].name].shape[0] == len(network.batch["image"])
    return chain if one else []


def _adds(network):
    return not network.model.skip.startswith("none")


def _depths(network, blocks, inputs):
    chain = _chain(network, blocks, inputs)
    if not chain or not _adds(network):
        return {}
    branches = [_branch(block, True) for block in chain]
    below = [inputs[block.name] for block in chain]
    added = [branch(x) for branch, x in zip(branches, below, strict=True)]
    depth = geometry.effective_depth(below, added)
    top = _top(*network.problem, chain[-1].name)
    paths = geometry.gradient_path_energies(branches, below[0], top)
    return {
        "forward_depth": depth.value,
        "forward_error": depth.standard_error,
        "path_depth": paths.mean_length,
        "interference": paths.interference,
    }


def _alignment(network, blocks, inputs, config):
    chain, adds = _chain(network, blocks, inputs), _adds(network)
    if not chain:
        return {}
    found = geometry.residual_alignment(
        [_branch(block, adds) for block in chain],
        inputs[chain[0].name][: config.num_jacobians],
        key=jax.random.key(config.seed),
        adds=adds,
        **entries(config, ("num_directions", "threshold")),
    )
    kept = ("line", "equispaced", "singular_values", "ranks", "residual")
    derived = ("alignment", "consecutive", "chance")
    names = np.array([block.name for block in chain])
    return {"chain": names, **entries(found, (*kept, *derived))}


def reuse(network: Network, start: Any) -> dict[str, Any]:
    """Feature reuse of a DenseNet, and CKA of the features that its layers make."""
    found = geometry.feature_reuse(*network.problem, start=start)
    activations = jax.jit(models.activations, static_argnums=0)
    seen = activations(network.model, network.variables, network.batch["image"])
    made = {name: part for name, part in seen.items() if name.endswith("/branch")}
    names = sorted(made, key=models.block_place)
    alike = geometry.linear_cka([made[name] for name in names])
    kept = ("mean_weights", "standard_errors", "norms", "relative", "loss_changes", "loss")
    near, far = _by_distance(found.relative), _by_distance(found.loss_changes)
    return {
        "sources": np.array(found.sources),
        "targets": np.array(found.targets),
        **entries(found, kept),
        "layers": np.array([name.removesuffix("/branch") for name in names]),
        "cka": alike.values,
        "cka_error": alike.standard_errors,
        "message": (
            f"mean |w| of the newest source {near[0]:.2f} of its start, of the oldest {near[1]:.2f}; "
            f"median loss change {far[2]:.3g} and {far[3]:.3g} nats"
        ),
    }


def _branch(block, adds):
    function = jax.jit(block.function)
    return (lambda x: function(x) - x) if adds else function


def _lesions(network):
    names = models.branch_names(network.model, network.variables, network.batch["image"])
    found = geometry.backward_lesions(
        lambda passed: _gradient(*network.problem, passed.astype(np.float32)), len(names)
    )
    return {
        "branches": np.array(names),
        "lesion_norms": found.norms,
        "lesion_cosines": found.cosines,
        "lesion_shares": found.shares,
        "effective_depth": found.effective_depth,
        "effective_depth_error": found.depth_error,
    }


def _message(found):
    text = (
        f"effective depth {found['effective_depth']:.3g} ± {found['effective_depth_error']:.1g} of "
        f"{len(found['branches'])} branches, CKA of bottom and top {found['cka'][0, -1]:.2f}"
    )
    return f"{text}, {_alignment_message(found)}" if "line" in found else text


def _alignment_message(found):
    return (
        f"line {np.mean(found['line']):.2f}, consecutive cosine {np.mean(found['consecutive']):.2f} "
        f"(chance {found['chance']:.2f}), median rank {np.median(found['ranks']):g}, largest singular value "
        f"{np.mean(found['singular_values'][..., 0]):.3g}"
    )


def _by_distance(matrix):
    # Of targets with several sources: the mean over the newest and over the oldest, and the medians.
    there = (column[np.isfinite(column)] for column in matrix.T)
    ends = np.reshape([column[[-1, 0]] for column in there if len(column) > 1], (-1, 2))
    return (*ends.mean(0), *np.median(ends, axis=0))
