"""Puts the claims about skip connections to the test: trains twins with and without skips and measures them.

Writes report.html, verdicts.json (every hypothesis with its findings), results.csv (every network) and
twins.json (what twins have in common). The grid is a list of independent run directories: parallel processes
fill them in any order, skip those that are done and make damaged ones anew. A killed study continues.

python -m experiments.study --config=configs/study_quick.py --workdir=runs/study
python -m experiments.study --config=configs/study_standard.py --workdir=runs/standard --dry-run
python -m experiments.study --config=configs/study_standard.py --workdir=runs/standard --only=C2,C5
python -m experiments.study --config=configs/study_full.py --workdir=runs/full --shard=1/8
"""

import dataclasses
import os
import pathlib
import re
import time

from experiments import (
    _contracts,
    _estimate,
    _filling,
    _grid,
    _interplay,
    _page,
    _pool,
    _records,
    _results,
    _state,
)
from experiments._family import Family
from experiments.common.launch import launch
from lsgeo import runs, study

INTERPLAY = "C13"  # The claim that analyses of variance belong to.


@dataclasses.dataclass
class Config:
    """A study of twins.

    Attributes:
      mlp: residual MLPs and their plain twins.
      resnet: CIFAR-style ResNets.
      densenet: networks with concatenation in place of a sum.
      vit: vision transformers.
      synthetic: MLPs on synthetic data.
      types: networks with many types of skips.
      types_synthetic: the same on synthetic data.
      claims: what the study answers, "C1,C5"; "" is all.
      arms: what is compared: names of `lsgeo.study.ARMS` (plain, residual, scaled, identity-biased,
        learnable, ...), separated by commas; the first must be "plain".
      num_seeds: pairs of twins per family, norm and depth.
      matched_loss: training loss at which twins are compared.
      confidence: coverage of the intervals, and the probability that none of the primary findings is wrong.
      workers: processes; 0 takes one per core or accelerator.
      only: claims that are to be answered now, "C2,C5"; the others keep what they have. "" is all.
      shard: "k/n" fills the k-th of n parts of the grid (k = 1 to n) and writes no page: one for each machine.
      dry_run: whether to print what would run, how long, with how much memory and disk, and end.
    """

    mlp: Family = dataclasses.field(default_factory=Family)
    resnet: Family = dataclasses.field(default_factory=Family)
    densenet: Family = dataclasses.field(default_factory=Family)
    vit: Family = dataclasses.field(default_factory=Family)
    synthetic: Family = dataclasses.field(default_factory=Family)
    types: Family = dataclasses.field(default_factory=Family)
    types_synthetic: Family = dataclasses.field(default_factory=Family)
    claims: str = ""
    arms: str = "plain,residual"
    num_seeds: int = 5
    matched_loss: float = 0.5
    confidence: float = 0.95
    workers: int = 0
    only: str = ""
    shard: str = ""
    dry_run: bool = False

    def families(self) -> dict[str, Family]:
        """The families that have a depth, by the name that the page gives them."""
        named = {
            "MLP": self.mlp,
            "ResNet": self.resnet,
            "DenseNet": self.densenet,
            "ViT": self.vit,
            "Synthetic": self.synthetic,
            "Types": self.types,
            "TypesSynthetic": self.types_synthetic,
        }
        return {name: family for name, family in named.items() if family.depths}

    def recorded(self) -> "Config":
        """Without what leaves the result alone: processes, parts, and what is answered now."""
        return dataclasses.replace(self, workers=0, only="", shard="", dry_run=False)


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run | None:
    """Fills the run directories that are missing, then writes the table, the verdicts and the page.

    Args:
      config: Config.
      workdir: the study's directory: runs/, results.csv, twins.json, verdicts.json, report.html.
      progress: None hides the progress bar.

    Returns:
      The Run; None of a dry run.

    Raises:
      ValueError: for a bad field, an architecture that cannot be built, another configuration's directory, or
        runs that could not be made; all others are finished first, and the page says what is missing.
    """
    claims = _check(config)
    started = time.monotonic()
    root = pathlib.Path(workdir).absolute()
    _pool.leave_device_memory()
    cells = _grid.cells(config, root)
    _grid.check(cells)
    workers = config.workers or _pool.default_workers()
    mine = _filling.shard(cells, config.shard)
    jobs = [job for cell in mine for job in _grid.jobs(cell, config, claims)]
    if config.dry_run:
        print("\n".join(_estimate.estimate(jobs).lines(workers)))
        return None
    opened = runs.open_run(workdir, config.recorded())
    _pool.enable_compilation_cache(root / "compiled")
    compared = [] if config.shard else _grid.contracts(cells, config.matched_loss)
    digest = _records.digest((*jobs, *compared), config)
    if not config.shard and _records.is_current(root, digest):
        _say(progress, f"nothing to do: {len(jobs)} runs are done; open {root / 'report.html'}")
        return opened
    problems = _filling.fill(jobs, workers, shown=progress is not None)
    if config.shard:
        _say(
            progress,
            f"{len(mine)} networks of {len(cells)} done in {time.monotonic() - started:.0f} s",
        )
        _end(problems)
        return opened
    others = _others(cells, config)
    rows, damaged = _results.collect(cells, config.matched_loss, leave_out=others)
    if damaged:
        problems += _filling.repair(damaged, jobs, workers, shown=progress is not None)
        rows, _ = _results.collect(cells, config.matched_loss, leave_out=others)
    problems += _filling.fill(compared, workers, shown=progress is not None)
    costs = _records.costs((*jobs, *compared), root)
    headline = _answer(root, config, claims, cells, rows, costs, problems)
    _records.note(root, _records.digest((*jobs, *compared), config), problems)
    _say(progress, f"{headline}\n{time.monotonic() - started:.0f} s; open {root / 'report.html'}")
    _end([text for text in problems if not text.endswith(_pool.REPAIRED)])
    return opened


def _answer(root, config, claims, cells, rows, costs, problems):
    verdicts = _verdicts(config, claims, rows, root)
    contracts = _contracts.load(cells)
    names = [verdict.claim.name for verdict in verdicts]
    analyses = _interplay.analyses(rows, config) if INTERPLAY in names else []
    command = _records.command(root, _names(config.only))
    _results.write_csv(root / "results.csv", rows)
    runs.write_json(root / "anova.json", analyses)
    runs.write_json(root / "verdicts.json", _records.plain(verdicts, config, command))
    runs.write_json(root / "twins.json", [_contracts.plain(pair) for pair in contracts])
    return _page.write(
        root / "report.html",
        cells=cells,
        rows=rows,
        contracts=contracts,
        verdicts=verdicts,
        notes={INTERPLAY: [found["text"] for found in analyses]},
        config=config,
        provenance=runs.load_provenance(root) | costs,
        problems=problems,
        command=command,
    )


def _others(cells, config):
    # Runs of another configuration or version, also those that other claims need.
    studied = _claims("claims", config.claims, study.CLAIMS)
    jobs = [job for cell in cells for job in _grid.jobs(cell, config, studied)]
    return [job.workdir for job in jobs if _state.state(job).kind == "other"]


def _verdicts(config, claims, rows, root):
    # All of the study's claims share one level, also where only some of them are answered now.
    studied = _claims("claims", config.claims, study.CLAIMS)
    shown = {claim.name for claim in claims} | _records.answered(root)
    verdicts = study.decide(studied, rows, _grid.designs(config), confidence=config.confidence)
    return [verdict for verdict in verdicts if verdict.claim.name in shown]


def _check(config):
    if config.num_seeds < 1:
        raise ValueError(f"`num_seeds` must be at least 1; got {config.num_seeds}.")
    if config.workers < 0:
        raise ValueError(f"`workers` must be 0 or more; got {config.workers}.")
    if not config.matched_loss > 0:
        raise ValueError(f"`matched_loss` must be positive; got {config.matched_loss}.")
    if not 0 < config.confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1; got {config.confidence}.")
    if not config.families():
        raise ValueError("`depths` are empty in every family: there is no network to study.")
    for name, family in config.families().items():
        if study.parse_arms(family.arms or config.arms)[0] != "plain":
            raise ValueError(
                f"`arms` must begin with plain, which the others are compared with; got "
                f"{family.arms or config.arms!r} for {name}."
            )
        if config.matched_loss < family.end_loss:
            raise ValueError(
                f"`matched_loss` {config.matched_loss} lies below the `end_loss` {family.end_loss} of {name}, "
                "where training ends: no network would get there."
            )
        for field in ("norms", "depths", "learning_rates"):
            if len(set(getattr(family, field))) < len(getattr(family, field)):
                raise ValueError(
                    f"`{field}` of {name} holds a value twice: {getattr(family, field)}."
                )
        for other in family.without:
            if other not in _grid.INSTRUMENTS:
                raise ValueError(
                    f"`without` of {name} holds {other!r}, which is no instrument. Choose from: "
                    f"{', '.join(_grid.INSTRUMENTS)}."
                )
    studied = _claims("claims", config.claims, study.CLAIMS)
    return _claims("only", config.only, studied)


def _claims(field, text, among):
    names = _names(text)
    there = {claim.name: claim for claim in among}
    for name in names:
        if name not in there:
            raise ValueError(
                f"`{field}` holds {name!r}, which is no claim of this study. Choose from: "
                f"{', '.join(there)}."
            )
    return tuple(claim for claim in among if not names or claim.name in names)


def _names(text):
    return [name.upper() for name in re.split(r"[\s,]+", text) if name]


def _say(progress, text):
    if progress is not None:
        print(text)


def _end(problems):
    if problems:
        rest = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ValueError(f"{problems[0]}{rest} The other runs are finished and kept.")


if __name__ == "__main__":
    launch(run, config_file="configs/study_quick.py", shorthands=("only", "shard", "dry_run"))
