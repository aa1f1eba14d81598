"""A leaf of size 0 is a parameter that is not there: no result changes by it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import lsgeo
from lsgeo import draws, geometry, trees

KEY = jax.random.key(0)
R = np.random.default_rng(0)
X, Y = (jnp.asarray(R.standard_normal((12, width))) for width in (3, 2))
BATCH = (X, Y)
BATCHES = [(X[:6], Y[:6]), (X[6:], Y[6:])]
FULL = {
    "a": {"kernel": jnp.asarray(R.standard_normal((3, 4))), "bias": jnp.full(4, 0.1)},
    "b": {"kernel": jnp.asarray(R.standard_normal((4, 2)))},
}
EMPTY = {
    "a": {**FULL["a"], "adapter": jnp.zeros((3, 0)), "none": jnp.zeros((0,))},
    "b": {**FULL["b"], "kernels": jnp.zeros((0, 4, 2))},
}


def predict(params, batch):
    hidden = jnp.tanh(batch[0] @ params["a"]["kernel"] + params["a"]["bias"][None])
    return hidden @ params["b"]["kernel"]


def criterion(outputs, batch):
    return jnp.mean((outputs - batch[1]) ** 2)


def loss(params, batch):
    return criterion(predict(params, batch), batch)


def moved(params, by=0.3):
    def move(leaf):
        steps = jnp.cos((1.0 + by) * jnp.arange(float(leaf.size)))
        return leaf + by * steps.reshape(leaf.shape)

    return jax.tree.map(move, params)


def op(params):
    return lsgeo.hessian(loss, params, BATCH)


def directions(params):
    return geometry.filter_normalized_directions(params, key=KEY)


# Each of params; what it returns must be the same numbers for both.
CASES = {
    **{
        f"hessian, {mode}": functools.partial(
            lambda m, p: lsgeo.hessian(loss, p, BATCH, mode=m).to_dense(), mode
        )
        for mode in (
            "linearized",
            "forward-over-reverse",
            "reverse-over-reverse",
            "finite-difference",
        )
    },
    "hessian, streamed": lambda p: lsgeo.hessian(loss, p, batches=BATCHES).to_dense(),
    "hessian, weighted": lambda p: lsgeo.hessian(
        loss, p, BATCH, weights=np.arange(12.0)
    ).to_dense(),
    "gauss_newton": lambda p: lsgeo.gauss_newton(predict, criterion, p, BATCH).to_dense(),
    "fisher": lambda p: lsgeo.fisher(predict, p, BATCH).to_dense(),
    "empirical_fisher": lambda p: lsgeo.empirical_fisher(loss, p, BATCH).to_dense(),
    "gradient_covariance": lambda p: lsgeo.gradient_covariance(loss, p, BATCH).to_dense(),
    "ntk": lambda p: lsgeo.ntk(predict, p, BATCH).to_dense(),
    "value_gradient_hessian": lambda p: lsgeo.value_gradient_hessian(loss, p, batches=BATCHES)[:2],
    "restrict": lambda p: op(p).restrict("a/*").to_dense(),
    "precondition": lambda p: op(p).precondition(jax.tree.map(jnp.ones_like, p)).to_dense(),
    "adam_diagonal": lambda p: lsgeo.adam_diagonal(
        optax.adam(0.1).update(p, optax.adam(0.1).init(p))[1], optax.adam(0.1)
    ),
    "extreme_eigenpairs": lambda p: lsgeo.extreme_eigenpairs(op(p), key=KEY, basis_size=12),
    "extreme_eigenpairs, from a start": lambda p: lsgeo.extreme_eigenpairs(
        op(p), key=KEY, basis_size=12, start=jax.tree.map(lambda leaf: leaf[None], p)
    ),
    "negative_curvature": lambda p: lsgeo.negative_curvature(op(p), key=KEY, num_steps=6),
    "index_estimate": lambda p: lsgeo.index_estimate(op(p), key=KEY),
    "trace": lambda p: lsgeo.trace(op(p), key=KEY, num_matvecs=12),
    "diagonal": lambda p: lsgeo.diagonal(op(p), key=KEY, num_deflated=3),
    "frobenius_norm": lambda p: lsgeo.frobenius_norm(op(p), key=KEY, num_matvecs=8),
    "spectral_density": lambda p: lsgeo.spectral_density(op(p), key=KEY, num_steps=5),
    "layer_spectra": lambda p: lsgeo.layer_spectra(op(p), key=KEY, num_steps=2),
    "layer_spectra of a layer": lambda p: lsgeo.layer_spectra(op(p), "a/*", key=KEY, num_steps=2),
    "layer_mass": lambda p: lsgeo.layer_mass(lsgeo.extreme_eigenpairs(op(p), key=KEY)),
    "layer_mass of layers": lambda p: lsgeo.layer_mass(
        lsgeo.extreme_eigenpairs(op(p), key=KEY), depth=1
    ),
    "subspace_overlap": lambda p: lsgeo.subspace_overlap(
        lsgeo.extreme_eigenpairs(op(p), key=KEY).vectors, p
    ),
    "block_diagonal_share": lambda p: lsgeo.block_diagonal_share(op(p), key=KEY, depth=1),
    "random_direction": lambda p: draws.random_direction(p, key=KEY),
    "norm": trees.norm,
    **{
        f"random_directions, {kind}, {small}": functools.partial(
            lambda k, s, p: geometry.random_directions(p, key=KEY, normalization=k, small_leaves=s),
            kind,
            small,
        )
        for kind in ("filter", "layer", "global", "raw")
        for small in ("zero", "keep")
    },
    "gradient_direction": lambda p: geometry.gradient_direction(loss, p, BATCH),
    "eigenvector_directions": lambda p: geometry.eigenvector_directions(loss, p, BATCH, key=KEY)[0],
    "plane_through": lambda p: geometry.plane_through(p, moved(p), moved(p, -0.4)),
    "principal_plane": lambda p: geometry.principal_plane(
        [p, moved(p), moved(p, -0.4), moved(p, 2.0)]
    ),
    "surface": lambda p: geometry.surface(
        loss, p, BATCH, directions(p), xs=[-1.0, 0.0, 1.0], ys=[0.0, 1.0]
    ),
    "gradient_smoothness": lambda p: geometry.gradient_smoothness(loss, p, BATCH, steps=[0.1]),
    "linear_barrier": lambda p: geometry.linear_barrier(loss, p, moved(p), BATCH, num_points=3),
    "barrier_along": lambda p: geometry.barrier_along(
        loss,
        geometry.fit_curve(
            loss, p, moved(p), BATCH, key=KEY, optimizer=optax.sgd(0.1), num_steps=3
        ).curve,
        BATCH,
        num_points=3,
    ),
    "newton_mr": lambda p: geometry.newton_mr(loss, p, BATCH, num_steps=2),
    "minimize_gradient_norm": lambda p: geometry.minimize_gradient_norm(
        loss, p, BATCH, num_steps=2
    ),
    "top_subspace": lambda p: geometry.top_subspace(loss, p, BATCH, key=KEY, top=1),
    "perturbed_starts": lambda p: geometry.perturbed_starts(p, key=KEY, count=2, radius=0.1),
    "follow_flow": lambda p: geometry.follow_flow(loss, p, BATCH, until=0.1).params,
    **{
        f"average_sharpness, {ball}, {scaling}": functools.partial(
            lambda b, s, p: geometry.average_sharpness(
                loss, p, BATCH, key=KEY, radius=0.1, ball=b, scaling=s, num_pairs=4
            ),
            ball,
            scaling,
        )
        for ball in ("l2", "linf")
        for scaling in ("magnitude", "filter")
    },
    "worst_sharpness": lambda p: geometry.worst_sharpness(
        loss, p, BATCH, key=KEY, radius=0.1, scaling="filter", num_steps=2, num_starts=2
    ),
    "sam_sharpness": lambda p: geometry.sam_sharpness(loss, p, BATCH, scaling="magnitude"),
    **{
        f"hessian_sharpness, {scaling}": functools.partial(
            lambda s, p: geometry.hessian_sharpness(loss, p, BATCH, key=KEY, scaling=s), scaling
        )
        for scaling in ("magnitude", "filter")
    },
    "pac_bayes_sigma": lambda p: geometry.pac_bayes_sigma(
        loss, p, BATCH, key=KEY, scaling="magnitude", num_pairs=4
    ),
    "filter_radius": lambda p: geometry.filter_radius(loss, p, BATCH, key=KEY, num_directions=4),
    "fisher_rao_norm": lambda p: geometry.fisher_rao_norm(predict, p, BATCH, criterion=criterion),
    "unit_overlap": lambda p: geometry.unit_overlap(
        p, geometry.rescaling(incoming=["a/kernel", "a/bias"], outgoing={"b/kernel": 0})
    ),
    "gradient_norms": lambda p: geometry.gradient_norms(loss, [p], BATCH),
    "gradient_confusion": lambda p: geometry.gradient_confusion(loss, p, BATCH, key=KEY),
    "match_weights": lambda p: (
        geometry.match_weights(
            geometry.permutation_groups(predict, p, BATCH, key=KEY), p, moved(p), key=KEY
        ).distance
    ),
    "match_activations": lambda p: (
        geometry.match_activations(
            geometry.permutation_groups(predict, p, BATCH, key=KEY), predict, p, moved(p), BATCH
        ).distance
    ),
}


def _numbers(result):
    """All the numbers of a result, in order; what has size 0 adds none."""
    if hasattr(result, "__dataclass_fields__") and jax.tree_util.all_leaves([result]):
        result = vars(result)
    leaves = jax.tree.leaves(result)
    kept = [
        np.ravel(leaf) for leaf in leaves if np.size(leaf) and np.asarray(leaf).dtype.kind in "biuf"
    ]
    return np.concatenate([leaf.astype(float) for leaf in kept])


@pytest.mark.parametrize("name", CASES)
def test_an_empty_leaf_changes_no_result(name):
    with jax.numpy_dtype_promotion("standard"):  # Optax promotes by itself
        with_it, without = (_numbers(CASES[name](params)) for params in (EMPTY, FULL))
    assert len(without)
    np.testing.assert_allclose(with_it, without, rtol=1e-7, atol=1e-9)


def test_a_pattern_that_chooses_empty_leaves_alone_is_refused_by_their_names():
    for call in (
        lambda: op(EMPTY).restrict("a/none"),
        lambda: lsgeo.layer_spectra(op(EMPTY), ["a/none", "b/kernels"], key=KEY),
    ):
        with pytest.raises(
            ValueError, match="`pattern` chooses parameters of size 0 alone: a/none"
        ):
            call()


def test_what_goes_by_layers_leaves_out_the_empty_ones():
    names = {"a/bias", "a/kernel", "b/kernel"}
    assert set(lsgeo.layer_spectra(op(EMPTY), key=KEY, num_steps=1)) == names
    assert set(lsgeo.layer_mass(lsgeo.extreme_eigenpairs(op(EMPTY), key=KEY))) == names
    assert set(geometry.gradient_norms(loss, [EMPTY], BATCH).names) == names
