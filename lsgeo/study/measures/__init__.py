"""Measures: what can be measured of one network, by name. A new one is a file here and a line below."""

from lsgeo.study.measures import curvature, training
from lsgeo.study.measures.depth import movement, placements, zero_weights
from lsgeo.study.measures.landscape import (
    connectivity,
    degenerate,
    escape,
    generalization,
    point,
    sharpness,
    smoothness,
    stable_rate,
    stalls,
    subspace,
    sweep,
)
from lsgeo.study.measures.records import (
    READINGS,
    WHOLE,
    Column,
    Measure,
    Smallest,
    columns,
    registry,
)
from lsgeo.study.measures.signals import (
    alignment,
    conditioning,
    confusion,
    gates,
    gradient_flow,
    gradient_law,
    paths,
    rank,
    reuse,
    shortcuts,
)
from lsgeo.study.measures.subject import Subject

MEASURES: dict[str, Measure] = registry(
    (
        training.TRAIN,
        training.SPEED,
        curvature.SPECTRUM,
        curvature.SADDLES,
        curvature.SURFACE,
        point.POINT,
        alignment.ALIGNMENT,
        confusion.CONFUSION,
        connectivity.CONNECTIVITY,
        degenerate.DEGENERATE,
        escape.ESCAPE,
        gates.GATES,
        generalization.GENERALIZATION,
        sharpness.SHARPNESS,
        smoothness.SMOOTHNESS,
        gradient_flow.GRADIENT_FLOW,
        gradient_law.GRADIENT_LAW,
        paths.LESIONS,
        paths.PATHS,
        conditioning.CONDITIONING,
        reuse.REUSE,
        shortcuts.SHORTCUTS,
        subspace.SUBSPACE,
        sweep.SWEEP,
        rank.RANK,
        stable_rate.STABLE_RATE,
        movement.MOVEMENT,
        placements.PLACEMENTS,
        zero_weights.ZERO_WEIGHTS,
        stalls.STALLS,
    )
)
# Those that `experiments.measure` takes; the others have an experiment of their own.
METRICS: dict[str, Measure] = {
    name: measure for name, measure in MEASURES.items() if measure.measure is not None
}


def column(name: str) -> Column | None:
    """The column of a name, where it says how it is judged; None for one that no measure fills.

    Raises:
      ValueError: if two measures fill it, at different readings, and say different things of it.
    """
    found = [c for measure in MEASURES.values() for c in measure.columns if c.name == name]
    says = {c: (c.smallest, c.floor, c.ceiling, c.follows_rate) for c in found}
    judged = [c for c in found if says[c] != (None, None, None, False)]
    if len({says[c] for c in judged}) > 1:
        raise ValueError(
            f"`columns` of several measures declare {name!r} differently. Give each the same smallest effect, "
            "floor and ceiling, or leave them to one."
        )
    return (judged or found or [None])[0]


__all__ = [
    "MEASURES",
    "METRICS",
    "READINGS",
    "WHOLE",
    "Column",
    "Measure",
    "Smallest",
    "Subject",
    "column",
    "columns",
    "registry",
]
