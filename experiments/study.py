"""Answers, with error bars: what did removing the skip connections do to the loss landscape?

Trains twins with and without skips, measures each at initialisation, at matched training loss and at the
end, and writes report.html, verdicts.json, results.csv, and twins.json: what twins have in common.

python -m experiments.study --config=configs/study.py --workdir=runs/study
"""

import dataclasses
import math
import os
import pathlib
import sys
import time

import tqdm

from experiments import _contracts, _grid, _main, _page, _pool, _results
from lsgeo import runs, study


def _mlp():
    return _grid.Family()


def _resnet():
    return _grid.Family(
        model="resnet",
        norm="batch",
        depths=(14,),
        width=8,
        num_train=80,
        learning_rate=0.005,
        max_steps=200,
        speed_steps=60,
        num_probes=2,
        num_steps=24,
        trace_matvecs=18,
        resolution=13,
        planes=2,
        saddles=False,
    )


@dataclasses.dataclass
class Config:
    """A study of twins.

    Attributes:
      mlp: residual MLPs and their plain twins.
      resnet: CIFAR-style ResNets and their plain twins.
      arms: what is compared: names of `lsgeo.study.ARMS` (plain, residual, scaled, identity-biased,
        learnable), separated by commas; each of the others with the first, which must be "plain".
      num_seeds: pairs of twins per depth.
      matched_loss: training loss at which twins are compared.
      threshold: smallest |log-ratio| that counts as an effect; fixed before the run.
      confidence: coverage of the intervals.
      workers: processes; 0 takes one per core, or one on an accelerator.
    """

    mlp: _grid.Family = dataclasses.field(default_factory=_mlp)
    resnet: _grid.Family = dataclasses.field(default_factory=_resnet)
    arms: str = "plain,residual"
    num_seeds: int = 5
    matched_loss: float = 0.5
    threshold: float = 0.1
    confidence: float = 0.95
    workers: int = 0

    def families(self) -> dict[str, _grid.Family]:
        """The families that have a depth, by the name that the page gives them."""
        named = {"MLP": self.mlp, "ResNet": self.resnet}
        return {name: family for name, family in named.items() if family.depths}


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Fills the run directories that are missing, then writes the table, the verdicts and the page.

    Args:
      config: Config.
      workdir: the study's directory: runs/, results.csv, twins.json, verdicts.json, report.html.
      progress: None hides the progress bar.

    Returns:
      The Run.

    Raises:
      ValueError: for a bad field, another configuration's directory, or a run that is damaged; the runs
        that can be finished are finished first.
    """
    _check(config)
    started = time.monotonic()
    recorded = dataclasses.replace(config, workers=0)  # any number of processes gives one result
    opened = runs.open_run(workdir, recorded)
    root = pathlib.Path(workdir).absolute()
    _pool.enable_compilation_cache(root / "compiled")
    cells = _grid.cells(config, root)
    _fill(cells, config, shown=progress is not None)
    rows = _results.collect(cells, config.matched_loss)
    contracts = _contracts.measure(cells, config.matched_loss)
    plain, *others = study.parse_arms(config.arms)
    verdicts = [
        study.decide(
            claim,
            rows,
            family=family,
            depth=max(settings.depths),
            threshold=config.threshold,
            confidence=config.confidence,
            arms=(plain, arm),
        )
        for arm in others
        for claim in study.CLAIMS
        for family, settings in config.families().items()
    ]
    _results.write_csv(root / "results.csv", rows)
    runs.write_json(root / "verdicts.json", [_plain(verdict) for verdict in verdicts])
    runs.write_json(root / "twins.json", [_contracts.plain(pair) for pair in contracts])
    page = _page.write(
        root / "report.html",
        cells,
        rows,
        contracts,
        verdicts,
        config,
        runs.load_provenance(root),
    )
    if progress is not None:
        print(f"{page}\n{time.monotonic() - started:.0f} s; open {root / 'report.html'}")
    return opened


def _check(config):
    for name in ("num_seeds",):
        if getattr(config, name) < 1:
            raise ValueError(f"`{name}` must be at least 1; got {getattr(config, name)}.")
    if config.workers < 0:
        raise ValueError(f"`workers` must be 0 or more; got {config.workers}.")
    for name in ("matched_loss", "threshold"):
        if not getattr(config, name) > 0:
            raise ValueError(f"`{name}` must be positive; got {getattr(config, name)}.")
    if not 0 < config.confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1; got {config.confidence}.")
    if study.parse_arms(config.arms)[0] != "plain":
        raise ValueError(
            f"`arms` must begin with plain, which the others are compared with; got {config.arms!r}."
        )
    if not config.families():
        raise ValueError("`depths` are empty in every family: there is no network to study.")


def _fill(cells, config, *, shown):
    groups: dict[tuple, list[_grid.Job]] = {}
    for cell in cells:
        group = groups.setdefault((cell.family, cell.depth, cell.arm.name), [])
        group += _grid.jobs(cell, config.matched_loss)
    total = sum(job.cost for group in groups.values() for job in group)
    count = sum(len(group) for group in groups.values())
    problems = []
    with tqdm.tqdm(
        total=round(total),
        desc=f"{len(cells)} networks, {count} runs",
        bar_format="{desc} {percentage:3.0f}%|{bar:20}| {elapsed}, {remaining} left {postfix}",
        disable=not shown,
        file=sys.stderr,
        mininterval=0.5,
    ) as bar:

        def on_event(event, job, error):
            if event == "start":
                bar.set_postfix_str(str(job))
            else:
                bar.update(job.cost)
            if error:
                problems.append(error)

        _pool.run_all(list(groups.values()), config.workers or _pool.default_workers(), on_event)
    if problems:
        rest = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ValueError(f"{problems[0]}{rest} The other runs are finished and kept.")


def _plain(verdict):
    def finite(number):
        return number if math.isfinite(number) else None

    return {
        "claim": verdict.claim.name,
        "statement": verdict.claim.statement,
        "family": verdict.family,
        "depth": verdict.depth,
        "arms": list(verdict.arms),
        "metric": verdict.claim.metric,
        "log_ratio": finite(verdict.effect.value),
        "lower": finite(verdict.effect.lower),
        "upper": finite(verdict.effect.upper),
        "num_pairs": verdict.effect.num_pairs,
        "threshold": verdict.threshold,
        "verdict": verdict.decision,
        "note": verdict.note,
        "contested": verdict.claim.contested,
    }


if __name__ == "__main__":
    _main.launch(run, config_file="configs/study.py")
