"""The loop on least squares, where every iterate has a closed form or a NumPy twin."""

import dataclasses
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import trees
from lsgeo.training import Recipe, fit, start
from tests.training.least_squares import DATA, KEY, gradient, loss, numpy_loss, params, run


def descent(steps, rate=0.1, momentum=0.0):
    p, velocity = params(), {"w": 0.0, "b": 0.0}
    path = [p]
    for _ in range(steps):
        g = gradient(p)
        velocity = {k: momentum * velocity[k] + g[k] for k in g}
        p = {k: p[k] - rate * velocity[k] for k in p}
        path.append(p)
    return path


@pytest.mark.parametrize(("optimizer", "momentum"), [("sgd", 0.0), ("momentum", 0.9)])
def test_full_batch_iterates_equal_those_of_numpy(optimizer, momentum):
    recipe = Recipe(optimizer=optimizer, learning_rate=0.1, max_steps=7, eval_every=2)
    result, notes = run(recipe)
    path = descent(7, momentum=momentum)
    for name, value in result.params.items():
        np.testing.assert_allclose(value, path[7][name], rtol=1e-12)
    assert list(notes.losses) == [0, 2, 4, 6, 7]
    np.testing.assert_allclose(
        list(notes.losses.values()), [numpy_loss(path[i]) for i in notes.losses], rtol=1e-12
    )
    assert (result.status, result.step) == ("trained", 7)
    assert str(result) == f"trained at step 7, training loss {result.loss:.4g}"


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32, jnp.float64])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_parameters_keep_their_dtype_and_the_average_has_it_too(optimizer, dtype):
    recipe = Recipe(
        optimizer=optimizer, weight_decay=0.1, decay="loss", clip_norm=1.0, ema=0.5, max_steps=3
    )
    first, data = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), (params(), DATA))
    result = fit(loss, start(first, recipe), data, recipe, key=KEY)
    chex.assert_trees_all_equal_shapes_and_dtypes(result.params, result.average, first)
    chex.assert_tree_all_finite(result.params)
    assert result.step == 3 and np.abs(result.params["w"]).max() > 0


def test_first_adam_step_has_the_length_of_the_learning_rate_in_every_coordinate():
    result, _ = run(Recipe(optimizer="adam", learning_rate=0.01, max_steps=1))
    sign = jax.tree.map(lambda g: -0.01 * np.sign(g), gradient(params()))
    jax.tree.map(lambda p, s: np.testing.assert_allclose(p, s, rtol=1e-5), result.params, sign)


def test_a_snapshot_is_the_first_iterate_at_or_under_its_level_with_its_own_loss():
    losses = [numpy_loss(p) for p in descent(30)]
    levels = (0.9 * losses[0], 0.5 * losses[0], 0.5 * losses[0] + 1e-9, 1e-9)
    result, notes = run(
        Recipe(optimizer="sgd", learning_rate=0.1, max_steps=30, loss_levels=levels)
    )
    expected = [
        next((i for i, value in enumerate(losses) if value <= level), -1)
        for level in sorted(levels, reverse=True)
    ]
    assert list(result.reached) == expected
    assert expected[-1] == -1 and expected[1] == expected[2] > expected[0]
    assert f"loss_{1e-9}" not in notes.snapshots
    names = list(notes.snapshots)
    assert (names[0], names[-1]) == ("init", "end")
    for step, value, kept in notes.snapshots.values():
        np.testing.assert_allclose(value, losses[step], rtol=1e-12)
        np.testing.assert_allclose(numpy_loss(kept), value, rtol=1e-12)


def test_training_stops_at_the_first_loss_no_higher_than_stop_loss():
    losses = [numpy_loss(p) for p in descent(30)]
    recipe = Recipe(optimizer="sgd", learning_rate=0.1, max_steps=30, stop_loss=losses[5] + 1e-9)
    result, notes = run(recipe)
    assert (result.status, result.step) == ("stopped", 5)
    assert notes.snapshots["end"][0] == 5
    np.testing.assert_allclose(numpy_loss(result.params), losses[5], rtol=1e-12)


def test_divergence_is_a_result_and_keeps_the_last_finite_parameters():
    recipe = Recipe(optimizer="sgd", learning_rate=1e80, max_steps=30, eval_every=7)
    result, notes = run(recipe)
    assert result.status == "diverged"
    assert 1 <= result.step < 30 and not math.isfinite(result.loss)
    begin = f"diverged at step {result.step}, training loss "
    assert str(result).startswith(begin)
    assert str(result).endswith(": failed to train, at learning rate 1e+80")
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.params))
    assert "end" not in notes.snapshots and not math.isfinite(notes.losses[result.step])


def test_minibatches_are_measured_on_all_examples_and_the_order_depends_on_the_key():
    value = jax.jit(loss)

    def evaluate(p):
        return value(p, DATA)

    recipe = Recipe(optimizer="sgd", learning_rate=0.1, batch_size=5, max_steps=9, eval_every=4)
    result, notes = run(recipe, evaluate)
    again, _ = run(recipe, evaluate)
    other = fit(
        loss, start(params(), recipe), DATA, recipe, key=jax.random.key(1), evaluate=evaluate
    )
    assert list(notes.losses) == [0, 4, 8, 9]
    np.testing.assert_allclose(notes.losses[9], numpy_loss(result.params), rtol=1e-12)
    np.testing.assert_array_equal(result.params["w"], again.params["w"])
    assert not np.allclose(result.params["w"], other.params["w"])


def test_an_epoch_of_minibatches_visits_distinct_examples():
    # The gradient of this loss is the mean of one-hot rows: the parameters count the visits.
    visits = {"row": np.eye(12)}
    recipe = Recipe(optimizer="sgd", learning_rate=4.0, batch_size=4, max_steps=6, eval_every=6)
    result = fit(
        lambda p, batch: -(batch["row"] @ p["n"]).mean(),
        start({"n": np.zeros(12)}, recipe),
        visits,
        recipe,
        key=KEY,
        evaluate=lambda p: 1.0,
    )
    np.testing.assert_allclose(result.params["n"], np.full(12, 2.0))  # Two epochs of three steps.


@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_going_on_from_a_state_gives_the_same_bits(optimizer):
    recipe = Recipe(optimizer=optimizer, batch_size=5, max_steps=11, eval_every=3, save_every=4)
    recipe = dataclasses.replace(recipe, loss_levels=(1e9,))
    whole, notes = run(recipe, lambda p: 1.0)
    assert [state["step"] for state in notes.states] == [4, 8]
    state = start(params(), recipe)
    saved = notes.states[0]
    leaves = map(jnp.asarray, jax.tree.leaves(saved["opt_state"]))
    state = dataclasses.replace(
        state,
        params=saved["params"],
        opt_state=jax.tree.unflatten(jax.tree.structure(state.opt_state), leaves),
        step=4,
        reached=[int(r) for r in saved["reached"]],
    )
    rest = fit(loss, state, DATA, recipe, key=KEY, evaluate=lambda p: 1.0)
    jax.tree.map(np.testing.assert_array_equal, rest.params, whole.params)
    assert rest.reached == whole.reached == (0,)


def test_learning_rates_and_loss_values_share_one_trace():
    value = chex.assert_max_traces(lambda shift, p, batch: loss(p, batch) + shift, n=1)

    @jax.tree_util.register_dataclass
    @dataclasses.dataclass(frozen=True)
    class Shifted:
        shift: jax.Array

        def __call__(self, p, batch):
            return value(self.shift, p, batch)

    for rate in (0.1, 0.2):
        recipe = Recipe(optimizer="sgd", learning_rate=rate, max_steps=4)
        run(recipe, function=Shifted(jnp.asarray(rate)))


def test_divergence_on_minibatches_is_seen_at_its_step_between_two_measurements():
    recipe = Recipe(optimizer="sgd", learning_rate=1e80, batch_size=4, max_steps=30, eval_every=25)
    value = jax.jit(loss)
    result, notes = run(recipe, lambda p: value(p, DATA))
    # The gradient grows by 1e80 a step: float64 ends at the second square.
    assert (result.status, result.step) == ("diverged", 2)
    assert list(notes.losses) == [0, 2] and not math.isfinite(result.loss)
    jax.tree.map(np.testing.assert_array_equal, result.params, params())  # Those of step 0.


def test_snapshots_come_at_the_steps_and_epochs_asked_for_and_are_measured_there():
    value = jax.jit(loss)
    fields = {"snapshot_steps": (5, 2), "snapshot_epochs": (2,), "ema": 0.5}
    recipe = Recipe(optimizer="sgd", batch_size=4, max_steps=8, eval_every=8, **fields)
    _, notes = run(recipe, lambda p: value(p, DATA))
    steps = {name: step for name, (step, _, _) in notes.snapshots.items()}
    assert steps == {"init": 0, "step_2": 2, "step_5": 5, "epoch_2": 6, "end": 8, "average": 8}
    assert set(recipe.snapshot_names) == set(steps)
    for _, measured, kept in notes.snapshots.values():
        np.testing.assert_allclose(measured, numpy_loss(kept), rtol=1e-12)
    assert list(notes.losses) == [0, 8]
    full, seen = run(Recipe(max_steps=4, snapshot_epochs=(3,), snapshot_steps=(3,)))
    assert seen.snapshots["epoch_3"][:2] == seen.snapshots["step_3"][:2] != (3, full.loss)


def test_a_loss_that_follows_the_step_is_traced_once_and_measured_with_its_step():
    # Once for the full batch, once for batches.
    value = chex.assert_max_traces(lambda gate, p: gate * p["n"] ** 2 / 2, n=2)

    @trees.register_dataclass
    @dataclasses.dataclass(frozen=True)
    class Gated:
        gate: float

        def __call__(self, p, batch):
            return value(self.gate, p)

    # p <- p - 0.1 gate(t) p
    recipe = Recipe(optimizer="sgd", learning_rate=0.1, max_steps=5, eval_every=1)
    start_at = {"n": np.ones(())}
    gates = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    expected = np.cumprod([1.0, *(1 - 0.1 * gate for gate in gates[:5])])
    measured = []

    def evaluate(p, step):
        measured.append((step, float(p["n"])))
        return 1.0

    for size, given in ((0, None), (3, evaluate)):
        result = fit(
            Gated(0.0),
            start(start_at, recipe),
            DATA,
            dataclasses.replace(recipe, batch_size=size),
            key=KEY,
            evaluate=given,
            loss_at=lambda step: Gated(gates[step]),
        )
        np.testing.assert_allclose(result.params["n"], expected[-1], rtol=1e-12)
        if given is None:
            np.testing.assert_allclose(result.loss, gates[5] * expected[-1] ** 2 / 2, rtol=1e-12)
    np.testing.assert_allclose([value for _, value in measured], expected, rtol=1e-12)
    assert [step for step, _ in measured] == list(range(6))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"optimizer": "lion"},
            "Unknown `optimizer`: 'lion'. Choose one of: adam, adamw, m",
        ),
        ({"learning_rate": 0.0}, "`learning_rate` must be positive; got 0.0"),
        ({"learning_rate": math.nan}, "`learning_rate` must be positive; got nan"),
        ({"loss_levels": (1.0, -0.5)}, "`loss_levels` must be positive"),
        ({"stop_loss": -1.0}, "`stop_loss` must be 0 or positive"),
        ({"eval_every": 0}, "`eval_every` must be at least 1; got 0"),
        ({"batch_size": -1}, "`batch_size` must be at least 0; got -1"),
        ({"max_steps": -1}, "`max_steps` must be at least 0"),
    ],
)
def test_recipes_refuse_bad_fields_by_name(fields, text):
    with pytest.raises(ValueError, match=text):
        Recipe(**fields)


def test_batches_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="`batch_size` is 13, but there are 12 training examples"):
        run(Recipe(batch_size=13), lambda p: 1.0)
    with pytest.raises(ValueError, match="`evaluate` is missing"):
        run(Recipe(batch_size=4))
