"""Recipes against a NumPy twin of every optimiser, decay, clip and average; schedules against formulas."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo.training import PAPER_RECIPES, Penalized, Recipe, paper_recipe, start
from lsgeo.training.recipes.optimizers import direction_of
from tests.training.least_squares import DATA, gradient, loss, numpy_loss, params, run

STEPS = 6
BASE = Recipe(learning_rate=0.1, max_steps=STEPS, eval_every=1)


def numpy_path(r, rates=None):
    """Iterates and their moving average, written down from the papers' equations."""
    p = params()
    v, m, s = ({k: 0.0 for k in p} for _ in range(3))
    path, average = [p], p
    decays = {"w": r.weight_decay, "b": r.weight_decay if "**" in r.decay_leaves else 0.0}
    group = {"w": 1.0, "b": r.rate_factors[0] if r.rate_factors else 1.0}
    for t in range(STEPS):
        rate = r.learning_rate if rates is None else rates[t]
        g = gradient(p)
        if r.decay == "loss":
            g = {k: g[k] + decays[k] * p[k] for k in p}
        norm = np.sqrt(np.sum(g["w"] ** 2) + g["b"] ** 2)
        if r.clip_norm and norm > r.clip_norm:
            g = {k: g[k] * r.clip_norm / norm for k in p}
        if r.decay == "gradient":
            g = {k: g[k] + decays[k] * p[k] for k in p}
        v = {k: r.momentum * v[k] + g[k] for k in p}
        m = {k: 0.9 * m[k] + 0.1 * g[k] for k in p}
        s = {k: 0.999 * s[k] + 0.001 * g[k] ** 2 for k in p}
        adam = {
            k: (m[k] / (1 - 0.9 ** (t + 1))) / (np.sqrt(s[k] / (1 - 0.999 ** (t + 1))) + 1e-8)
            for k in p
        }
        step = {
            "sgd": g,
            "momentum": v,
            "nesterov": {k: g[k] + r.momentum * v[k] for k in p},
            "adam": adam,
            "adamw": adam,
        }[r.optimizer]
        if r.decay == "decoupled":
            step = {k: step[k] + decays[k] * p[k] for k in p}
        p = {k: p[k] - rate * group[k] * step[k] for k in p}
        average = {k: r.ema * average[k] + (1 - r.ema) * p[k] for k in p}
        path.append(p)
    return path, average


CASES = {
    "nesterov": {"optimizer": "nesterov", "momentum": 0.8},
    "momentum": {"optimizer": "momentum", "momentum": 0.5},
    "adam-decay-in-the-gradient": {"optimizer": "adam", "weight_decay": 0.3},
    "adamw": {
        "optimizer": "adamw",
        "weight_decay": 0.3,
        "decay": "decoupled",
        "decay_leaves": ("w",),
    },
    "sgd-decoupled-and-group": {
        "optimizer": "momentum",
        "weight_decay": 0.3,
        "decay": "decoupled",
        "rate_leaves": ("**/b",),
        "rate_factors": (0.1,),
    },
    "clipped-decay-in-the-gradient": {"optimizer": "sgd", "weight_decay": 0.3, "clip_norm": 0.5},
    "clipped-decay-in-the-loss": {
        "optimizer": "sgd",
        "weight_decay": 0.3,
        "decay": "loss",
        "clip_norm": 0.5,
    },
    "average": {"optimizer": "sgd", "ema": 0.7},
}


@pytest.mark.parametrize("fields", CASES.values(), ids=CASES)
def test_iterates_and_average_equal_those_of_numpy(fields):
    recipe = dataclasses.replace(BASE, **fields)
    result, notes = run(recipe)
    path, average = numpy_path(recipe)
    for name, value in result.params.items():
        np.testing.assert_allclose(value, path[-1][name], rtol=1e-11)
    penalties = [0.15 * sum(np.sum(x**2) for x in p.values()) for p in path]
    expected = [
        numpy_loss(p) + (penalty if recipe.decay == "loss" else 0)
        for p, penalty in zip(path, penalties, strict=True)
    ]
    np.testing.assert_allclose(list(notes.losses.values()), expected, rtol=1e-11)
    if not recipe.ema:
        assert result.average is None and "average" not in notes.snapshots
        return
    step, value, kept = notes.snapshots["average"]
    for tree in (result.average, kept):
        for name in tree:
            np.testing.assert_allclose(tree[name], average[name], rtol=1e-11)
    assert step == STEPS
    np.testing.assert_allclose(value, numpy_loss(average), rtol=1e-11)


def test_decay_in_the_loss_and_in_the_gradient_make_the_same_steps_but_not_the_same_losses():
    fields = {"optimizer": "nesterov", "weight_decay": 0.3}
    inside, outside = (
        run(dataclasses.replace(BASE, decay=decay, **fields)) for decay in ("loss", "gradient")
    )
    for name, value in inside[0].params.items():
        np.testing.assert_allclose(value, outside[0].params[name], rtol=1e-12)
    assert inside[1].losses[0] == outside[1].losses[0]  # The initial parameters are zero.
    assert inside[1].losses[STEPS] > outside[1].losses[STEPS] + 0.1


def test_minibatches_measure_the_penalty_too():
    recipe = dataclasses.replace(
        BASE, optimizer="sgd", batch_size=4, weight_decay=0.3, decay="loss"
    )
    result, notes = run(recipe, lambda p: numpy_loss(p))
    penalty = 0.15 * sum(np.sum(np.square(x)) for x in result.params.values())
    np.testing.assert_allclose(notes.losses[STEPS], numpy_loss(result.params) + penalty, rtol=1e-12)


def test_the_hessian_of_a_penalised_loss_has_the_decay_on_the_chosen_diagonal():
    point = {"w": jnp.ones(3), "b": jnp.ones(())}
    penalised = Penalized(jax.tree_util.Partial(loss), 0.25, ("w",))
    bare, with_decay = (lsgeo.hessian(f, point, DATA).to_dense() for f in (loss, penalised))
    expected = np.diag([0.0, 0.25, 0.25, 0.25])  # "b" comes before "w".
    np.testing.assert_allclose(with_decay - bare, expected, atol=1e-12)


SCHEDULES = {
    "piecewise": (
        {"schedule": "piecewise", "boundaries": (2, 5), "factors": (0.1, 0.5)},
        [1, 1, 0.1, 0.1, 0.1, 0.05],
    ),
    "cosine": (
        {"schedule": "cosine"},
        [(1 + np.cos(np.pi * t / 6)) / 2 for t in range(6)],
    ),
    "warm-up": ({"warmup_steps": 4}, [0.25, 0.5, 0.75, 1, 1, 1]),
    "warm-up-cosine": (
        {"schedule": "cosine", "warmup_steps": 2},
        [0.5, 1, *((1 + np.cos(np.pi * t / 4)) / 2 for t in range(4))],
    ),
    "warm-up-piecewise": (
        {"schedule": "piecewise", "boundaries": (1,), "factors": (10.0,), "warmup_steps": 4},
        [0.25, 5, 7.5, 10, 10, 10],
    ),
}


@pytest.mark.parametrize(("fields", "factors"), SCHEDULES.values(), ids=SCHEDULES)
def test_schedules_follow_their_formulas_and_the_iterates_follow_the_schedule(fields, factors):
    recipe = dataclasses.replace(BASE, optimizer="momentum", learning_rate=0.02, **fields)
    # Optax computes the factors in float32.
    np.testing.assert_allclose(recipe.rates(), 0.02 * np.array(factors), rtol=1e-6, atol=1e-9)
    result, _ = run(recipe)
    expected = numpy_path(recipe, recipe.rates())[0][-1]
    np.testing.assert_allclose(result.params["w"], expected["w"], rtol=1e-11)


def test_all_schedules_and_rates_of_an_optimiser_share_one_trace():
    counted = chex.assert_max_traces(lambda p, batch: loss(p, batch), n=1)
    for fields in ({}, *(fields for fields, _ in SCHEDULES.values())):
        run(dataclasses.replace(BASE, optimizer="sgd", **fields), function=counted)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"decay": "l2"}, "Unknown `decay`: 'l2'. Choose one of: decoupled, gradient, loss"),
        ({"schedule": "step"}, "Unknown `schedule`: 'step'. Choose one of: constant, cosine, p"),
        ({"optimizer": "adamw"}, "'adamw' has decoupled decay, but `decay` is 'gradient'"),
        ({"decay": "decoupled"}, "'adam' with `decay` 'decoupled' is 'adamw'"),
        ({"momentum": 1.0}, "`momentum` must be at least 0 and below 1; got 1.0"),
        ({"ema": -0.1}, "`ema` must be at least 0 and below 1; got -0.1"),
        ({"weight_decay": -1.0}, "`weight_decay` must be 0 or positive; got -1.0"),
        ({"clip_norm": np.inf}, "`clip_norm` must be 0 or positive; got inf"),
        ({"boundaries": (3,), "factors": (0.1,)}, "`schedule` is 'constant', but `boundaries` is"),
        ({"schedule": "piecewise"}, r"`schedule` is 'piecewise', but `boundaries` is \(\)"),
        (
            {"schedule": "piecewise", "boundaries": (3, 4), "factors": (0.1,)},
            "`boundaries` has 2 entries and `factors` has 1; give one factor for each",
        ),
        (
            {"schedule": "piecewise", "boundaries": (4, 3), "factors": (0.1, 0.1)},
            r"`boundaries` must increase; got \(4, 3\)",
        ),
        ({"rate_leaves": ("b",)}, "`rate_leaves` has 1 entries and `rate_factors` has 0"),
        ({"rate_leaves": ("b",), "rate_factors": (0.0,)}, "`rate_factors` must be positive"),
        ({"snapshot_steps": (0,)}, "`snapshot_steps` must be whole numbers of at least 1"),
        ({"snapshot_epochs": (1.5,)}, "`snapshot_epochs` must be whole numbers of at least 1"),
        (
            {"schedule": "cosine", "warmup_steps": 1000},
            "`warmup_steps` is 1000 and `max_steps` 1000",
        ),
    ],
)
def test_recipes_refuse_contradictions_and_name_both_sides(fields, text):
    with pytest.raises(ValueError, match=text):
        Recipe(**fields)


def test_globs_that_match_no_parameter_are_refused_before_training():
    for fields, name in (
        ({"rate_leaves": ("**/scale",), "rate_factors": (0.1,)}, "rate_leaves"),
        ({"weight_decay": 0.1, "decay": "loss", "decay_leaves": ("**/kernel",)}, "leaves"),
    ):
        with pytest.raises(ValueError, match=rf"`{name}` has '.*', which matches no .*: b, w"):
            run(Recipe(**fields))


def test_a_penalised_loss_is_not_penalised_twice():
    recipe = Recipe(weight_decay=0.1, decay="loss")
    with pytest.raises(ValueError, match="`loss` is Penalized already"):
        recipe.objective(recipe.objective(loss))


def test_paper_recipes_are_those_of_the_sources():
    # (optimizer, peak rate, decay, batch, updates, drops, factor), as published; see the entries.
    published = {
        "he": ("momentum", 0.1, 1e-4, 128, 64_000, (32_000, 48_000), 0.1),
        "li": ("nesterov", 0.1, 5e-4, 128, 300 * 390, (150 * 390, 225 * 390, 275 * 390), 0.1),
        "pyhessian": ("momentum", 0.1, 5e-4, 128, 180 * 390, (80 * 390, 120 * 390), 0.1),
        "wrn": ("nesterov", 0.1, 5e-4, 128, 200 * 390, (60 * 390, 120 * 390, 160 * 390), 0.2),
        "densenet": ("nesterov", 0.1, 1e-4, 64, 300 * 781, (150 * 781, 225 * 781), 0.1),
        "fixup": ("momentum", 0.1, 1e-4, 128, 200 * 390, (100 * 390, 150 * 390), 0.1),
    }
    for name, expected in published.items():
        r = PAPER_RECIPES[name].recipe
        found = (r.optimizer, r.learning_rate, r.weight_decay, r.batch_size, r.max_steps)
        assert (*found, r.boundaries, r.factors[0]) == expected, name
        assert r.decay == "gradient" and r.momentum == 0.9, name
    cohen = PAPER_RECIPES["cohen"]
    assert (cohen.loss, cohen.recipe.optimizer, cohen.recipe.batch_size) == (
        "squared_error",
        "sgd",
        0,
    )
    rates = PAPER_RECIPES["he-110"].recipe.rates()
    np.testing.assert_allclose(
        rates[[0, 399, 400, 31_999, 32_000, 63_999]],
        [0.01] * 2 + [0.1] * 2 + [0.01, 0.001],
        rtol=1e-6,
    )
    transformer = PAPER_RECIPES["adamw-transformer"].recipe.rates()
    assert transformer.argmax() == 10 * 390 - 1
    np.testing.assert_allclose(transformer.max(), 1e-3, rtol=1e-6)


def test_a_paper_recipe_that_counts_epochs_follows_the_number_of_examples():
    small = paper_recipe("li", num_train=1280).recipe
    assert (small.max_steps, small.boundaries) == (3000, (1500, 2250, 2750))
    assert paper_recipe("he", num_train=1280).recipe == PAPER_RECIPES["he"].recipe
    with pytest.raises(ValueError, match="Unknown paper recipe: 'resnet'. Choose one of: he, "):
        paper_recipe("resnet")
    with pytest.raises(ValueError, match="`batch_size` is 128, but there are 100 training"):
        paper_recipe("li", num_train=100)


def test_the_fixup_recipe_slows_biases_and_scales_and_nothing_else():
    leaves = {
        "block": {"bias_1": np.ones(()), "scale": np.ones(()), "conv": {"kernel": np.ones(2)}}
    }
    recipe = dataclasses.replace(PAPER_RECIPES["fixup"].recipe, weight_decay=0.0, momentum=0.0)
    direction = direction_of(recipe).transformation()
    step, _ = direction.update(leaves, start(leaves, recipe).opt_state, leaves)
    np.testing.assert_allclose(step["block"]["bias_1"], 0.1)
    np.testing.assert_allclose(step["block"]["scale"], 0.1)
    np.testing.assert_allclose(step["block"]["conv"]["kernel"], 1.0)
