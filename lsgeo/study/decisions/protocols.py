"""What a verdict that depends on the protocol depends on."""

from collections.abc import Mapping

from lsgeo.study.decisions.records import Verdict


def splitting_factors(verdict: Verdict) -> Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The factors whose levels tell where a hypothesis holds from where it does not.

    Returns:
      By factor ("family", "norm", "depth", "reading", "arms"): the levels of all findings that support, and
      those of all findings that do not, where these have no level in common.
    """
    sides = (
        [f.condition for f in verdict.findings if f.decision == "supported"],
        [f.condition for f in verdict.findings if f.decision in ("contradicted", "no difference")],
    )
    found = {}
    for factor in ("family", "norm", "depth", "reading", "arms"):
        levels = [dict.fromkeys(str(getattr(c, factor)) for c in side) for side in sides]
        if all(levels) and not levels[0].keys() & levels[1].keys():
            found[factor] = (tuple(levels[0]), tuple(levels[1]))
    return found
