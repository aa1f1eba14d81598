"""Groups derived from computations whose symmetries are known by hand."""

import collections
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import trees
from lsgeo.matching import _axis_rules, axes, permutation_groups
from lsgeo.operators.evaluation import evaluate
from tests.geometry import networks

KEY = jax.random.key(0)


@functools.cache
def derived(name):
    case = networks.CASES[name]()
    groups = permutation_groups(case.predict, case.params, case.batch, key=KEY)
    return (
        case,
        groups,
        functools.partial(evaluate, trees.as_pytree(case.predict, "predict")),
    )


@pytest.mark.parametrize("name", networks.CASES)
def test_groups_are_those_of_the_network_by_hand(name):
    case, groups, _ = derived(name)
    assert collections.Counter(groups.sizes) == case.groups
    assert groups.unknown == ()


@pytest.mark.parametrize("name", networks.CASES)
def test_every_permutation_of_every_group_is_the_same_function_and_another_point(name):
    case, groups, predict = derived(name)
    before = np.asarray(predict(case.params, case.batch))
    for k, size in enumerate(groups.sizes):
        moved = list(groups.identity())
        moved[k] = np.roll(moved[k], 1)
        params = groups.permute(case.params, moved)
        changed = {
            trees.path_name(path)
            for (path, old), new in zip(
                jax.tree_util.tree_leaves_with_path(case.params),
                jax.tree.leaves(params),
                strict=True,
            )
            if not np.array_equal(old, new)
        }
        assert changed == {path for path, _ in groups.members[k]}, size
        after = np.asarray(predict(params, case.batch))
        if case.exact:
            np.testing.assert_array_equal(after, before)
        else:
            np.testing.assert_allclose(after, before, rtol=1e-11, atol=1e-11)


def test_permutations_are_applied_as_indices_to_both_sides_of_a_hidden_layer():
    case, groups, _ = derived("plain")
    assert groups.members == (
        (("a", 1), ("b", 0), ("c", 0)),
        (("c", 1), ("d", 0)),
    )
    first, second = np.array([4, 2, 0, 1, 3]), np.array([6, 5, 4, 3, 2, 1, 0])
    params = groups.permute(case.params, (first, second))
    expected = {
        "a": case.params["a"][:, first],
        "b": case.params["b"][first],
        "c": case.params["c"][first][:, second],
        "d": case.params["d"][second],
    }
    for name, leaf in expected.items():
        np.testing.assert_array_equal(params[name], leaf)


def test_residual_stream_has_one_permutation_and_each_branch_its_own():
    _, groups, _ = derived("residual")
    members = {
        dict.fromkeys(path for path, _ in group).keys().__len__(): group for group in groups.members
    }
    assert set(members[6]) == {
        ("head", 0),
        ("in_0", 0),
        ("in_1", 0),
        ("out_0", 1),
        ("out_1", 1),
        ("stem", 1),
    }
    assert {(("in_0", 1), ("out_0", 0)), (("in_1", 1), ("out_1", 0))} < set(groups.members)


def test_shortcut_that_pads_channels_ties_them_to_the_middle_of_the_wider_stream():
    case, groups, predict = derived("padded")
    stream = next(k for k, members in enumerate(groups.members) if ("stem", 3) in members)
    moved = list(groups.identity())
    moved[stream] = np.array([1, 0, 2, 3])
    head = groups.permute(case.params, moved)["head"]
    np.testing.assert_array_equal(head, case.params["head"][jnp.array([0, 1, 3, 2, 4, 5, 6, 7])])
    # Channels from across the bounds of the padding cannot be exchanged.
    wrong = {**case.params}
    for name, axis in (("up", 3), ("head", 0)):
        wrong[name] = jnp.take(case.params[name], jnp.array([0, 2, 1, 3, 4, 5, 6, 7]), axis)
    before = predict(case.params, case.batch)
    assert not np.allclose(predict(wrong, case.batch), before)


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
class Normalised:
    mean: jax.Array

    def __call__(self, params, x):
        return jnp.tanh(x @ params["in"] - self.mean[None]) @ params["out"]


def test_running_statistics_that_predict_carries_are_permuted_with_their_units():
    params = networks.whole(0, **{"in": (3, 5), "out": (5, 2)})
    x, predict = networks.whole(1, x=(4, 3))["x"], Normalised(jnp.arange(5.0))
    groups = permutation_groups(predict, params, x, key=KEY)
    permutations = groups.random(key=KEY)
    assert not np.array_equal(permutations[0], np.arange(5))
    moved, own = (
        groups.permute(params, permutations),
        groups.permute_function(predict, permutations),
    )
    np.testing.assert_allclose(own(moved, x), predict(params, x), rtol=1e-12, atol=1e-14)
    assert not np.allclose(predict(moved, x), predict(params, x))
    with pytest.raises(ValueError, match="no units that can be permuted"):
        # A statistic that is closed over cannot be moved along.
        permutation_groups(lambda p, x: predict(p, x), params, x, key=KEY)


@pytest.mark.parametrize(
    ("between", "named"),
    [
        (lambda h: jnp.cumsum(h, 1), ""),
        (lambda h: h[:, ::-1], ""),
        (lambda h: jnp.fft.irfft(jnp.fft.rfft(h), 5), "Not understood were: fft"),
        (lambda h: h * jnp.arange(5.0)[None], ""),
        (
            lambda h: jax.lax.while_loop(lambda c: c[0] < 1, lambda c: (c[0] + 1, c[1]), (0, h))[1],
            "while",
        ),
    ],
)
def test_units_whose_order_matters_or_is_not_understood_are_not_permuted(between, named):
    def predict(p, x):
        return between(x @ p["in"]) @ p["out"]

    params = networks.whole(0, **{"in": (3, 5), "out": (5, 2)})
    with pytest.raises(ValueError, match=f"no units that can be permuted.*{named}"):
        permutation_groups(predict, params, jnp.ones((4, 3)), key=KEY)


def test_wrong_rule_is_found_out_by_the_test_of_the_function(monkeypatch):
    def predict(p, x):
        return jnp.cumsum(x @ p["in"], 1) @ p["out"]

    params = networks.whole(0, **{"in": (3, 5), "out": (5, 2)})
    monkeypatch.setitem(_axis_rules._RULES, "cumsum", lambda u, eqn, operands: operands)
    with pytest.raises(ValueError, match="`predict` changes by .* of its largest output"):
        permutation_groups(predict, params, jnp.ones((4, 3)), key=KEY)


def test_axes_of_different_structure_become_fixed_and_equal_ones_are_cut_alike():
    u = axes.Unifier()
    six = u.fresh(6)
    halves = axes.compose(axes.Product, (u.fresh(2), u.fresh(3)))
    u.join(six, halves)
    assert u.resolve(six) == u.resolve(halves)
    # 6 = 2 x 3 and 6 = 3 x 2 share no structure; 4 + 2 and 2 + 4 are cut into 2 + 2 + 2.
    u.join(six, axes.compose(axes.Product, (u.fresh(3), u.fresh(2))))
    assert u.resolve(six) == axes.Fixed(6)
    one = axes.compose(axes.Sum, (u.fresh(4), u.fresh(2)))
    other = axes.compose(axes.Sum, (u.fresh(2), u.fresh(4)))
    u.join(one, other)
    assert [part.size for part in u.resolve(one).parts] == [2, 2, 2]
    assert u.resolve(one) == u.resolve(other)


def test_other_parameters_and_other_permutations_are_refused():
    case, groups, _ = derived("plain")
    with pytest.raises(ValueError, match="`permutations` must be one permutation"):
        groups.permute(case.params, (np.zeros(5, int), np.arange(7)))
    with pytest.raises(ValueError, match="`params` must have the structure and shapes"):
        groups.permute({**case.params, "b": jnp.zeros(6)}, groups.identity())
    broken = {**case.params, "b": case.params["b"] + jnp.nan}
    with pytest.raises(ValueError, match="`params` has a NaN"):
        permutation_groups(case.predict, broken, case.batch, key=KEY)
    with pytest.raises(ValueError, match="`key` must be one typed random key"):
        permutation_groups(case.predict, case.params, case.batch, key=0)
