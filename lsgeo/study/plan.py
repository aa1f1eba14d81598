"""The plan of a study, made once: its networks, the runs that its claims need, and the comparisons."""

import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from lsgeo import models
from lsgeo.study.arms import ARMS, Arm
from lsgeo.study.claims import Claim
from lsgeo.study.config import Block, Config, Family
from lsgeo.study.decisions.records import Design
from lsgeo.study.decisions.verdicts import conditions, untested
from lsgeo.study.measures import MEASURES, READINGS, WHOLE
from lsgeo.study.twins import Twins

COMPARISON = 0.2  # seconds that the comparison of two twins takes


@dataclasses.dataclass(frozen=True)
class Instrument:
    """How a study takes a measure: an experiment, and what it is told of one network.

    Attributes:
      run: `run(config, workdir)` of the experiment; does nothing where its results are there.
      configs: `configs(cell, config, other)` -> configurations of its runs, by the name of their directory;
        `other` is the measure, and for a comparison the network that the cell is compared with.
      reads: `reads(config)` -> the checkpoints, one of which a run needs; none for a training.
    """

    run: Callable[[Any, pathlib.Path], Any]
    configs: Callable[["Cell", Config, Any], Mapping[str, Any]]
    reads: Callable[[Any], Collection[str]] = lambda config: config.checkpoints


@dataclasses.dataclass(frozen=True)
class Cell:
    """All runs of one network: one arm of the twins of a family, a norm, a depth and a seed."""

    family: str
    settings: Family
    norm: str
    depth: int
    twins: Twins
    arm: Arm
    root: pathlib.Path

    @property
    def seed(self) -> int:
        """Seed of the twins."""
        return self.twins.seed

    @property
    def split(self) -> int:
        """Split of the data, the same for all twins of a seed."""
        return self.twins.data_seed

    @property
    def kind(self) -> tuple[str, str, int, str]:
        """All but the seed and the split: what networks that share their compiled programs have in common."""
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
      run: `run(config, workdir)` of the experiment.
      config: of the experiment.
      reads: checkpoints of the network, one of which it needs; none for a training.
      cost: seconds on one core, estimated.
    """

    cell: Cell
    name: str
    run: Callable[[Any, pathlib.Path], Any]
    config: Any
    reads: tuple[str, ...]
    cost: float

    @property
    def workdir(self) -> pathlib.Path:
        """The run's directory."""
        return self.cell.path / self.name

    @property
    def training(self) -> pathlib.Path:
        """Directory of the training that it measures."""
        return self.cell.path / "train"

    def __str__(self) -> str:
        return f"{self.name} of {self.cell}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a study is made of.

    Attributes:
      config: of the study.
      root: its directory.
      claims: those that are to be answered now.
      cells: networks, in order of family, norm, depth, arm and seed.
      jobs: runs that all claims of the study need, each network's in the order in which they need each other.
      asked: those that the claims to be answered now need.
      comparisons: of every arm with the first one of its twins, for when all are trained.
      designs: what verdicts depend on.
    """

    config: Config
    root: pathlib.Path
    claims: tuple[Claim, ...]
    cells: tuple[Cell, ...]
    jobs: tuple[Job, ...]
    asked: tuple[Job, ...]
    comparisons: tuple[Job, ...]
    designs: tuple[Design, ...]

    @property
    def everything(self) -> tuple[Job, ...]:
        """All runs that the answers now are made of."""
        return (*self.asked, *self.comparisons)

    def part(self, cells: Collection[Cell]) -> "Plan":
        """The plan of some networks, without comparisons: one machine's share."""
        paths = {cell.path for cell in cells}
        jobs, asked = (
            tuple(job for job in some if job.cell.path in paths) for some in (self.jobs, self.asked)
        )
        return dataclasses.replace(self, cells=tuple(cells), jobs=jobs, asked=asked, comparisons=())

    def unanswered(self) -> list[str]:
        """A sentence for each hypothesis that no network of the study can answer."""
        asked = [hypothesis for claim in self.claims for hypothesis in claim.hypotheses]
        reasons = {hypothesis.name: untested(hypothesis, self.designs) for hypothesis in asked}
        return [f"{name}: {reason}." for name, reason in reasons.items() if reason]


def make_plan(config: Config, root: pathlib.Path, instruments: Mapping[str, Instrument]) -> Plan:
    """Plans a study, before anything is written.

    Args:
      config: that `lsgeo.study.config.check` has passed.
      root: directory of the study.
      instruments: by the name of a measure; "metric" takes all that have none of their own, "comparison" lays
        two trained twins side by side.

    Raises:
      ValueError: for an architecture that cannot be built.
    """
    blocks, studied, asked = config.blocks(), config.studied(), config.asked()
    cells, designs = networks(blocks, config.pairs(), root), designs_of(blocks)
    built = _built(cells)
    jobs, now = (
        tuple(
            job
            for cell in cells
            for job in _jobs(cell, built[cell.kind], config, instruments, wanted)
        )
        for wanted in (
            _wanted(studied, designs, config.read()),
            _wanted(asked, designs, () if config.only else config.read()),
        )
    )
    comparisons = _comparisons(cells, config, instruments["comparison"])
    return Plan(config, root, asked, cells, jobs, now, comparisons, designs)


def networks(
    blocks: Sequence[Block], pairs: Sequence[tuple[int, int]], root: pathlib.Path
) -> tuple[Cell, ...]:
    """The networks of a study, in order of family, norm, depth, arm and pair (seed, split of the data)."""
    return tuple(
        Cell(name, family, norm, depth, _twins(family, norm, depth, arms, *pair), ARMS[arm], root)
        for name, family, norm, arms in blocks
        for depth in family.depths
        for arm in arms
        for pair in pairs
    )


def kind_of(model: str) -> str:
    """The family of a model: a published network's own, else the name itself."""
    published = models.PUBLISHED.get(model)
    return published.family if published else model


def _twins(settings, norm, depth, arms, seed, split):
    return Twins(
        settings.model,
        models.options_of(settings, depth=depth, norm=norm),
        arms=arms,
        seed=seed,
        dataset=settings.dataset,
        num_train=settings.num_train,
        data_seed=split,
        learning_rates=settings.learning_rates,
    )


def designs_of(blocks: Sequence[Block]) -> tuple[Design, ...]:
    """What verdicts depend on of a study's families."""
    return tuple(
        Design(
            name,
            kind_of(family.model),
            norm,
            tuple(sorted(family.depths)),
            arms,
            frozenset(
                column
                for measure in MEASURES.values()
                if family.has(measure.name, norm)
                for column in measure.names
            ),
        )
        for name, family, norm, arms in blocks
    )


def _wanted(claims, designs, laws):
    # Columns, each with its reading, that claims and laws need of a network, by family, norm and arm.
    found: dict[tuple[str, str, str], set[tuple[str, str]]] = {}
    for hypothesis in (hypothesis for claim in claims for hypothesis in claim.hypotheses):
        contrast = hypothesis.contrast
        for condition in conditions(hypothesis, designs):
            for side in contrast.sides(condition):
                for arm in (*condition.arms, *contrast.arms):
                    columns = found.setdefault((side.family, side.norm, arm), set())
                    columns |= {(column, side.reading) for column in contrast.columns}
    for law, design in itertools.product(laws, designs):
        for arm in set(design.arms) & set(law.arms or design.arms):
            columns = found.setdefault((design.family, design.norm, arm), set())
            columns |= set(itertools.product(law.columns, (*WHOLE, *READINGS)))
    return found


def _jobs(cell, model, config, instruments, wanted):
    columns = wanted.get((cell.family, cell.norm, cell.arm.name), set())
    for measure in MEASURES.values():
        filled = {(name, reading) for reading in measure.readings for name in measure.at(reading)}
        wanted_here = measure.always or columns & filled
        if wanted_here and cell.settings.has(measure.name, cell.norm) and measure.suits(model):
            instrument = instruments.get(measure.name, instruments["metric"])
            cost = measure.cost * cell.settings.cost
            for name, settings in instrument.configs(cell, config, measure).items():
                reads = tuple(instrument.reads(settings))
                yield Job(cell, name, instrument.run, settings, reads, cost)


def _comparisons(cells, config, instrument):
    twins: dict[tuple, list[Cell]] = {}
    for cell in cells:
        twins.setdefault((cell.family, cell.norm, cell.depth, cell.seed), []).append(cell)
    found = []
    for reference, *others in twins.values():
        for cell in others:
            for name, settings in instrument.configs(cell, config, reference).items():
                reads = tuple(instrument.reads(settings))
                found.append(Job(cell, name, instrument.run, settings, reads, COMPARISON))
    return tuple(found)


def _built(cells):
    # Every architecture of a study, without initialising it, before anything is written.
    found, problems = {}, {}
    for cell in cells:
        try:
            if cell.kind not in found:
                found[cell.kind] = cell.twins.create(cell.arm.name, 2)
        except ValueError as error:
            norm = f" with {cell.norm} norm" if cell.norm else ""
            problems[f"{cell.family} of depth {cell.depth}{norm}, {cell.arm}"] = str(error)
    if problems:
        first, reason = next(iter(problems.items()))
        rest = f" So are {', '.join(list(problems)[1:])}." if len(problems) > 1 else ""
        raise ValueError(f"{first} cannot be built: {reason}{rest} Change that family's fields.")
    return found
