"""The grid of a study: its networks, and the independent run directories that each of them fills."""

import dataclasses
import math
import os
import pathlib
from collections.abc import Sequence

from experiments import _contracts, _needs, _options, measure, saddles, spectrum, surface, train
from experiments._family import Family
from lsgeo import study, training

_EXPERIMENTS = {
    "train": train.run,
    "spectrum": spectrum.run,
    "saddles": saddles.run,
    "surface": surface.run,
    "measure": measure.run,
    "contract": _contracts.run,
}

INSTRUMENTS = tuple(name for name in (*_needs.PROVIDED, *study.METRICS) if name != "train")


@dataclasses.dataclass(frozen=True)
class Cell:
    """All runs of one network: one arm of the twins of a family, a norm, a depth and a seed."""

    family: str
    settings: Family
    norm: str
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
        parts = (self.family, self.norm, f"depth{self.depth}", self.arm.folder, f"seed{self.seed}")
        return self.root / "runs" / "-".join(part for part in parts if part)

    def __str__(self) -> str:
        norm = f" with {self.norm} norm" if self.norm and self.norm != "none" else ""
        return f"{self.family} depth {self.depth}{norm}, {self.arm}, seed {self.seed}"


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of one experiment in its own directory.

    Attributes:
      cell: the network.
      name: of the directory.
      experiment: a name of the experiments.
      config: of the experiment.
      cost: seconds on one core, estimated.
    """

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


def cells(config, root: str | os.PathLike) -> list[Cell]:
    """Lists the networks of a study, in order of family, norm, depth, arm and seed."""
    root = pathlib.Path(root)
    return [
        Cell(
            name,
            family,
            norm,
            depth,
            _twins(family, norm, depth, arms, seed),
            study.ARMS[arm],
            root,
        )
        for name, family in config.families().items()
        for arms in [study.parse_arms(family.arms or config.arms)]
        for norm in family.norms or ("",)
        for depth in family.depths
        for arm in arms
        for seed in range(config.num_seeds)
    ]


def designs(config) -> list[study.Design]:
    """What verdicts depend on of a study's families."""
    return [
        study.Design(
            name,
            _needs.kind(family.model),
            norm,
            tuple(sorted(family.depths)),
            study.parse_arms(family.arms or config.arms),
            frozenset(_needs.columns(family)),
        )
        for name, family in config.families().items()
        for norm in family.norms or ("",)
    ]


def jobs(cell: Cell, config, claims: Sequence[study.Claim]) -> list[Job]:
    """Lists the runs of one network that some claims need, in the order in which they need each other.

    Args:
      cell: the network.
      config: of the study.
      claims: those to be answered now, of the study's.
    """
    needed = _needs.needed(
        cell.family, cell.settings, cell.norm, cell.arm.name, cell.twins.arms, claims
    )
    model = cell.twins.create(cell.arm.name, 2)
    make = {
        "spectrum": _spectrum,
        "surface": _surface,
        "saddles": _saddles,
    }
    found = [Job(cell, "train", "train", _train_config(cell, config), cell.settings.cost)]
    for name in needed:
        if name == "speed":
            found += _speeds(cell, config)
        elif name in make:
            found.append(make[name](cell, config))
        elif study.METRICS[name].suits(model):
            found.append(_metric(cell, config, name))
    return found


def contracts(cells: Sequence[Cell], matched_loss: float) -> list[Job]:
    """Lists the comparisons of every arm with the first one of its twins, for when all are trained."""
    twins: dict[tuple, list[Cell]] = {}
    for cell in cells:
        twins.setdefault((cell.family, cell.norm, cell.depth, cell.seed), []).append(cell)
    return [
        Job(cell, "twins", "contract", _contract(cell, reference, matched_loss), 0.2)
        for reference, *others in twins.values()
        for cell in others
    ]


def _contract(cell, reference, matched_loss):
    return _contracts.Config(
        run=str(cell.path / "train"),
        reference=str(reference.path / "train"),
        arms=(cell.arm.name, reference.arm.name),
        checkpoint=matched_name(matched_loss),
        num_examples=cell.settings.num_examples,
    )


def matched_name(loss: float) -> str:
    """Name of the checkpoint at a training loss."""
    return f"loss_{float(loss)}"


def _checkpoints(config):
    return "init", matched_name(config.matched_loss), "end"


def _common(cell):
    return {
        "run": str(cell.path / "train"),
        "num_examples": cell.settings.num_examples,
        "seed": cell.seed,
    }


def _spectrum(cell, config):
    s = cell.settings
    settings = spectrum.Config(
        checkpoints=_checkpoints(config),
        num_probes=s.num_probes,
        num_steps=s.num_steps,
        trace_matvecs=s.trace_matvecs,
        figure=False,
        tol=1e-4,
        **_common(cell),
    )
    return Job(cell, "spectrum", "spectrum", settings, 1.5 * s.cost)


def _surface(cell, config):
    s, half = cell.settings, cell.settings.surface_range
    settings = surface.Config(
        checkpoint=matched_name(config.matched_loss),
        x_min=-half,
        x_max=half,
        y_min=-half,
        y_max=half,
        resolution=s.resolution,
        planes=s.planes,
        **_common(cell),
    )
    return Job(cell, "surface", "surface", settings, 0.5 * s.cost)


def _saddles(cell, config):
    settings = saddles.Config(checkpoints=_checkpoints(config)[1:2], **_common(cell))
    return Job(cell, "saddles", "saddles", settings, 0.5 * cell.settings.cost)


def _metric(cell, config, name):
    metric = study.METRICS[name]
    places = zip(study.READINGS, _checkpoints(config), strict=True)
    checkpoints = tuple(place for reading, place in places if reading in metric.readings)
    settings = measure.Config(metric=name, checkpoints=checkpoints, **_common(cell))
    return Job(cell, f"metric-{name}", "measure", settings, metric.cost * cell.settings.cost)


def _speeds(cell, config):
    return [
        Job(
            cell,
            f"speed-lr{rate:g}",
            "train",
            _speed_config(cell, rate, config.matched_loss),
            0.3 * cell.settings.cost,
        )
        for rate in cell.twins.learning_rates
    ]


def _train_config(cell, config):
    s = cell.settings
    levels = tuple(sorted({1.0, 0.5, 0.1, config.matched_loss}, reverse=True))
    fields = {
        **_network(cell),
        "learning_rate": s.learning_rate,
        "max_steps": s.max_steps,
        "stop_loss": s.end_loss,
        **_recipe(s),
    }
    save_every = max(1, math.ceil(fields["max_steps"] / 3))
    return train.Config(**fields | {"loss_levels": levels, "save_every": save_every})


def _recipe(settings):
    if not settings.recipe:
        return {}
    paper = training.paper_recipe(settings.recipe, num_train=settings.num_train or None)
    others = ("augment", "mixup", "loss", "label_smoothing")
    return dataclasses.asdict(paper.recipe) | {name: getattr(paper, name) for name in others}


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


def _twins(settings, norm, depth, arms, seed):
    return study.Twins(
        settings.model,
        _options.model_options(settings, depth=depth, norm=norm),
        arms=arms,
        seed=seed,
        dataset=settings.dataset,
        num_train=settings.num_train,
        learning_rates=settings.learning_rates,
    )


def _network(cell):
    twins, s = cell.twins, cell.settings
    names = ("root", "data_options", "batch_size", "eval_batch_size", "eval_every", "optimizer")
    return {
        **{name: getattr(s, name) for name in names},
        **{name: getattr(twins, name) for name in ("dataset", "num_train", "data_seed", "seed")},
        **_options.model_fields(twins.model, twins.arm_options(cell.arm.name)),
    }


def check(cells: Sequence[Cell]) -> None:
    """Builds every architecture of a study without initialising it, before anything is written.

    Raises:
      ValueError: for those that cannot exist; the text names family, norm, depth and arm.
    """
    problems = {}
    for cell in cells:
        try:
            cell.twins.create(cell.arm.name, 2)
        except ValueError as error:
            norm = f" with {cell.norm} norm" if cell.norm else ""
            problems[f"{cell.family} of depth {cell.depth}{norm}, {cell.arm}"] = str(error)
    if problems:
        first, reason = next(iter(problems.items()))
        rest = f" So are {', '.join(list(problems)[1:])}." if len(problems) > 1 else ""
        raise ValueError(f"{first} cannot be built: {reason}{rest} Change that family's fields.")
