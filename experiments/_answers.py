"""The verdicts of a study in sentences, as rows of a table, and in a figure."""

import dataclasses
import math
from collections.abc import Sequence

from lsgeo import plotting, report, study


def row(verdict: study.Verdict) -> report.VerdictRow:
    """A verdict as the page's table shows it."""
    effect = verdict.effect
    other = study.ARMS[verdict.arms[1]]
    against = "" if other.name == "residual" else f", against networks {other.phrase}"
    return report.VerdictRow(
        claim=verdict.claim.name,
        statement=verdict.claim.statement,
        family=f"{verdict.family}, depth {verdict.depth}{against}",
        metric=verdict.claim.metric_name,
        effect=effect.value,
        lower=effect.lower,
        upper=effect.upper,
        num_seeds=effect.num_pairs,
        threshold=verdict.threshold,
        verdict=verdict.decision,
        note=verdict.note,
    )


def headline(verdicts: Sequence[study.Verdict], config) -> list[str]:
    """The answer in sentences, one for each family and pair of arms."""
    sentences = []
    for family, settings in config.families().items():
        for arms in dict.fromkeys(verdict.arms for verdict in verdicts):
            mine = [v for v in verdicts if (v.family, v.arms) == (family, arms)]
            parts = [_part(decision, mine) for decision in report.VERDICTS]
            parts = [part for part in parts if part]
            against = (
                "" if arms[1] == "residual" else f", against networks {study.ARMS[arms[1]].phrase}"
            )
            sentences.append(
                f"{family} of depth {max(settings.depths)}, at a training loss of "
                f"{config.matched_loss:g}. Without skip connections{against}, {'; '.join(parts)}."
            )
    return sentences


def effects(verdicts: Sequence[study.Verdict]) -> list[report.Figure]:
    """Draws the effects, one figure for each pair of arms."""
    figures = []
    for arms in dict.fromkeys(verdict.arms for verdict in verdicts):
        mine = [
            dataclasses.replace(row(v), family=f"{v.family}, depth {v.depth}")
            for v in verdicts
            if v.arms == arms
        ]
        other = study.ARMS[arms[1]]
        against = "with skip" if other.name == "residual" else other.phrase
        figure, ax = plotting.new_figure(height=1.2 + 0.38 * len(mine))
        plotting.effect_forest(mine, ax, against=against)
        ending = "" if other.name == "residual" else f", against networks {other.phrase}"
        caption = (
            "One line for each claim and family. The dot is the mean over pairs of twins of log(without "
            f"skip / {against}), the bar its 95 % interval. Right of ×1 the figure is larger without "
            "skips, as every claim here predicts. A claim is supported where the whole bar lies beyond the "
            "threshold on the right, contradicted where it lies beyond the one on the left."
        )
        figures.append(
            report.Figure(
                f"Effect of removing the skip connections{ending}",
                caption,
                plotting.to_svg(figure),
                f"Forest plot of the effects in the table of verdicts{ending}.",
            )
        )
    return figures


def _part(decision, verdicts):
    chosen = [verdict for verdict in verdicts if verdict.decision == decision]
    if not chosen:
        return ""
    if decision == "undecided":
        names = [verdict.claim.metric_name.split(",")[0] for verdict in chosen]
        return f"undecided at this size: {', '.join(names)}"
    lead = "as claimed: " if decision == "supported" else "against the claim: "
    return lead + ", ".join(_change(verdict) for verdict in chosen)


def _change(verdict):
    name = verdict.claim.metric_name.split(",")[0]
    return f"{name} ×{math.exp(verdict.effect.value):.2g}"
