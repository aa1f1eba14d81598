"""Verdicts from planted rows: which findings decide, how they are adjusted, and what splits them."""

import math

import numpy as np
import pytest

from lsgeo.study import (
    Claim,
    Design,
    Hypothesis,
    Smallest,
    conditions,
    decide,
    holm,
    seeds_needed,
    splitting_factors,
)
from lsgeo.study.contrasts.paired import LogRatio

NOISE = np.array([-0.05, 0.03, 0.0, 0.06, -0.04])
BOTH = (("plain", "residual"), ("plain", "scaled"))
COLUMN = "lambda_max"


def hypothesis(name="T1a", column=COLUMN, **options):
    bar = Smallest(0.1, "planted")
    return Hypothesis(name, "", LogRatio(column), "", "", **{"threshold": bar, **options})


def claim(*hypotheses):
    return Claim("T1", "", "", hypotheses or (hypothesis(),), "", "")


def design(depths=(4,), norm="none", family="MLP", columns=(COLUMN,), arms=BOTH, model="mlp"):
    return Design(
        family, model, norm, depths, ("plain", *(arm for _, arm in arms)), frozenset(columns)
    )


def rows_of(effect, noise=NOISE, column=COLUMN, arm="residual", **more):
    """Twins whose log-ratios are effect + noise."""
    place = {"family": "MLP", "norm": "none", "depth": 4, "reading": "matched"} | more
    return [
        {**place, "arm": side, "seed": seed, column: math.exp(value if side == "plain" else 0)}
        for seed, value in enumerate(effect + np.asarray(noise))
        for side in ("plain", arm)
    ]


def merged(*parts):
    """One row for each network and reading, with the columns of all parts."""
    found = {}
    for row in (row for part in parts for row in part):
        names = ("family", "norm", "depth", "reading", "arm", "seed")
        found.setdefault(tuple(row[name] for name in names), {}).update(row)
    return list(found.values())


def verdict(rows, designs=None, **options):
    return decide([claim(hypothesis(**options))], rows, designs or [design()])[0]


@pytest.mark.parametrize(
    ("effect", "finding", "decision"),
    [
        (1.0, "supported", "supported"),
        (-1.0, "contradicted", "contradicted"),
        (0.0, "no difference", "contradicted"),
        (0.13, "undecided", "undecided"),
        (0.07, "undecided", "undecided"),
    ],
)
def test_a_verdict_needs_the_whole_interval_beyond_the_threshold(effect, finding, decision):
    found = verdict(rows_of(effect))
    assert (found.primary.decision, found.decision) == (finding, decision)
    assert found.decides_claim and (found.seeds_needed is not None) == (decision == "undecided")


@pytest.mark.parametrize(
    ("effect", "finding", "decision"),
    [
        (1.0, "supported", "supported"),
        (-1.0, "supported", "supported"),
        (0.0, "no difference", "contradicted"),
        (-0.13, "undecided", "undecided"),
    ],
)
def test_a_two_sided_hypothesis_is_supported_on_either_side(effect, finding, decision):
    found = verdict(rows_of(effect), two_sided=True)
    assert (found.primary.decision, found.decision) == (finding, decision)


def test_effects_of_opposite_sign_do_not_split_a_two_sided_hypothesis():
    rows = rows_of(3.0) + rows_of(-3.0, depth=8)
    options = {"designs": [design(depths=(4, 8))]}
    assert verdict(rows, two_sided=True, **options).decision == "supported"
    assert verdict(rows, **options).decision == "depends on protocol"


def test_the_largest_depth_first_arms_and_first_reading_of_the_first_design_that_has_them_decide():
    tested = hypothesis(readings=("matched", "end"), arms=BOTH, norms=("layer", "none"))
    designs = [
        design(norm="batch"),
        design(depths=(4, 8), arms=BOTH[1:]),
        design(depths=(2, 16, 4), norm="layer"),
        design(columns=("trace",)),
    ]
    found = conditions(tested, designs)
    assert str(found[0]) == "MLP, layer norm, depth 16, matched, plain against residual"
    assert len(found) == 2 * 2 + 3 * 2 * 2
    assert str(found[-1]) == "MLP, layer norm, depth 2, end, plain against scaled"


def test_a_hypothesis_may_ask_for_another_depth_than_the_largest():
    for depth, order in ((0, [16, 4, 2]), (4, [4, 16, 2]), (15, [4, 16, 2]), (1, [2, 16, 4])):
        found = conditions(hypothesis(depth=depth), [design(depths=(2, 4, 16))])
        assert [condition.depth for condition in found] == order


def test_a_primary_finding_without_a_number_leaves_the_verdict_open():
    found = verdict(rows_of(3.0), [design(depths=(4, 8))])
    assert (found.primary.condition.depth, found.primary.effect.num_pairs) == (8, 0)
    assert [f.decision for f in found.findings] == ["undecided", "supported"]
    assert (found.decision, found.seeds_needed) == ("undecided", None)
    nowhere = verdict(rows_of(3.0), [design(columns=())])
    assert (nowhere.findings, nowhere.primary, nowhere.decision) == ((), None, "undecided")


def test_first_hypotheses_share_a_level_over_the_claims_and_a_claim_s_others_one_of_their_own():
    columns = ("a", "b", "c", "d")
    effects = {"a": 1.0, "b": 0.25, "c": 0.3, "d": 0.2}
    rows = merged(*(rows_of(effects[c], column=c, depth=d) for c in columns for d in (2, 4, 8)))
    first = claim(*(hypothesis(f"T1{name}", name) for name in "abd"))
    found = decide(
        [first, claim(hypothesis("T2a", "c"))], rows, [design(depths=(2, 4, 8), columns=columns)]
    )
    for together in ([found[0], found[3]], found[1:3]):
        primary = [v.primary for v in together]
        np.testing.assert_allclose(
            [f.adjusted_p for f in primary], holm([f.effect.p_value for f in primary])
        )
    for v in found:
        np.testing.assert_allclose(
            [f.adjusted_p for f in v.findings[1:]],
            holm([f.effect.p_value for f in v.findings[1:]]),
        )
    # The interval alone would decide the weakest one; its neighbours' number does not let it.
    weak = [rows_of(0.18, column=name) for name in "abcdefgh"]
    alone = decide([claim(hypothesis(column="a"))], weak[0], [design(columns=("a",))])[0]
    many = decide(
        [claim(hypothesis(f"T{name}", name)) for name in "abcdefgh"],
        merged(*weak),
        [design(columns=tuple("abcdefgh"))],
    )
    assert alone.decision == "supported" and {v.decision for v in many} == {"undecided"}
    values = many[0].primary.sample.values
    needed = many[0].seeds_needed
    assert needed == seeds_needed(values, 0.1, alpha=0.05 / 8) and needed.low > 5


def test_no_difference_shares_the_level_too():
    # One interval inside the thresholds is easily had among eight.
    rows = merged(*(rows_of(0.035, column=name) for name in "abcdefgh"))
    claims = [claim(hypothesis(f"T{name}", name)) for name in "abcdefgh"]
    found = decide(claims, rows, [design(columns=tuple("abcdefgh"))])
    inside = [-0.1 < v.primary.effect.lower and v.primary.effect.upper < 0.1 for v in found]
    assert all(inside) and {v.decision for v in found} == {"undecided"}


def test_a_hypothesis_that_holds_at_one_reading_and_not_at_another_depends_on_the_reading():
    designs = [design(depths=(4, 8)), design(depths=(4, 8), norm="layer")]
    rows = [
        row
        for depth in (4, 8)
        for norm in ("none", "layer")
        for reading, effect in (("matched", 2.0), ("init", -2.0))
        for row in rows_of(effect, depth=depth, norm=norm, reading=reading)
    ]
    found = verdict(rows, designs, readings=("matched", "init"))
    assert found.decision == "depends on protocol" and found.split_p < 1e-3
    assert splitting_factors(found) == {"reading": (("matched",), ("init",))}
    alike = verdict(rows, designs, readings=("matched",))
    assert (alike.decision, splitting_factors(alike)) == ("supported", {})


def test_one_stray_finding_among_many_is_no_dependence():
    # At depth 2 the interval alone, Holm's share of two, would contradict.
    columns = tuple("abcdefghi")
    stray = rows_of(-0.195, depth=2, column="a")
    usual = [(c, d) for c in columns for d in (2, 4, 8) if (c, d) != ("a", 2)]
    rows = merged(stray, *(rows_of(2.0, column=c, depth=d) for c, d in usual))
    claims = [claim(hypothesis(f"T{name}", name)) for name in columns]
    found = decide(claims, rows, [design(depths=(2, 4, 8), columns=columns)])[0]
    assert [f.decision for f in found.findings] == ["supported", "supported", "contradicted"]
    assert found.decision == "supported" and 0.05 < found.split_p < 1


def test_three_of_five_pairs_are_enough_and_two_are_not():
    rows = rows_of(3.0)
    for row in rows[:4]:
        row[COLUMN] = math.nan
    found = verdict(rows)
    assert (found.decision, found.primary.sample.num_missing) == ("supported", 2)
    rows[4][COLUMN] = math.inf
    found = verdict(rows)
    assert (found.decision, found.primary.sample.num_missing) == ("undecided", 3)
