"""Analyses of variance of a study: skip x norm x mixer, and skip x norm within each mixer."""

from collections.abc import Sequence
from typing import Any

from lsgeo.study.config import Config
from lsgeo.study.contrasts.interactions import anova
from lsgeo.study.contrasts.paired import Row
from lsgeo.study.plan import kind_of

COLUMN = "lambda_max"
ARMS = ("plain", "residual")
READINGS = ("init", "matched")


def analyses(rows: Sequence[Row], config: Config) -> list[dict[str, Any]]:
    """Analyses log lambda_max over the families that have different mixers, at their largest depths.

    Args:
      rows: of a study.
      config: of the study.

    Returns:
      One mapping for each reading and design: reading, factors with their levels, text (the result in one line,
      or why there is none), and of each term F, degrees of freedom, p and partial eta squared.
    """
    families = _mixers(config)
    norms = [norm for norm in ("none", "layer", "batch") if _all_have(families.values(), norm)]
    designs = []
    if len(families) > 1:
        levels = {"arm": ARMS, "norm": norms, "family": tuple(families)}
        designs.append({name: found for name, found in levels.items() if len(found) > 1})
    for name, family in families.items():
        if len(family.norms) > 1:
            designs.append({"arm": ARMS, "norm": tuple(family.norms), "family": (name,)})
    return [
        _analysis(rows, families, design, reading) for design in designs for reading in READINGS
    ]


def _mixers(config):
    # The first family of each kind of model that has both arms.
    found = {}
    for name, family in config.families().items():
        kinds = [kind_of(other.model) for other in found.values()]
        if kind_of(family.model) not in kinds and set(ARMS) <= set(config.arms_of(family)):
            found[name] = family
    return found


def _all_have(families, norm):
    return all(norm in family.norms for family in families)


def _analysis(rows, families, design, reading):
    depths = {name: max(families[name].depths) for name in families}
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
