"""Draws the pictures of docs/gallery.md from real runs, networks with skips beside their twins without.

python -m docs.draw_gallery runs/gallery      # or: make gallery

What is in the directory already is not run again.
"""

import dataclasses
import importlib
import pathlib
import shutil
import sys
from collections.abc import Mapping
from typing import Any

from experiments.common.launch import Progress

PICTURES = pathlib.Path(__file__).parent / "gallery"
ROOT = "runs/gallery"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One run of the gallery.

    Attributes:
      name: of its directory, and of its pictures.
      experiment: module of `experiments`, with the configuration of that name.
      options: what differs from that configuration; "@NAME" is another entry's directory.
      figures: files of the run's folder "figures", without ".svg".
    """

    name: str
    experiment: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    figures: tuple[str, ...] = ()

    @property
    def pictures(self) -> tuple[str, ...]:
        """Names of the pictures, one for each figure."""
        return (self.name,) if len(self.figures) == 1 else self.figures

    @property
    def command(self) -> str:
        """The command that repeats the run."""
        parts = [f"python -m experiments.{self.experiment} --workdir={ROOT}/{self.name}"]
        for name, value in self.options.items():
            shown = _placed(value, pathlib.PurePosixPath(ROOT))
            parts.append(
                f"--config.{name}=" + (f'"{shown}"' if isinstance(shown, tuple) else f"{shown}")
            )
        return " \\\n  ".join(parts)

    def run(self, root: pathlib.Path) -> None:
        """Runs the experiment below `root` and copies its figures."""
        experiment = importlib.import_module(f"experiments.{self.experiment}")
        config = importlib.import_module(f"configs.{self.experiment}").get_config()
        for name, value in self.options.items():
            setattr(config, name, _placed(value, root))
        print(self.command, file=sys.stderr)
        experiment.run(config, root / self.name, progress=Progress())
        for figure, picture in zip(self.figures, self.pictures, strict=True):
            source = root / self.name / "figures" / f"{figure}.svg"
            shutil.copyfile(source, PICTURES / f"{picture}.svg")


def _placed(value, root):
    if isinstance(value, tuple):
        return tuple(_placed(one, root) for one in value)
    is_place = isinstance(value, str) and value.startswith("@")
    return str(root / value[1:]) if is_place else value


_TWINS = {"run": "@skip", "twin": "@no-skip"}
_MOMENTS = {"checkpoints": ("init", "loss_0.5", "end"), "instruments": ()}
_DEEP = {"norm": "none", "depth": 20, "stop_loss": 0.05}

ENTRIES = (
    Entry("skip", "train", {"skip": "identity"}),
    Entry("no-skip", "train", {"skip": "none"}),
    Entry("skip-other-seed", "train", {"skip": "identity", "seed": 1}),
    Entry("no-skip-other-seed", "train", {"skip": "none", "seed": 1}),
    Entry("deep-skip", "train", {"skip": "scaled", **_DEEP}),
    Entry("deep-no-skip", "train", {"skip": "none", **_DEEP}),
    Entry("density-skip", "spectrum", {"run": "@skip", **_MOMENTS}, ("density",)),
    Entry("density-no-skip", "spectrum", {"run": "@no-skip", **_MOMENTS}, ("density",)),
    Entry("surface", "surface", {**_TWINS, "resolution": 51, "planes": 1}, ("surface_0",)),
    Entry("line", "surface", {**_TWINS, "dimensions": 1, "resolution": 201}, ("lines",)),
    Entry("terrain", "terrain", {}, ("terrain", "minima")),
    Entry(
        "curvature-map",
        "curvature_map",
        {"run": "@deep-skip", "twin": "@deep-no-skip"},
        ("curvature_map",),
    ),
    Entry("sharpness", "sharpness", _TWINS, ("sharpness_loss_0.5",)),
    Entry(
        "connectivity-skip",
        "connectivity",
        {"run": "@skip", "other": "@skip-other-seed"},
        ("connectivity",),
    ),
    Entry(
        "connectivity-no-skip",
        "connectivity",
        {"run": "@no-skip", "other": "@no-skip-other-seed"},
        ("connectivity",),
    ),
    Entry("critical-points", "critical_points", {}, ("critical_points",)),
    Entry("escape", "escape", {}, ("escape_sgd16",)),
    Entry("dynamics", "dynamics", {}, ("dynamics_0.12",)),
    Entry("convergence", "convergence", {}, ("convergence",)),
    Entry("trajectory", "trajectory", {}, ("trajectory",)),
    Entry("signals", "signals", {}, ("signals",)),
    Entry("paths", "paths", _TWINS, ("paths",)),
    Entry("representations", "representations", {}, ("representations",)),
    Entry("gate", "gate", {}, ("gate",)),
)


def main(root: pathlib.Path) -> None:
    """Runs everything and copies the pictures."""
    PICTURES.mkdir(exist_ok=True)
    for entry in ENTRIES:
        entry.run(root)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m docs.draw_gallery DIRECTORY")
    main(pathlib.Path(sys.argv[1]))
