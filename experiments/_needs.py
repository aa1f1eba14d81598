"""Which runs of a network the claims need: from columns to the experiments and metrics that measure them."""

from collections.abc import Sequence

from experiments._family import Family
from lsgeo import models, study

# Columns that experiments other than `experiments.measure` leave behind.
PROVIDED: dict[str, tuple[str, ...]] = {
    "train": (
        "step",
        "train_loss",
        "test_loss",
        "train_accuracy",
        "test_accuracy",
        "plateau_steps",
        "plateau_resolution",
        "num_parameters",
    ),
    "speed": ("steps", "best_learning_rate"),
    "spectrum": (
        "lambda_min",
        "lambda_max",
        "trace",
        "trace_error",
        "negative_ratio",
        "noise_ratio",
        *(
            share + end
            for share in ("zero_fraction", "negative_fraction", "negative_mass")
            for end in ("", "_lower", "_upper", "_open")
        ),
    ),
    "surface": ("non_convex_fraction", "basin_area", "surface_resolution"),
    "saddles": ("gradient_norm", "hg_over_g"),
}


def kind(model: str) -> str:
    """The family of a model: a published network's own, else the name itself."""
    published = models.PUBLISHED.get(model)
    return published.family if published else model


def columns(family: Family) -> set[str]:
    """All columns that a study measures in a family, for some arm."""
    found = set()
    for name, provided in _instruments().items():
        if name not in family.without:
            found |= set(provided)
    return found


def needed(
    name: str,
    family: Family,
    norm: str,
    arm: str,
    arms: Sequence[str],
    claims: Sequence[study.Claim],
) -> list[str]:
    """The instruments that some claims need of one network, by name, in a fixed order.

    Args:
      name: of the family in the study.
      family: settings.
      norm: normalisation.
      arm: name of the network's arm.
      arms: of the family.
      claims: claims.

    Returns:
      A list of "spectrum", "surface", "saddles", "speed", and names of metrics.
    """
    wanted = set()
    for claim in claims:
        for hypothesis in claim.hypotheses:
            if _asks(hypothesis, name, family, norm) and arm in _arms(hypothesis, arms):
                wanted |= set(hypothesis.contrast.columns)
    return [
        instrument
        for instrument, provided in _instruments().items()
        if instrument != "train" and instrument not in family.without and wanted & set(provided)
    ]


def _asks(hypothesis, name, family, norm):
    model = kind(family.model)
    if hypothesis.covers(model, norm):
        return True
    # The other side of an interaction: another norm of the same family, or another family.
    other_norm, other_family = (
        getattr(hypothesis.contrast, side, "") for side in ("norm", "family")
    )
    if other_family:
        return name == other_family and norm in (other_norm, *hypothesis.norms)
    return norm == other_norm and (not hypothesis.models or model in hypothesis.models)


def _arms(hypothesis, arms):
    pairs = hypothesis.pairs(arms)
    ranked = getattr(hypothesis.contrast, "arms", ()) if pairs else ()
    return {arm for pair in pairs for arm in pair} | set(ranked)


def _instruments():
    return PROVIDED | {name: metric.columns for name, metric in study.METRICS.items()}
