"""Second moments as a preconditioner: whatever is accepted is what the optimiser's own step divides by."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import contrib

import lsgeo
from tests import oracles

RATE, B1 = 1e-2, 0.9


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.adam(1e-3, b2=0.9, eps=1e-3),
        optax.chain(optax.clip_by_global_norm(1e9), optax.adamw(1e-3, b2=0.9, eps=1e-3)),
    ],
)
def test_hessian_preconditioned_by_adam_equals_the_explicit_matrix(optimizer):
    loss, params, batch, matrix = oracles.linear_regression()
    state, moments = optimizer.init(params), np.zeros((6, 3))
    for step in range(1, 4):
        gradient = np.random.default_rng(step).standard_normal((6, 3))
        with jax.numpy_dtype_promotion("standard"):  # Optax multiplies by its step count
            _, state = optimizer.update({"w": jnp.asarray(gradient)}, state, params)
        moments = 0.9 * moments + 0.1 * gradient**2
    diagonal = lsgeo.adam_diagonal(state, optimizer, b2=0.9, eps=1e-3)
    expected = np.sqrt(moments / (1 - 0.9**3)) + 1e-3
    np.testing.assert_allclose(diagonal["w"], expected, rtol=1e-12)
    op = lsgeo.hessian(loss, params, batch).precondition(diagonal)
    root = np.sqrt(expected.ravel())
    np.testing.assert_allclose(op.to_dense(), matrix / np.outer(root, root), rtol=1e-10, atol=1e-12)


PARAMS = {"a": jnp.full((3, 2), 0.5), "b": jnp.full(4, 0.25), "c": jnp.ones(())}
GROUPS = {"a": "one", "b": "two", "c": "two"}


def _mean(gradients, nesterov=False):
    """The corrected mean gradient of the last step, by its definition."""
    mean = np.zeros_like(gradients[0])
    for gradient in gradients:
        mean = B1 * mean + (1 - B1) * gradient
    steps = len(gradients)
    if nesterov:
        ahead = B1 * mean / (1 - B1 ** (steps + 1))
        return ahead + (1 - B1) * gradients[-1] / (1 - B1**steps)
    return mean / (1 - B1**steps)


def _trained(optimizer, steps=5):
    """Gradients, the last update and the state after them."""
    random, state = np.random.default_rng(0), optimizer.init(PARAMS)
    seen = []
    for _ in range(steps):
        scales = jax.tree.map(lambda leaf: 10.0 ** random.integers(-4, 2, leaf.shape), PARAMS)
        seen.append(
            jax.tree.map(lambda s: jnp.asarray(s * random.standard_normal(s.shape)), scales)
        )
        with jax.numpy_dtype_promotion("standard"):
            update, state = optimizer.update(seen[-1], state, PARAMS)
    return seen, update, state


def _partition(one, two):
    return optax.partition({"one": one, "two": two}, GROUPS)


def _scheduled():
    return optax.warmup_cosine_decay_schedule(0.0, RATE, 3, 40)


ACCEPTED = {
    "adam": (optax.adam(RATE), {}),
    "adamw": (optax.adamw(RATE, b2=0.95, weight_decay=0.0), {"b2": 0.95}),
    "eps": (optax.adam(RATE, eps=1e-3), {"eps": 1e-3}),
    "eps_root": (optax.adam(RATE, eps_root=1e-4), {"eps_root": 1e-4}),
    "nadam": (optax.nadam(RATE), {}),
    "adamax": (optax.adamax(RATE), {}),
    "amsgrad": (optax.amsgrad(RATE), {}),
    "adabelief": (optax.adabelief(RATE), {}),
    "injected": (optax.inject_hyperparams(optax.adam)(RATE, b2=0.9, eps=1e-5, eps_root=1e-6), {}),
    "one schedule": (optax.adam(lambda count: RATE), {}),
    "if finite": (optax.apply_if_finite(optax.adam(RATE), 2), {}),
    "two equal groups": (_partition(optax.adam(RATE), optax.adam(RATE)), {}),
    "clipped": (optax.chain(optax.clip_by_global_norm(1e9), optax.adam(RATE)), {}),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_update_is_the_mean_gradient_over_the_diagonal(name):
    optimizer, numbers = ACCEPTED[name]
    seen, update, state = _trained(optimizer)
    diagonal = lsgeo.adam_diagonal(state, optimizer, **numbers)
    for leaf in PARAMS:
        mean = _mean([np.asarray(gradient[leaf]) for gradient in seen], name == "nadam")
        np.testing.assert_allclose(-RATE * mean / diagonal[leaf], update[leaf], rtol=1e-6)
        assert (np.asarray(diagonal[leaf]) > 0).all()


def test_yogi_starts_its_mean_at_its_own_number_and_divides_by_its_own_moment():
    # By hand: one step of 3 from moments of 1e-6, and b1 = 0.9, b2 = 0.999, eps = 1e-3.
    optimizer = optax.yogi(RATE)
    with jax.numpy_dtype_promotion("standard"):
        update, state = optimizer.update(jnp.array([3.0]), optimizer.init(jnp.ones(1)))
    diagonal = lsgeo.adam_diagonal(state, optimizer)
    np.testing.assert_allclose(diagonal, np.sqrt((1e-6 + 0.001 * 9) / 0.001) + 1e-3, rtol=1e-9)
    np.testing.assert_allclose(-RATE * (0.9e-6 + 0.3) / 0.1 / diagonal, update, rtol=1e-6)


def test_adamax_is_not_taken_for_adam_though_their_states_are_of_one_class():
    optimizer, params = optax.adamax(1e-3), jnp.ones(2)
    with jax.numpy_dtype_promotion("standard"):
        _, state = optimizer.update(jnp.array([3.0, 4.0]), optimizer.init(params), params)
        adam = optax.adam(1e-3)
        _, other = adam.update(jnp.array([3.0, 4.0]), adam.init(params), params)
    assert jax.tree.structure(state) == jax.tree.structure(other)
    np.testing.assert_allclose(lsgeo.adam_diagonal(state, optimizer), [3.0, 4.0], rtol=1e-6)
    np.testing.assert_allclose(lsgeo.adam_diagonal(other, adam), [3.0, 4.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("optimizer", "decays"),
    [
        (optax.adamw(RATE, weight_decay=0.1), True),
        (optax.adamaxw(RATE, weight_decay=0.1), False),
        (optax.chain(optax.add_decayed_weights(0.1), optax.adam(RATE)), True),
        (optax.adam(_scheduled(), mu_dtype=jnp.bfloat16), True),
        (optax.adam(optax.cosine_decay_schedule(RATE, 5)), True),  # its rate is 0 after five steps
    ],
    ids=["decoupled decay", "adamax", "decay in the gradient", "short mean", "schedule at its end"],
)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_common_uses_of_adam_are_accepted_in_the_precision_of_training(optimizer, decays, dtype):
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), PARAMS)
    state = optimizer.init(params)
    with jax.numpy_dtype_promotion("standard"):
        for _ in range(5):
            _, state = optimizer.update(params, state, params)
    assert jax.tree.structure(lsgeo.adam_diagonal(state, optimizer)) == jax.tree.structure(params)
    if decays:  # nearly right is not right
        with pytest.raises(ValueError, match="divide its step"):
            lsgeo.adam_diagonal(state, optimizer, b2=0.9992)


NO_DIVISION = "`optimizer` does not divide its step as adam"
NO_MOMENTS = "holds no moments of Adam's kind"
NO_STEP = "`optimizer` makes no step of its mean gradient"
REFUSED = {
    "b2 of another": (optax.adam(RATE, b2=0.95), f"{NO_DIVISION}.*factor of about 0.95 at each"),
    "eps of another": (optax.adam(RATE, eps=1e-6), f"{NO_DIVISION}.*Pass its own `b2`, `eps` and"),
    "eps_root of another": (optax.adam(RATE, eps_root=1e-8), NO_DIVISION),
    "rectified": (optax.radam(RATE), NO_DIVISION),
    "trust ratio": (optax.lamb(RATE), NO_DIVISION),
    "adopt": (contrib.adopt(RATE), NO_DIVISION),
    "acprop": (contrib.acprop(RATE), NO_STEP),
    "rates of groups": (_partition(optax.adam(RATE), optax.adam(0.1)), NO_DIVISION),
    "gathering": (optax.MultiSteps(optax.adam(RATE), 2), NO_STEP),
    "no momentum": (optax.adam(RATE, b1=0.0), NO_STEP),
    "frozen group": (
        _partition(optax.adam(RATE), optax.set_to_zero()),
        r"moments of every parameter once; found 0 for parameter \"\['b'\]\"",
    ),
    "muon": (contrib.muon(RATE), "found 0 for parameter"),
    "sgd": (optax.sgd(RATE, momentum=0.9), NO_MOMENTS),
    "lion": (optax.lion(RATE), NO_MOMENTS),
    "novograd": (optax.novograd(RATE), NO_MOMENTS),
    "adan": (optax.adan(RATE), NO_MOMENTS),
    "rmsprop": (optax.rmsprop(RATE), NO_MOMENTS),
    "centred": (optax.rmsprop(RATE, centered=True, bias_correction=True), NO_MOMENTS),
    "without a schedule": (contrib.schedule_free_adamw(RATE), NO_MOMENTS),
    "two slow means": (contrib.ademamix(RATE), NO_MOMENTS),
}


@pytest.mark.parametrize("name", REFUSED)
def test_optimiser_without_such_a_diagonal_or_with_other_numbers_is_refused(name):
    optimizer, message = REFUSED[name]
    state = _trained(optimizer, 4)[2]
    with pytest.raises(ValueError, match=message):
        lsgeo.adam_diagonal(state, optimizer)


def test_numbers_that_contradict_the_injected_ones_are_refused():
    optimizer = optax.inject_hyperparams(optax.adam)(RATE, b2=0.9)
    state = _trained(optimizer)[2]
    with pytest.raises(ValueError, match="factor of about 0.9 at each step"):
        lsgeo.adam_diagonal(state, optimizer, b2=0.999)
    # A number that was changed in the state is the one that counts from the next step on.
    state.hyperparams["b2"] = jnp.asarray(0.5)
    expected = np.sqrt(np.asarray(state.inner_state[0].nu["b"]) / (1 - 0.5**5)) + 1e-8
    np.testing.assert_allclose(lsgeo.adam_diagonal(state, optimizer)["b"], expected, rtol=1e-6)


ADAM = optax.adam(RATE)


@pytest.mark.parametrize(
    ("state", "optimizer", "options", "message"),
    [
        ((ADAM.init(PARAMS),) * 2, ADAM, {}, "has taken no step"),
        ((_trained(ADAM)[2],) * 2, ADAM, {}, r"found 2 for parameter \"\['a'\]\""),
        ((_trained(ADAM)[2], 1), ADAM, {}, "no state of `optimizer`: their structures differ"),
        (ADAM.init(PARAMS), ADAM, {}, "has taken no step"),
        (_trained(ADAM)[2], None, {}, "`optimizer` must be the Optax optimiser.*got NoneType"),
        (
            _trained(ADAM)[2],
            optax.adam,
            {},
            "`optimizer` must be the Optax optimiser.*got function",
        ),
        (None, ADAM, {"b2": 1.0}, "`b2` must lie strictly between 0 and 1"),
        (None, ADAM, {"eps": 0.0}, "`eps` must be positive"),
        (None, ADAM, {"eps_root": -1.0}, "`eps_root` must be at least 0"),
    ],
)
def test_bad_arguments_are_named(state, optimizer, options, message):
    with pytest.raises(ValueError, match=message):
        lsgeo.adam_diagonal(state, optimizer, **options)


def test_optimiser_that_cannot_be_asked_is_told_so():
    def update(updates, state, params=None, *, value):
        return ADAM.update(updates, state, params)

    optimizer = optax.GradientTransformationExtraArgs(ADAM.init, update)
    with pytest.raises(ValueError, match="`optimizer` could not be asked.*Pass the Adam inside it"):
        lsgeo.adam_diagonal(_trained(ADAM)[2], optimizer)


def test_asking_costs_no_second_compilation_for_the_same_optimiser():
    traces = []

    @functools.wraps(ADAM.update)
    def update(*args):
        traces.append(1)
        return ADAM.update(*args)

    optimizer, state = optax.GradientTransformation(ADAM.init, update), _trained(ADAM)[2]
    for _ in range(3):
        lsgeo.adam_diagonal(state, optimizer)
    assert len(traces) == 1
