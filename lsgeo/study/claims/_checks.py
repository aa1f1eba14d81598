"""What a record of a claim must name to be answered at all; checked where claims are imported."""

from collections.abc import Iterable

from lsgeo.study.arms import ARMS
from lsgeo.study.claims.records import Claim
from lsgeo.study.measures import MEASURES


def check_claims(claims: Iterable[Claim]) -> None:
    """Refuses claims that no study could answer.

    Raises:
      ValueError: if two hypotheses have one name, or one names a column that no measure fills at its readings,
        or an arm that there is not, or has no smallest effect that counts.
    """
    filled = {
        (name, reading)
        for measure in MEASURES.values()
        for reading in measure.readings
        for name in measure.at(reading)
    }
    seen: set[str] = set()
    for hypothesis in (hypothesis for claim in claims for hypothesis in claim.hypotheses):
        name = hypothesis.name
        if name in seen:
            raise ValueError(
                f"`name` {name!r} is that of two hypotheses. Give each its own letter."
            )
        seen.add(name)
        for column in hypothesis.contrast.columns:
            for reading in hypothesis.readings:
                if (column, reading) not in filled:
                    raise ValueError(
                        f"`contrast` of {name} reads the column {column!r} at "
                        f"{reading or 'the whole run'}, which no measure fills there. Measures and their "
                        "columns stand in lsgeo/study/measures."
                    )
        for arm in {*(arm for pair in hypothesis.arms for arm in pair), *hypothesis.contrast.arms}:
            if arm not in ARMS:
                raise ValueError(
                    f"`arms` of {name} hold {arm!r}, which is no arm. Choose from: {', '.join(ARMS)}."
                )
        _ = hypothesis.judge  # refuses what has none
