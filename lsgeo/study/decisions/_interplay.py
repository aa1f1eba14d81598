"""Analyses of variance of a study: skip x norm x mixer, and skip x norm within each mixer."""

from collections.abc import Sequence
from typing import Any

from lsgeo.study.contrasts.interactions import anova
from lsgeo.study.contrasts.paired import Row
from lsgeo.study.decisions.records import Design

COLUMN = "lambda_max"
ARMS = ("plain", "residual")
READINGS = ("init", "matched")


def analyses(rows: Sequence[Row], designs: Sequence[Design]) -> list[dict[str, Any]]:
    """Analyses log lambda_max over the families that have different mixers, at their largest depths.

    Where several mixers have several norms, only those are crossed.

    Args:
      rows: of a study.
      designs: of the study.

    Returns:
      One mapping for each reading and design: reading, factors with their levels, text (the result in one line,
      or why there is none), and of each term F, degrees of freedom, p and partial eta squared.
    """
    norms = _mixers(designs)
    depths = {design.family: design.depths[-1] for design in designs if design.family in norms}
    several = {name: found for name, found in norms.items() if len(found) > 1}
    mixers = (
        several if len(several) > 1 else norms
    )  # One with a single norm would leave none to cross.
    common = [n for n in ("none", "layer", "batch") if all(n in found for found in mixers.values())]
    crossed = []
    if len(mixers) > 1:
        levels = {"arm": ARMS, "norm": common, "family": tuple(mixers)}
        crossed.append({name: found for name, found in levels.items() if len(found) > 1})
    for name, found in several.items():
        crossed.append({"arm": ARMS, "norm": tuple(found), "family": (name,)})
    return [_analysis(rows, depths, design, reading) for design in crossed for reading in READINGS]


def _mixers(designs):
    # Norms of the first family of each kind of model that has both arms.
    first: dict[str, str] = {}
    norms: dict[str, list[str]] = {}
    for design in designs:
        if set(ARMS) <= set(design.arms):
            if first.setdefault(design.model, design.family) == design.family:
                norms.setdefault(design.family, []).append(design.norm)
    return norms


def _analysis(rows, depths, design, reading):
    kept = [row for row in rows if depths.get(row["family"]) == row["depth"]]
    one = design["family"] if len(design.get("family", ())) == 1 else ()
    if one:
        kept = [row for row in kept if row["family"] == one[0]]
    factors = {name: tuple(levels) for name, levels in design.items() if len(levels) > 1}
    result = {"reading": reading, "factors": design, "column": COLUMN}
    where = f" in {one[0]}s of depth {depths[one[0]]}" if one else ""
    try:
        found = anova(kept, COLUMN, factors, reading)
    except ValueError as error:
        return result | {"text": f"{' x '.join(factors)}{where}, {reading}: no analysis. {error}"}
    terms = {
        term.name: {"F": term.f, "df": term.df, "p": term.p, "partial_eta2": term.partial_eta2}
        for term in found.terms
    }
    return result | {"text": f"{found}{where}", "terms": terms, "residual_df": found.residual_df}
