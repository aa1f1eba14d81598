"""The landscapes of a study as its page has them: what was stored, of twins alone, with their extremes."""

import math
import types

import numpy as np
import pytest

from lsgeo import runs
from lsgeo.study import ARMS
from lsgeo.study import page as report
from lsgeo.study.page import landscapes, words

AXIS = np.linspace(-0.5, 0.5, 5)


def stored(depth, arm, seed):
    rng = np.random.default_rng([depth, seed, arm == "plain"])
    return np.exp(rng.normal(size=(5, 5)))


def cell(root, depth, arm, seed, *, measured=True, norm="layer"):
    path = root / f"{norm}-{depth}-{arm}-{seed}"
    if measured:
        (path / "surface").mkdir(parents=True)
        run = runs.Run(path / "surface")
        run.save("plane_0", {"xs": AXIS, "ys": AXIS, "values": stored(depth, arm, seed)})
        run.save("summary", {"chance_loss": 2.3})
    return types.SimpleNamespace(
        family="MLP", norm=norm, depth=depth, arm=ARMS[arm], seed=seed, path=path
    )


def row(depth, arm, seed, lowest, highest, share=0.1, reading="matched"):
    ends = {"lambda_min": lowest, "lambda_max": highest, "limit_share": share}
    return {
        **{"family": "MLP", "norm": "layer", "depth": depth, "arm": arm, "seed": seed},
        "reading": reading,
        **ends,
    }


def test_the_landscapes_are_those_that_were_stored_of_the_first_seed_that_has_both(tmp_path):
    cells = [
        cell(tmp_path, depth, arm, seed, measured=(depth, arm, seed) != (4, "plain", 0))
        for depth in (16, 4)
        for arm in ("plain", "residual", "scaled")
        for seed in (0, 1)
    ]
    (twins,) = landscapes.collect(cells, [])
    assert twins.name == "MLP, layer norm" and twins.chance == 2.3
    # At depth 4 the plain network of seed 0 has none.
    assert [(one.depth, one.seed) for one in twins.landscapes] == [(4, 1), (16, 0)]
    for one in twins.landscapes:
        assert one.half == 0.5
        for values, arm in zip(one.values, ("plain", "residual"), strict=True):
            np.testing.assert_array_equal(values, stored(one.depth, arm, one.seed))


def test_the_extremes_are_those_at_equal_loss_and_know_what_the_learning_rate_holds(tmp_path):
    cells = [cell(tmp_path, 4, arm, 0) for arm in ("plain", "residual")]
    rows = [
        row(4, "plain", 0, -1.0, 10.0),
        row(4, "plain", 1, -3.0, 30.0, share=0.35),
        row(4, "plain", 2, math.nan, math.nan),
        row(4, "plain", 0, -9.0, 90.0, reading="end"),
        row(4, "residual", 0, -0.5, 2.0),
        row(8, "residual", 0, -0.5, 2.0),
    ]
    (twins,) = landscapes.collect(cells, rows)
    plain, residual = twins.extremes
    assert (plain.arm, plain.depth, plain.is_bound) == ("no skip", 4, True)
    assert (plain.lowest, plain.highest) == ((-1.0, -3.0), (10.0, 30.0))
    assert (residual.arm, residual.highest, residual.is_bound) == ("skip", (2.0,), False)


def test_networks_without_twins_have_no_landscape_and_more_depths_come_first(tmp_path):
    both = ("plain", "residual")
    lone = [cell(tmp_path, 4, "plain", 0, norm="batch")]
    one = [cell(tmp_path, 4, arm, 0, norm="none") for arm in both]
    two = [cell(tmp_path, depth, arm, 0) for depth in (4, 8) for arm in both]
    found = landscapes.collect([*lone, *one, *two], [])
    assert [twins.name for twins in found] == ["MLP, layer norm", "MLP, no norm"]
    assert landscapes.collect(lone, []) == []


PLANE = np.ones((3, 3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: report.Landscape(4, 0, 1.0, (PLANE, np.ones((4, 4)))),
            "`values` of depth 4 must be two square planes of one size",
        ),
        (
            lambda: report.Landscape(4, 0, 1.0, (PLANE[:2], PLANE[:2])),
            "`values` of depth 4 must be two square planes of one size",
        ),
        (lambda: report.Twins("MLP", ()), "`landscapes` of MLP must ascend in depth"),
        (
            lambda: report.Twins("MLP", (report.Landscape(4, 0, 1.0, (PLANE, PLANE)),) * 2),
            "`landscapes` of MLP must ascend in depth",
        ),
    ],
)
def test_landscapes_that_could_not_be_laid_side_by_side_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("It grows as 2.5 (2.1 to 2.9) without skips, and so on. And more.", None),
        ("Not decided by these numbers. It grows as 2.5. And more.", 2),
        ("One sentence that is long enough to stand alone, e.g. this one.", 1),
    ],
)
def test_a_first_screen_has_the_first_sentence_and_the_next_where_that_says_little(said, kept):
    if kept is None:
        assert words.short(said) == said.removesuffix(" And more.")
    elif kept == 2:
        assert words.short(said) == "Not decided by these numbers. It grows as 2.5."
    else:
        assert words.short(said) == said


def test_a_network_is_held_from_the_limit_s_bar_on_also_as_a_table_s_text():
    assert words.is_held(0.3) and words.is_held("0.45")
    assert not any(words.is_held(share) for share in (0.29, "0.1", None, "", math.nan))
