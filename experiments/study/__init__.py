"""Puts the claims about skip connections to the test: trains twins with and without skips and measures them.

Writes report.html, verdicts.json (every hypothesis with its findings), laws.json (the five laws,
with their curves), results.csv (every network) and twins.json (what twins have in common). The grid is a
list of independent run directories: parallel processes fill them in any order, skip those that are done and
make damaged ones anew. A killed study continues.

python -m experiments.study --config=configs/study_quick.py --workdir=runs/study
python -m experiments.study --config=configs/study_standard.py --workdir=runs/standard --dry-run
python -m experiments.study --config=configs/study_standard.py --workdir=runs/standard --only=C2,C5
python -m experiments.study --config=configs/study_full.py --workdir=runs/full --shard=1/8
"""

import os
import pathlib
import time

from experiments import train
from experiments.common.steps import Progress
from experiments.study._instruments import INSTRUMENTS
from lsgeo import runs
from lsgeo.study.config import Config, check
from lsgeo.study.engine import pool, record
from lsgeo.study.engine.answers import answer, unrepaired
from lsgeo.study.engine.estimate import estimate
from lsgeo.study.engine.filling import Filler, shard
from lsgeo.study.engine.jobs import States
from lsgeo.study.plan import make_plan


def run(
    config: Config, workdir: str | os.PathLike, progress: Progress | None = None, command: str = ""
) -> runs.Run | None:
    """Fills the run directories that are missing, then writes the table, the verdicts and the page.

    Args:
      config: Config.
      workdir: the study's directory: runs/, results.csv, twins.json, verdicts.json, laws.json, report.html.
      progress: None hides the progress bar.
      command: that started the study, but for its directory; it stands on the page.

    Returns:
      The Run; None of a dry run.

    Raises:
      ValueError: for a bad field, an architecture that cannot be built, another configuration's directory, or
        runs that could not be made; all others are finished first, and the page says what is missing.
    """
    check(config)
    started = time.monotonic()
    pool.leave_device_memory()
    whole = make_plan(config, pathlib.Path(workdir).absolute(), INSTRUMENTS)
    plan = whole.part(shard(whole.cells, config.shard)) if config.shard else whole
    filler = Filler(States(), config.workers or pool.default_workers(), progress is not None)
    if config.dry_run:
        left = estimate(plan.asked, filler.states, train.load_data).lines(filler.workers)
        print("\n".join([*left, *(f"not answered: {text}" for text in plan.unanswered())]))
        return None
    opened = runs.open_run(workdir, config.recorded())
    pool.enable_compilation_cache(plan.root / "compiled")
    page = plan.root / "report.html"
    if not config.shard and record.is_current(plan, filler.states):
        _say(progress, f"nothing to do: {len(plan.asked)} runs are done; open {page}")
        return opened
    filler.fill(plan.asked)
    if config.shard:
        text = f"{len(plan.cells)} networks of {len(whole.cells)} done"
        problems = filler.problems
    else:
        text = answer(plan, filler, record.command(plan, command))
        problems = unrepaired(filler.problems)
    seconds = f"{time.monotonic() - started:.0f} s"
    _say(progress, f"{text} in {seconds}" if config.shard else f"{text}\n{seconds}; open {page}")
    if problems:
        rest = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ValueError(f"{problems[0]}{rest} The other runs are finished and kept.")
    return opened


def _say(progress, text):
    if progress is not None:
        print(text)
