"""The networks of a study as the page's explorer has them: medians over seeds, out of run directories."""

from collections.abc import Sequence

import numpy as np

from lsgeo import runs
from lsgeo.results import restored
from lsgeo.spectra import SpectralDensity
from lsgeo.study.page.explorer import Explorer, Network, Plane, median_curve, pooled_density
from lsgeo.study.plan import Cell
from lsgeo.study.stored import load_surfaces
from lsgeo.study.table import checkpoints


def explorer(cells: Sequence[Cell], matched_loss: float) -> Explorer | None:
    """Gathers what can be laid side by side; None where nothing was trained.

    The deepest twins of each family and norm come first, so that the first two networks are twins.
    """
    groups: dict[tuple, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.kind, []).append(cell)
    places = {}
    for family, norm, *_ in groups:
        places.setdefault((family, norm), len(places))
    ordered = sorted(groups, key=lambda group: (places[group[:2]], -group[2]))
    found = [_network(groups[group], matched_loss) for group in ordered]
    networks = [network for network in found if network.curve or network.densities]
    return Explorer(networks, matched_loss) if networks else None


def stored(path, name):
    """What a run has saved; None where it is missing or damaged."""
    try:
        return runs.Run(path).load(name)
    except ValueError:
        return None


def records(cell: Cell) -> list[dict]:
    """The training metrics of a network that have a loss; [] where they are missing or damaged."""
    try:
        return [one for one in runs.Run(cell.path / "train").metrics() if "loss" in one]
    except ValueError:
        return []


def densities(cells: Sequence[Cell], name: str) -> list:
    """The spectral densities of some networks at a checkpoint, of those that have one."""
    found = [stored(cell.path / "spectrum", name) for cell in cells]
    return [restored(SpectralDensity, one) for one in found if one is not None]


def planes(cell: Cell) -> tuple[list, dict] | None:
    """The loss surfaces of a network and their summary; None where they are missing or damaged."""
    run = runs.Run(cell.path / "surface")
    try:
        return load_surfaces(run), run.load("summary")
    except ValueError:
        return None


def _network(cells, matched_loss):
    cell = cells[0]
    names = checkpoints(matched_loss)
    found = {reading: densities(cells, name) for reading, name in names.items()}
    curves = [records(cell) for cell in cells]
    curves = [([r["step"] for r in c], [r["loss"] for r in c]) for c in curves if c]
    return Network(
        cell.family,
        cell.norm,
        cell.depth,
        cell.arm.phrase,
        len(cells),
        {reading: pooled_density(seeds) for reading, seeds in found.items() if seeds},
        _plane(cells),
        median_curve(curves) if curves else None,
    )


def _plane(cells):
    # Of the first seed that has one: the median of several would be smoother than any of them.
    for cell in cells:
        found = planes(cell)
        if found is not None:
            (plane, *_), summary = found
            values, half = np.asarray(plane.values), float(np.max(plane.xs))
            return Plane(half, values, float(summary["chance_loss"]), cell.seed)
    return None
