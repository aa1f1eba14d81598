"""The grid of a study: independent run directories, each filled by one experiment."""

import dataclasses
import math
import os
import pathlib

from experiments import _options, saddles, spectrum, surface, train
from lsgeo import study


@dataclasses.dataclass
class Family:
    """One family of networks and how it is trained and measured.

    Attributes:
      model: a family of `lsgeo.models`.
      norm: normalisation, the same in all arms, as are activation, initializer and options.
      activation: "" is the family's default.
      initializer: of the arms that have none of their own; "" is the family's default.
      options: what only one family has, "option=value, ...".
      depths: depths of the twins; () leaves the family out.
      width: units, or channels of the first stage.
      num_train: training examples.
      batch_size: 0 is the full batch.
      eval_every: steps between two measurements of the training loss (mini-batches).
      optimizer: of all runs.
      learning_rate: common to both arms where the geometry is measured; small, so that it shows the
        network and not the optimiser.
      max_steps: updates at most.
      end_loss: training ends at this training loss.
      learning_rates: grid for the speed of training; each arm is judged at its own best.
      speed_steps: updates at most in the grid.
      num_examples: examples that curvature and surfaces are measured on; 0 takes all.
      num_probes: start vectors of the density.
      num_steps: Lanczos steps per probe.
      trace_matvecs: products for the trace.
      resolution: points per axis of a surface.
      planes: random planes per network.
      surface_range: half the width of a surface, in filter norms.
      saddles: whether the networks at the matched loss are classified as critical points.
    """

    model: str = "mlp"
    norm: str = "layer"
    activation: str = ""
    initializer: str = ""
    options: str = ""
    depths: tuple[int, ...] = (4, 8, 16)
    width: int = 16
    num_train: int = 400
    batch_size: int = 0
    eval_every: int = 50
    optimizer: str = "momentum"
    learning_rate: float = 0.003
    max_steps: int = 1500
    end_loss: float = 0.05
    learning_rates: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3)
    speed_steps: int = 200
    num_examples: int = 0
    num_probes: int = 4
    num_steps: int = 48
    trace_matvecs: int = 60
    resolution: int = 15
    planes: int = 2
    surface_range: float = 1.0
    saddles: bool = True


@dataclasses.dataclass(frozen=True)
class Cell:
    """All runs of one network: one arm of the twins of a family, a depth and a seed."""

    family: str
    settings: Family
    depth: int
    twins: study.Twins
    arm: study.Arm
    root: pathlib.Path

    @property
    def seed(self) -> int:
        """Seed of the twins."""
        return self.twins.seed

    @property
    def path(self) -> pathlib.Path:
        """Directory of the cell's runs."""
        name = f"{self.family}-depth{self.depth}-{self.arm.folder}-seed{self.seed}"
        return self.root / "runs" / name

    def __str__(self) -> str:
        return f"{self.family} depth {self.depth}, {self.arm}, seed {self.seed}"


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of one experiment in its own directory; `cost` is its share of the time."""

    cell: Cell
    name: str
    experiment: str
    config: object
    cost: float

    @property
    def workdir(self) -> pathlib.Path:
        """The run's directory."""
        return self.cell.path / self.name

    def run(self) -> None:
        """Runs the experiment; does nothing if its results are there."""
        _EXPERIMENTS[self.experiment](self.config, self.workdir)

    def __str__(self) -> str:
        return f"{self.name} of {self.cell}"


_EXPERIMENTS = {
    "train": train.run,
    "spectrum": spectrum.run,
    "saddles": saddles.run,
    "surface": surface.run,
}


def cells(config, root: str | os.PathLike) -> list[Cell]:
    """Lists the networks of a study, in order of family, depth, arm and seed."""
    arms, root = study.parse_arms(config.arms), pathlib.Path(root)
    return [
        Cell(family, settings, depth, _twins(settings, depth, arms, seed), study.ARMS[arm], root)
        for family, settings in config.families().items()
        for depth in settings.depths
        for arm in arms
        for seed in range(config.num_seeds)
    ]


def jobs(cell: Cell, matched_loss: float) -> list[Job]:
    """Lists the runs of one network in the order in which they need each other."""
    s = cell.settings
    checkpoints = ("init", matched_name(matched_loss), "end")
    trained = str(cell.path / "train")
    unit = cell.depth * (3.0 if s.model == "resnet" else 1.0)
    common = {"run": trained, "num_examples": s.num_examples, "seed": cell.seed}
    half = s.surface_range
    speeds = [
        Job(cell, f"speed-lr{rate:g}", "train", _speed_config(cell, rate, matched_loss), unit)
        for rate in cell.twins.learning_rates
    ]
    classified = saddles.Config(checkpoints=checkpoints[1:2], **common)
    points = [Job(cell, "saddles", "saddles", classified, 2 * unit)] if s.saddles else []
    return [
        Job(cell, "train", "train", _train_config(cell, matched_loss), 4 * unit),
        Job(
            cell,
            "spectrum",
            "spectrum",
            spectrum.Config(
                checkpoints=checkpoints,
                num_probes=s.num_probes,
                num_steps=s.num_steps,
                trace_matvecs=s.trace_matvecs,
                figure=False,
                tol=1e-4,
                **common,
            ),
            5 * unit,
        ),
        Job(
            cell,
            "surface",
            "surface",
            surface.Config(
                checkpoint=checkpoints[1],
                x_min=-half,
                x_max=half,
                y_min=-half,
                y_max=half,
                resolution=s.resolution,
                planes=s.planes,
                **common,
            ),
            2 * unit,
        ),
        *points,
        *speeds,
    ]


def matched_name(loss: float) -> str:
    """Name of the checkpoint at a training loss."""
    return f"loss_{float(loss)}"


def _train_config(cell, matched_loss):
    s = cell.settings
    levels = tuple(sorted({1.0, 0.5, 0.1, matched_loss}, reverse=True))
    return train.Config(
        **_network(cell),
        learning_rate=s.learning_rate,
        max_steps=s.max_steps,
        loss_levels=levels,
        stop_loss=s.end_loss,
        save_every=max(1, math.ceil(s.max_steps / 3)),
    )


def _speed_config(cell, learning_rate, matched_loss):
    return train.Config(
        **_network(cell),
        learning_rate=learning_rate,
        max_steps=cell.settings.speed_steps,
        loss_levels=(matched_loss,),
        stop_loss=matched_loss,
        checkpoints=False,
        save_every=0,
    )


def _twins(settings, depth, arms, seed):
    return study.Twins(
        settings.model,
        _options.model_options(settings, depth=depth),
        arms=arms,
        seed=seed,
        num_train=settings.num_train,
        learning_rates=settings.learning_rates,
    )


def _network(cell):
    twins, s = cell.twins, cell.settings
    names = ("batch_size", "eval_every", "optimizer")
    return {
        **{name: getattr(s, name) for name in names},
        **{name: getattr(twins, name) for name in ("dataset", "num_train", "data_seed", "seed")},
        **_options.model_fields(twins.model, twins.arm_options(cell.arm.name)),
    }
