"""Draws the first picture of README.md: the loss around twins, out of a run of experiments.surface.

python -m docs.draw_twins runs/surface

The run must have a twin, the network without skips. How it was made stands in README.md.
"""

import pathlib
import sys

from lsgeo import plotting, runs, study
from lsgeo.study.stored import load_surfaces

PICTURE = pathlib.Path(__file__).parent / "twins.png"


def draw(workdir: pathlib.Path) -> bytes:
    """The first plane of a run and that of its twin, as a PNG.

    Args:
      workdir: of the run.

    Raises:
      ValueError: for a run without a finished plane of both networks.
    """
    run = runs.Run(workdir)
    names = {study.ARMS["plain"].label: "twin_", study.ARMS["residual"].label: ""}
    planes = {label: load_surfaces(run, prefix) for label, prefix in names.items()}
    if not all(planes.values()):
        raise ValueError(
            f"`workdir` must hold a plane of a network and one of its twin; {workdir} does not. Run "
            "experiments.surface with --config.twin first."
        )
    first = {label: found[0] for label, found in planes.items()}
    chance = float(run.load("summary")["chance_loss"])
    return plotting.to_png(plotting.twin_landscapes(first, chance=chance))


def main(workdir: str) -> None:
    """Writes docs/twins.png."""
    PICTURE.write_bytes(draw(pathlib.Path(workdir)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m docs.draw_twins DIRECTORY")
    main(sys.argv[1])
