"""The partially pooled model: closed forms, nulls, planted effects, and designs that have no maximum."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from lsgeo.study import Claim, Condition, Design, Hypothesis, LogRatio, Sample, decide, pool

ARMS = ("plain", "residual")
NETWORKS = tuple(itertools.product(("MLP", "ViT"), ("none", "layer"), (4, 8)))


def condition(network, reading="matched", arms=ARMS):
    return Condition(*network, reading, arms)


def sample(values, splits=None):
    splits = range(len(values)) if splits is None else splits
    return Sample(tuple(zip(range(len(values)), splits, strict=True)), np.asarray(values, float))


def drawn(rng, *, effect=0.0, between=1.0, within=0.5, networks=NETWORKS, each=5):
    found = []
    for network in networks:
        middle = effect + between * rng.standard_normal()
        found.append((condition(network), sample(middle + within * rng.standard_normal(each))))
    return found


def test_of_a_balanced_design_it_is_the_mean_of_means_and_their_spread():
    # The restricted likelihood of balanced one-way data has this maximum (Searle et al. 1992, section 3.8).
    found = drawn(np.random.default_rng(0))
    means = np.array([s.values.mean() for _, s in found])
    noise = np.mean([s.values.var(ddof=1) for _, s in found])
    pooled = pool(found)
    assert pooled.model == "mixed model" and pooled.value == pytest.approx(means.mean(), abs=1e-6)
    assert pooled.spread == pytest.approx(math.sqrt(means.var(ddof=1) - noise / 5), rel=1e-3)
    half = stats.t.ppf(0.975, 7) * means.std(ddof=1) / math.sqrt(8)
    assert pooled.upper - pooled.value == pytest.approx(half, rel=1e-3)
    assert (pooled.num_conditions, pooled.num_networks, pooled.num_pairs) == (8, 8, 40)


def test_a_condition_with_few_pairs_counts_less_and_several_of_one_network_as_one():
    rng = np.random.default_rng(0)
    found = drawn(rng, between=0.05)
    outlier = (condition(("CNN", "none", 4)), sample([9.0]))
    assert pool([*found, outlier]).value < np.mean([s.values.mean() for _, s in [*found, outlier]])
    # Readings of one network are no further networks.
    again = [(condition((c.family, c.norm, c.depth), "end"), s) for c, s in found]
    twice = pool(found + again)
    assert (twice.num_conditions, twice.num_networks) == (16, 8)
    assert twice.upper - twice.lower > 0.9 * (pool(found).upper - pool(found).lower)


@pytest.mark.parametrize(("between", "studies"), [(0.0, 60), (0.7, 200)])
def test_where_conditions_scatter_around_nothing_one_of_twenty_intervals_leaves_it_out(
    between, studies
):
    rng = np.random.default_rng(0)
    found = [pool(drawn(rng, between=between, networks=NETWORKS[:5])) for _ in range(studies)]
    wrong = sum(not p.lower <= 0 <= p.upper for p in found)
    assert wrong <= stats.binom.isf(1e-3, studies, 0.05)


def test_a_planted_effect_and_its_spread_are_found():
    rng = np.random.default_rng(0)
    found = [pool(drawn(rng, effect=2.0, between=0.7)) for _ in range(40)]
    assert sum(p.lower > 0.5 and p.lower <= 2.0 <= p.upper for p in found) >= 34
    assert np.median([p.spread for p in found]) == pytest.approx(0.7, rel=0.2)


@pytest.mark.parametrize(
    ("found", "model"),
    [
        ([(condition(NETWORKS[0]), sample([1.0, 2.0, 4.0]))], "one network"),
        ([(condition(n), sample([1.0])) for n in NETWORKS], "means of conditions"),
        ([(condition(n), sample([0.0] * 5)) for n in NETWORKS], "means of conditions"),
        ([(condition(n), sample([1.0, 3.0])) for n in NETWORKS], "means of conditions"),
        ([(condition(n), sample([1.0, 3.0])) for n in NETWORKS[:2]], "means of conditions"),
        (
            [(condition(NETWORKS[0], r), sample([1.0, 4.0, 2.0])) for r in ("init", "end")],
            "one network",
        ),
    ],
)
def test_designs_without_a_maximum_fall_back_and_say_so(found, model):
    pooled = pool(found)
    assert pooled.model == model
    assert pooled.lower <= pooled.value <= pooled.upper
    values = np.concatenate([s.values for _, s in found])
    assert pooled.value == pytest.approx(values.mean())


def test_pairs_of_one_split_are_one_number_and_without_a_number_there_is_no_model():
    rng = np.random.default_rng(0)
    means = rng.normal(size=(len(NETWORKS), 1)) + rng.normal(size=(len(NETWORKS), 4))
    split = np.arange(12) % 4
    shared = [(condition(n), sample(m[split], split)) for n, m in zip(NETWORKS, means, strict=True)]
    alone = [(condition(n), sample(m)) for n, m in zip(NETWORKS, means, strict=True)]
    for name in ("value", "lower", "upper"):
        assert getattr(pool(shared), name) == pytest.approx(getattr(pool(alone), name))
    assert pool([]) is None and pool([(condition(NETWORKS[0]), sample([math.nan]))]) is None


def test_a_verdict_has_the_model_of_all_its_findings_and_the_one_in_the_middle():
    rng = np.random.default_rng(0)
    sizes = {4: 0.5, 8: 1.0, 16: 4.0}  # the primary condition is the most extreme one
    rows = [
        {"family": "MLP", "norm": "none", "depth": depth, "reading": "matched", "arm": arm}
        | {"seed": seed, "lambda_max": math.exp((arm == "plain") * size + 0.1 * rng.normal())}
        for depth, size in sizes.items()
        for arm in ARMS
        for seed in range(5)
    ]
    tested = Hypothesis("T1a", "", LogRatio("lambda_max"), "", "")
    design = Design("MLP", "mlp", "none", tuple(sizes), ARMS, frozenset({"lambda_max"}))
    verdict = decide([Claim("T1", "", "", (tested,), "", "")], rows, [design])[0]
    assert verdict.primary.effect.value == pytest.approx(4, abs=0.2)
    assert verdict.median.condition.depth == 8
    assert verdict.pooled.value == pytest.approx(11 / 6, abs=0.2)
    assert verdict.pooled.spread == pytest.approx(np.std([0.5, 1, 4], ddof=1), abs=0.2)
