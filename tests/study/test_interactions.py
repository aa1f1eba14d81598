"""The analysis of variance against scipy, closed forms and planted effects."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from lsgeo.study import anova

ARMS = ("plain", "residual")
NORMS = ("none", "layer")
FAMILIES = ("MLP", "ResNet", "ViT")
DESIGN = {"arm": ARMS, "norm": NORMS, "family": FAMILIES}


def rows_of(logs):
    """Rows of the numbers exp(logs[arm, norm, family, seed])."""
    names = itertools.product(*DESIGN.values())
    return [
        {**dict(zip(DESIGN, cell, strict=True)), **of_seed}
        for cell, values in zip(names, logs.reshape(-1, logs.shape[-1]), strict=True)
        for seed, value in enumerate(values)
        for of_seed in (
            {"depth": 4, "seed": seed, "reading": "matched", "x": math.exp(value)},
            {"depth": 4, "seed": seed, "reading": "end", "x": 1e6},
        )
    ]


def normal(seed=0, shape=(2, 2, 3, 5)):
    return np.random.default_rng(seed).standard_normal(shape)


def test_one_factor_is_the_one_way_test_of_scipy():
    logs = normal(shape=(1, 1, 3, 7)) + np.array([0, 0.5, 1])[:, None]
    rows = [row for row in rows_of(np.broadcast_to(logs, (2, 2, 3, 7))) if row["norm"] == "none"]
    found = anova(
        [row for row in rows if row["arm"] == "plain"], "x", {"family": FAMILIES}, "matched"
    )
    expected = stats.f_oneway(*logs[0, 0])
    np.testing.assert_allclose(
        [found.terms[0].f, found.terms[0].p], [expected.statistic, expected.pvalue]
    )
    assert (found.terms[0].df, found.residual_df, found.num_networks) == (2, 18, 21)


def test_a_balanced_design_splits_the_spread_as_means_of_means_do():
    logs = normal()
    found = anova(rows_of(logs), "x", DESIGN, "matched")
    grand = logs.mean()
    arm, norm = logs.mean((1, 2, 3)) - grand, logs.mean((0, 2, 3)) - grand
    both = logs.mean((2, 3)) - grand - arm[:, None] - norm[None, :]
    residual = np.sum((logs - logs.mean(-1, keepdims=True)) ** 2)
    sums = [30 * np.sum(arm**2), 30 * np.sum(norm**2), 15 * np.sum(both**2)]
    for names, expected in zip((("arm",), ("norm",), ("norm", "arm")), sums, strict=True):
        term = found.term(*names)
        np.testing.assert_allclose(term.sum_squares, expected)
        np.testing.assert_allclose(term.f, expected / (residual / 48))
        np.testing.assert_allclose(term.p, stats.f.sf(term.f, 1, 48))
        np.testing.assert_allclose(term.partial_eta2, expected / (expected + residual))
    np.testing.assert_allclose(found.residual, residual)
    total = sum(term.sum_squares for term in found.terms) + found.residual
    np.testing.assert_allclose(total, np.sum((logs - grand) ** 2))
    assert [t.df for t in found.terms] == [1, 1, 2, 1, 2, 2, 2] and found.residual_df == 48


def test_the_interplay_of_two_factors_of_two_levels_is_the_test_of_the_difference_in_differences():
    logs = normal(shape=(2, 2, 1, 6))
    rows = [row for row in rows_of(np.broadcast_to(logs, (2, 2, 3, 6))) if row["family"] == "MLP"]
    found = anova(rows, "x", {"arm": ARMS, "norm": NORMS}, "matched")
    cells = logs[:, :, 0]
    contrast = np.sum(cells.mean(-1) * [[1, -1], [-1, 1]])
    variance = cells.var(-1, ddof=1).mean() * 4 / 6
    np.testing.assert_allclose(found.term("arm", "norm").f, contrast**2 / variance)


def test_planted_effects_are_found_and_no_others():
    logs = 0.1 * normal(3)
    logs[0] += 2
    logs[0, 0] += 1
    found = anova(rows_of(logs), "x", DESIGN, "matched")
    # Means of means: 2.5 and 0 differ by 2.5, and both factors by half of the interplay.
    for names, gap in ((("arm",), 2.5), (("norm",), 0.5)):
        np.testing.assert_allclose(found.term(*names).sum_squares, 60 * (gap / 2) ** 2, rtol=0.2)
    np.testing.assert_allclose(found.term("arm", "norm").sum_squares, 60 * 0.25**2, rtol=0.2)
    others = [term for term in found.terms if "family" in term.factors]
    assert min(term.p for term in others) > 0.01 > 1e-6 > found.term("arm", "norm").p
    text = str(found)
    assert text.startswith("log x at matched, 60 networks: arm F(1, 48) = ") and "\n" not in text


def test_the_interplay_is_no_likelier_than_nominal_where_there_is_none():
    design = {"arm": ARMS, "norm": NORMS}
    hits = 0
    for seed in range(60):
        logs = np.broadcast_to(normal(seed, (2, 2, 1, 5)), (2, 2, 3, 5))
        rows = [row for row in rows_of(logs) if row["family"] == "MLP"]
        hits += anova(rows, "x", design, "matched").term("arm", "norm").p < 0.05
    assert hits <= stats.binom.isf(1e-3, 60, 0.05)


def test_failed_networks_are_counted_and_leave_an_unbalanced_design():
    rows = rows_of(normal())
    alike = {"arm": "plain", "norm": "none", "family": "MLP", "reading": "matched"}
    cell = [row for row in rows if all(row[k] == v for k, v in alike.items())]
    cell[0]["x"], cell[1]["x"] = math.nan, ""
    rows.remove(cell[2])  # It never got to this reading, but was trained to an end.
    found = anova(rows, "x", DESIGN, "matched")
    assert (found.num_networks, found.num_failed, found.residual_df) == (57, 3, 45)
    assert "57 networks, 3 failed:" in str(found)
    cell[3]["x"] = -1.0
    with pytest.raises(ValueError, match=r"plain/none/MLP: 1 \(4 of 60 networks failed\)"):
        anova(rows, "x", DESIGN, "matched")


def test_what_cannot_be_estimated_is_refused():
    rows = rows_of(normal())
    with pytest.raises(ValueError, match=r"arm needs at least two levels; got \('plain',\)"):
        anova(rows, "x", {"arm": ("plain",), "norm": NORMS}, "matched")
    with pytest.raises(ValueError, match="in the cells plain/batch: 0, residual/batch: 0"):
        anova(
            [row for row in rows if row["family"] == "MLP"],
            "x",
            {"arm": ARMS, "norm": ("none", "batch")},
            "matched",
        )
    with pytest.raises(ValueError, match="several networks of plain/none and seed 0"):
        anova(rows, "x", {"arm": ARMS, "norm": NORMS}, "matched")
    with pytest.raises(ValueError, match="no spread of x within cells"):
        anova(rows_of(np.zeros((2, 2, 3, 5))), "x", DESIGN, "matched")
    with pytest.raises(ValueError, match="`factors` is empty"):
        anova(rows, "x", {}, "matched")
    with pytest.raises(ValueError, match="are no term. Choose from: arm, norm, family, arm x norm"):
        anova(rows, "x", DESIGN, "matched").term("depth")


def test_in_an_unbalanced_design_a_main_effect_is_what_it_adds_to_the_other_one():
    # Type II by hand: the residual of the other factor alone, less that of both, without their interaction.
    rng = np.random.default_rng(3)
    sizes = {
        ("plain", "none"): 5,
        ("plain", "layer"): 2,
        ("residual", "none"): 3,
        ("residual", "layer"): 6,
    }
    rows, design, logs = [], [], []
    for (arm, norm), size in sizes.items():
        for seed in range(size):
            log = rng.standard_normal() + (arm == "plain") + 0.5 * (norm == "none")
            place = {"family": "MLP", "depth": 4, "reading": "matched", "seed": seed}
            rows.append({**place, "arm": arm, "norm": norm, "x": math.exp(log)})
            design.append([1.0, arm == "plain", norm == "none"])
            logs.append(log)
    design, logs = np.array(design, float), np.array(logs)

    def residual(columns):
        fit = design[:, columns] @ np.linalg.lstsq(design[:, columns], logs, rcond=None)[0]
        return np.sum((logs - fit) ** 2)

    factors = {"arm": ("plain", "residual"), "norm": ("none", "layer")}
    found = anova(rows, "x", factors, "matched")
    both = residual([0, 1, 2])
    np.testing.assert_allclose(found.term("arm").sum_squares, residual([0, 2]) - both, rtol=1e-9)
    np.testing.assert_allclose(found.term("norm").sum_squares, residual([0, 1]) - both, rtol=1e-9)
