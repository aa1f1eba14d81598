"""The study's page: verdicts in words, figures with captions, what failed, where it came from."""

import math
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from experiments import _answers, _contracts, _grid, _results, spectrum, surface
from lsgeo import plotting, report, runs, study

UNIT = "nats / parameter²"
ROLES = {"init": "at initialisation", "matched": "at equal training loss", "end": "at the end"}


def write(
    path: str | os.PathLike,
    cells: Sequence[_grid.Cell],
    rows: Sequence[_results.Row],
    contracts: Sequence[_contracts.Pair],
    verdicts: Sequence[study.Verdict],
    config,
    provenance: dict,
) -> str:
    """Writes the page and returns its headline."""
    headline = _answers.headline(verdicts, config)
    table = [_answers.row(verdict) for verdict in verdicts]
    figures = _answers.effects(verdicts)
    for family, settings in config.families().items():
        mine = [cell for cell in cells if cell.family == family]
        ours = [row for row in rows if row["family"] == family]
        depth = max(settings.depths)
        figures += [
            _densities(family, depth, mine, config),
            _by_depth(family, ours),
            _curves(family, depth, mine, contracts, config),
        ]
        figures += _surfaces(family, depth, mine)
    page = report.render(
        report.ReportContent(
            title="What did removing the skip connections do to the loss landscape?",
            headline=headline,
            verdicts=table,
            figures=figures,
            failures=_failures(cells, config),
            provenance=_provenance(provenance, config),
            command="make study",
        )
    )
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(page, encoding="utf-8")
    os.replace(temporary, path)
    return "\n".join(headline)


def _densities(family, depth, cells, config):
    names = {"init": "init", "matched": _grid.matched_name(config.matched_loss), "end": "end"}
    figure, axes = plotting.new_figure(height=7.6, rows=3)
    for ax, (role, name) in zip(axes, names.items(), strict=True):
        arms = {}
        for cell in cells:
            run = runs.Run(cell.path / "spectrum")
            if cell.depth == depth and run.has(name):
                found = spectrum.load_density(run.load(name))
                arms.setdefault(cell.arm.label, []).append(found)
        if arms:
            plotting.spectral_densities(arms, ax, unit=UNIT, x_scale="symlog")
        ax.set_title(ROLES[role], fontsize=9, loc="left")
    return report.Figure(
        f"{family}, depth {depth}: eigenvalues of the Hessian",
        "How the curvatures of the loss are distributed over directions in parameter space: at "
        f"initialisation, at a training loss of {config.matched_loss:g} and at the end of training. Most "
        "directions are almost flat (the peak at zero); a few are steep (right) or curve downwards (left). "
        "The horizontal axis is linear around zero and logarithmic beyond. Line: median over seeds; band: "
        "lowest to highest seed; ticks at the top: lowest and highest eigenvalue of each seed.",
        plotting.to_svg(figure),
        f"Three panels of eigenvalue densities of {family} networks with and without skips.",
    )


def _by_depth(family, rows):
    metrics = {
        "lambda_max": ("largest eigenvalue", UNIT),
        "lambda_min": ("lowest eigenvalue", UNIT),
        "trace": ("trace", UNIT),
        "negative_mass": ("negative mass", "share"),
    }
    figure, axes = plotting.new_figure(height=5.6, columns=2, rows=2)
    for ax, (metric, (label, unit)) in zip(np.ravel(axes), metrics.items(), strict=True):
        values = {}
        for row in rows:
            if row["checkpoint"] == "":
                arm = values.setdefault(study.ARMS[row["arm"]].label, {}).setdefault(
                    row["depth"], []
                )
                arm.append(_at_matched(rows, row, metric))
        if np.isfinite(
            [v for arm in values.values() for depth in arm.values() for v in depth]
        ).any():
            plotting.metric_by_depth(values, ax, label=label, unit=unit)
    return report.Figure(
        f"{family}: curvature against depth, at equal training loss",
        "Each dot is one network, the line joins medians over seeds, the bar reaches from the lowest to "
        "the highest seed. The largest eigenvalue is the steepest curvature, the lowest one the strongest "
        "downward curvature, the trace their sum over all directions, the negative mass the share of all "
        "curvature that points downwards. A network that never reached the training loss has no dot and "
        "is counted under the axis.",
        plotting.to_svg(figure),
        f"Four panels of curvature figures of {family} networks against depth.",
    )


def _at_matched(rows, row, metric):
    keys = ("depth", "arm", "seed")
    for other in rows:
        if other["checkpoint"] == "matched" and all(other[k] == row[k] for k in keys):
            return other[metric]
    return math.nan


def _curves(family, depth, cells, contracts, config):
    curves = []
    for cell in cells:
        if cell.depth == depth:
            run = runs.Run(cell.path / "train")
            metrics = run.metrics()
            summary = run.load("summary")
            steps, losses = [m["step"] for m in metrics], [m["loss"] for m in metrics]
            failed = summary["status"] == "diverged"
            curves.append(plotting.TrainingCurve(cell.arm.label, steps, losses, failed))
    figure, ax = plotting.new_figure()
    plotting.training_curves(curves, ax, levels=(config.matched_loss,))
    settings = cells[0].settings
    return report.Figure(
        f"{family}, depth {depth}: training",
        f"Training loss of every network, with the same learning rate ({settings.learning_rate:g}, "
        f"{settings.optimizer}). {_common(family, depth, contracts)} The dotted line is the loss at which "
        f"they are compared. Training ends at a loss of {settings.end_loss:g} or after "
        f"{settings.max_steps} steps; a cross marks a network that diverged.",
        plotting.to_svg(figure),
        f"Training curves of {family} networks with and without skips.",
    )


def _common(family, depth, contracts):
    pairs: dict[str, list[_contracts.Pair]] = {}
    for pair in contracts:
        if (pair.family, pair.depth) == (family, depth):
            pairs.setdefault(pair.contract.arm, []).append(pair)
    return " ".join(_contracts.sentence(mine) for mine in pairs.values())


def _surfaces(family, depth, cells):
    # The first seed of which both twins have a surface; of several arms, the first two.
    found = {}
    shown = dict.fromkeys(cell.arm for cell in cells)
    plain, other = list(shown)[:2]
    for cell in cells:
        run = runs.Run(cell.path / "surface")
        if cell.arm in (plain, other) and cell.depth == depth and run.has("summary"):
            planes = surface.load_surfaces(run)
            found.setdefault(cell.seed, {})[cell.arm.label] = planes[0], run.load("summary")
    pairs = [arms for _, arms in sorted(found.items()) if len(arms) == 2]
    if not pairs:
        return []
    planes = {arm.label: pairs[0][arm.label][0] for arm in (other, plain)}
    figure, axes = plotting.new_figure(height=3.6, columns=2)
    num_classes = round(math.exp(pairs[0][other.label][1]["chance_loss"]))
    plotting.surface_pair(planes, axes, num_classes=num_classes)
    caption = (
        "Loss on a plane through the trained network (cross) along two random directions, the same for both "
        "twins; a step of 1 moves every unit's weights by their own length. One colour scale for both. The "
        "white line is the loss of guessing. One seed and one plane of several: the verdict rests on all of "
        "them, and a random plane shows the average curvature, not the steepest."
    )
    alt = (
        f"Two loss surfaces of {family} networks, {other.phrase} and {plain.phrase}, side by side."
    )
    title = f"{family}, depth {depth}: the loss around the network"
    return [report.Figure(title, caption, plotting.to_svg(figure), alt)]


def _failures(cells, config):
    sentences = []
    for family, settings in config.families().items():
        for depth in settings.depths:
            for arm in study.parse_arms(config.arms):
                mine = [c for c in cells if (c.family, c.depth, c.arm.name) == (family, depth, arm)]
                sentences += _failures_of(mine, config.matched_loss)
    return sentences


def _failures_of(cells, matched_loss):
    name = f"{cells[0].family} of depth {cells[0].depth}, {cells[0].arm.label}"
    summaries = [runs.Run(cell.path / "train").load("summary") for cell in cells]
    sentences = []
    diverged = [c.seed for c, s in zip(cells, summaries, strict=True) if s["status"] == "diverged"]
    if diverged:
        sentences.append(f"{name}: seeds {_listed(diverged)} diverged.")
    short = [
        c.seed
        for c, s in zip(cells, summaries, strict=True)
        if dict(zip(s["levels"], s["reached"], strict=True))[matched_loss] < 0
    ]
    if short:
        sentences.append(
            f"{name}: seeds {_listed(short)} never reached a training loss of {matched_loss:g}; they "
            "have no figures at equal loss, and their pairs are left out of those effects."
        )
    return sentences


def _listed(seeds):
    return ", ".join(str(seed) for seed in seeds)


def _provenance(stored, config):
    flat = {f"{name} version": version for name, version in stored.pop("versions").items()}
    seeds = ", ".join(str(seed) for seed in range(config.num_seeds))
    return {**stored, **flat, "seeds": seeds}
