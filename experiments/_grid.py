"""The grid of a study: its networks, and the independent run directories that each of them fills."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

from experiments import _contracts, _job_configs, _needs, measure, saddles, spectrum, surface, train
from experiments._family import Family
from experiments._job_configs import matched_name as matched_name
from experiments.common.options import model_options
from lsgeo import study

_EXPERIMENTS = {
    "train": train.run,
    "spectrum": spectrum.run,
    "saddles": saddles.run,
    "surface": surface.run,
    "measure": measure.run,
    "contract": _contracts.run,
}

# Experiments that measure a network in one run: its configuration, and its time in trainings.
_OWN = {
    "spectrum": (_job_configs.spectrum_of, 1.5),
    "surface": (_job_configs.surface_of, 0.5),
    "saddles": (_job_configs.saddles_of, 0.5),
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
    def kind(self) -> tuple[str, str, int, str]:
        """All but the seed: what networks that share their compiled programs have in common."""
        return self.family, self.norm, self.depth, self.arm.name

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
    second = cell.settings.cost
    settings = _job_configs.training_of(cell, config)
    found = [Job(cell, "train", "train", settings, second)]
    for name in needed:
        if name == "speed":
            for rate in cell.twins.learning_rates:
                settings = _job_configs.speed_of(cell, rate, config.matched_loss)
                found.append(Job(cell, f"speed-lr{rate:g}", "train", settings, 0.3 * second))
        elif name in _OWN:
            describe, share = _OWN[name]
            found.append(Job(cell, name, name, describe(cell, config), share * second))
        elif study.METRICS[name].suits(model):
            settings = _job_configs.metric_of(cell, config, name)
            share = study.METRICS[name].cost
            found.append(Job(cell, f"metric-{name}", "measure", settings, share * second))
    return found


def contracts(cells: Sequence[Cell], matched_loss: float) -> list[Job]:
    """Lists the comparisons of every arm with the first one of its twins, for when all are trained."""
    twins: dict[tuple, list[Cell]] = {}
    for cell in cells:
        twins.setdefault((cell.family, cell.norm, cell.depth, cell.seed), []).append(cell)
    return [
        Job(cell, "twins", "contract", _job_configs.contract_of(cell, reference, matched_loss), 0.2)
        for reference, *others in twins.values()
        for cell in others
    ]


def _twins(settings, norm, depth, arms, seed):
    return study.Twins(
        settings.model,
        model_options(settings, depth=depth, norm=norm),
        arms=arms,
        seed=seed,
        dataset=settings.dataset,
        num_train=settings.num_train,
        learning_rates=settings.learning_rates,
    )


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
