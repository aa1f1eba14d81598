"""Writes the surfaces of a run as files of other programs, into RUN/exports or WORKDIR/exports.

python -m experiments.export --config=configs/export.py --run=runs/surface
"""

import dataclasses
import math
import os
import pathlib

from experiments import surface
from experiments.common.launch import launch
from experiments.common.steps import Progress, Steps
from lsgeo import exports, runs


@dataclasses.dataclass
class Config:
    """Files of the surfaces of one run, or of a pair.

    Attributes:
      run: directory of a run of experiments.surface, finished or not.
      twin: directory of its twin's, on the same page; "" takes the twin of the run itself, if it has one.
      formats: csv, hdf5 (the keys of Li et al.'s code) and vtp (ParaView), one file for each plane, and html,
        one page for all; with commas.
      height: third coordinate of "vtp": "loss" or "log10_loss".
    """

    run: str = ""
    twin: str = ""
    formats: str = "csv,hdf5,vtp,html"
    height: str = "loss"


def run(
    config: Config,
    workdir: str | os.PathLike | None = None,
    progress: Progress | None = None,
) -> list[pathlib.Path]:
    """Writes plane_K.csv, plane_K.h5, plane_K.vtp, twin_plane_K.... and surfaces.html.

    Args:
      config: Config.
      workdir: directory that gets a folder "exports"; by default that of the run.
      progress: progress(done, total, text).

    Returns:
      Paths of the files.

    Raises:
      ValueError: for a bad field, a directory without a finished plane, or a library that is not installed.
    """
    names = config.formats.split(",")
    for name in names:
        if name not in (*_FILES, "html"):
            raise ValueError(
                f"Unknown name in `formats`: {name!r}. Choose from: {', '.join(_FILES)}, html, with commas."
            )
    if config.height not in exports.HEIGHTS:
        raise ValueError(
            f"`height` must be one of {', '.join(exports.HEIGHTS)}; got {config.height!r}."
        )
    planes = _planes(config)
    folder = pathlib.Path(config.run if workdir is None else workdir) / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        (folder / f"{file}{ending}", write, plane)
        for ending, write in (_FILES[name] for name in names if name != "html")
        for file, (_, plane) in planes.items()
    ]
    if "html" in names:
        jobs.append((folder / "surfaces.html", _write_page, planes.values()))
    step = Steps(progress, len(jobs))
    for path, write, content in jobs:
        write(path, content, config)
        step(str(path))
    return [path for path, *_ in jobs]


def _planes(config):
    # file name -> (name on the page, surface)
    if not config.run:
        raise ValueError(
            "`run` must be the directory of a run of experiments.surface; got nothing."
        )
    # file prefix -> (directory, prefix in it)
    twin = (config.twin, "") if config.twin else (config.run, "twin_")
    sources = {"": (config.run, ""), "twin_": twin}
    planes = {}
    for prefix, (source, inner) in sources.items():
        runs.load_config(source)
        found = surface.load_surfaces(runs.Run(pathlib.Path(source)), inner)
        if not found and not inner:
            raise ValueError(
                f"{source} has no finished plane: run experiments.surface with --workdir={source} first."
            )
        for number, plane in enumerate(found):
            name = f"{source}, {'twin, ' if inner else ''}plane {number}"
            planes[f"{prefix}plane_{number}"] = (name, plane)
    return planes


def _write_page(path, planes, config):
    opened = runs.Run(pathlib.Path(config.run))
    chance = opened.load("summary")["chance_loss"] if opened.has("summary") else math.nan
    unit = surface.UNITS[runs.load_config(config.run).get("directions", "filter")]
    exports.write_html(path, dict(planes), level=chance if chance > 0 else None, unit=unit)


_FILES = {
    "csv": (".csv", lambda path, plane, config: exports.write_csv(path, plane)),
    "hdf5": (".h5", lambda path, plane, config: exports.write_li(path, {"train_loss": plane})),
    "vtp": (".vtp", lambda path, plane, one: exports.write_vtp(path, plane, height=one.height)),
}


if __name__ == "__main__":
    launch(run, config_file="configs/export.py", shorthands=("run", "twin"), needs_workdir=False)
