"""The fixed pictures of a study's page: all effects, and per family spectra, training and surfaces."""

from collections.abc import Sequence

import numpy as np

from lsgeo import plotting
from lsgeo.geometry import Surface
from lsgeo.study import _pairs
from lsgeo.study.decisions.records import Verdict
from lsgeo.study.page import _networks
from lsgeo.study.page.content import Figure
from lsgeo.study.page.landscapes import LABELS, PHRASES, Twins
from lsgeo.study.plan import Cell
from lsgeo.study.table import matched_name

UNIT = "nats / parameter²"
DRAWN = 2  # Each family takes a third of a megabyte of the page.


def forest(verdicts: Sequence[Verdict]) -> Figure | None:
    """Draws the primary effect of every hypothesis that has a number; None where none has."""
    measured = [v for v in verdicts if v.findings and v.primary.effect.num_pairs]
    if not measured:
        return None
    figure = plotting.effect_forests([_row(verdict) for verdict in measured])
    return Figure(
        "All effects",
        "One line for each hypothesis that has a number at its primary condition. The mark is the mean over "
        "pairs of twins, the line its interval, the grey strokes the smallest effects that count. Right of "
        "the middle the effect goes the way that the hypothesis predicts. Discs: supported; crosses: "
        "contradicted; half-filled squares: depends on the protocol; open diamonds: undecided. Effects that "
        "are ratios are factors; the others have different units and are shown in multiples of the smallest "
        "effect that counts, or as they are where every effect counts.",
        plotting.to_svg(figure, text=True),
        "Forest plot of the effects in the table of verdicts.",
    )


def _row(verdict):
    effect = verdict.primary.effect
    return plotting.EffectRow(
        f"{verdict.hypothesis.name} {verdict.hypothesis.statement}",
        effect.value,
        effect.lower,
        effect.upper,
        verdict.hypothesis.smallest,
        verdict.decision,
        verdict.hypothesis.contrast.is_ratio,
    )


def landscapes(twins: Twins, matched_loss: float) -> Figure:
    """Draws the deepest of some twins as hills and maps, and their extreme eigenvalues over depth, as a PNG."""
    deepest = twins.landscapes[-1]
    axis = np.linspace(-deepest.half, deepest.half, len(deepest.values[0]))
    planes = {
        label: Surface(axis, axis, values)
        for label, values in zip(LABELS, deepest.values, strict=True)
    }
    figure = plotting.twin_landscapes(planes, chance=twins.chance, extremes=twins.extremes)
    image = plotting.to_png(figure)
    return Figure(
        "The loss around twins",
        f"{twins.name}, twins at a training loss of {matched_loss:g}: the loss on a plane through each "
        "network, along the same two random directions, a step of 1 moving every unit's weights by their own "
        "length. One camera, one height and one colour scale, both logarithmic; white: the loss of guessing. "
        "Below: median over seeds, bars from the lowest seed to the highest; a triangle is a bound, which the "
        "learning rate holds down. One seed and one plane of several: the laws and verdicts rest on all.",
        image,
        f"Two loss surfaces of {twins.name}, depth {deepest.depth}, {' and '.join(PHRASES)}, as hills and as "
        "maps.",
    )


def of_families(
    cells: Sequence[Cell], contracts: Sequence[_pairs.Pair], matched_loss: float
) -> list[Figure]:
    """Draws the deepest twins of the first families, with their first norm; the explorer has all of them."""
    figures = []
    for family in list(dict.fromkeys(cell.family for cell in cells))[:DRAWN]:
        ours = [cell for cell in cells if cell.family == family]
        depth = max(cell.depth for cell in ours)
        # More arms than that hide one another; the explorer has them all.
        arms = list(dict.fromkeys(cell.arm for cell in ours))[:5]
        deepest = [
            cell
            for cell in ours
            if (cell.norm, cell.depth) == (ours[0].norm, depth) and cell.arm in arms
        ]
        name = _name(deepest[0])
        figures += _densities(name, deepest, matched_loss)
        figures += _curves(name, deepest, contracts, matched_loss)
    return figures


def _name(cell):
    norm = {"": "", "none": ", no norm"}.get(cell.norm, f", {cell.norm} norm")
    return f"{cell.family}{norm}, depth {cell.depth}"


def _by_arm(cells):
    arms: dict[str, list] = {}
    for cell in cells:
        arms.setdefault(cell.arm.label, []).append(cell)
    return arms


def _densities(name, cells, matched_loss):
    checkpoint = matched_name(matched_loss)
    arms = {arm: _networks.densities(mine, checkpoint) for arm, mine in _by_arm(cells).items()}
    arms = {arm: found for arm, found in arms.items() if found}
    if not arms:
        return []
    figure, ax = plotting.new_figure()
    plotting.spectral_densities(arms, ax, unit=UNIT, x_scale="symlog")
    return [
        Figure(
            f"{name}: eigenvalues of the Hessian at a training loss of {matched_loss:g}",
            "How the curvatures of the loss are distributed over directions in parameter space. Most "
            "directions are almost flat (the peak at zero); a few are steep (right) or curve downwards "
            "(left). The horizontal axis is linear around zero and logarithmic beyond. Line: median over "
            "seeds; band: lowest to highest seed; ticks at the top: lowest and highest eigenvalue of each.",
            plotting.to_svg(figure),
            f"Eigenvalue densities of {name}, one curve for each arm.",
        )
    ]


def _curves(name, cells, contracts, matched_loss):
    curves = []
    for cell in cells:
        metrics, summary = _networks.records(cell), _networks.stored(cell.path / "train", "summary")
        if metrics and summary is not None:
            steps, losses = [m["step"] for m in metrics], [m["loss"] for m in metrics]
            failed = summary["status"] == "diverged"
            curves.append(plotting.TrainingCurve(cell.arm.label, steps, losses, failed))
    if not curves:
        return []
    figure, ax = plotting.new_figure()
    plotting.training_curves(curves, ax, levels=(matched_loss,))
    settings = cells[0].settings
    return [
        Figure(
            f"{name}: training",
            f"Training loss of every network, with the same learning rate ({settings.learning_rate:g}, "
            f"{settings.optimizer}). {_common(cells[0], contracts)} The dotted line is the loss at which they "
            f"are compared. Training ends at a loss of {settings.end_loss:g} or after {settings.max_steps} "
            "steps; a cross marks a network that diverged.",
            plotting.to_svg(figure),
            f"Training curves of {name}, one for each arm and seed.",
        )
    ]


def _common(cell, contracts):
    ours: dict[str, list[_pairs.Pair]] = {}
    for pair in contracts:
        if (pair.family, pair.norm, pair.depth) == (cell.family, cell.norm, cell.depth):
            ours.setdefault(pair.contract.arm, []).append(pair)
    return " ".join(_pairs.sentence(mine) for mine in ours.values())
