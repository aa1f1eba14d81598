"""Whether the page of a study is current, and what the study has cost."""

import hashlib
import json
import pathlib
import re
import shlex
from collections.abc import Sequence
from typing import Any

from lsgeo import runs
from lsgeo.study._origins import commits_of
from lsgeo.study.config import names_of
from lsgeo.study.engine.jobs import MARKER, States
from lsgeo.study.plan import Plan

CURRENT = "current.json"


def command(plan: Plan, said: str) -> str:
    """The command that makes the page again.

    Args:
      plan: of the study.
      said: the command that started it, without its directory; "" is that of the main job.
    """
    words = shlex.split(said or "python -m experiments.study --config=configs/study_quick.py")
    # What is left out leaves the page alone, or is said otherwise.
    kept = [w for w in words if not re.match(r"--?(config\.)?(only|shard|dry_run|workers)\b", w)]
    only = ",".join(names_of(plan.config.only))
    named = [f"--workdir=runs/{plan.root.name}", *([f"--only={only}"] if only else [])]
    return shlex.join([*kept, *named])


def answered(root: pathlib.Path) -> set[str]:
    """Names of the claims that an earlier page answers."""
    try:
        return {verdict["claim"] for verdict in json.loads((root / "verdicts.json").read_text())}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def digest(plan: Plan, states: States) -> str:
    """A hash of everything that the page is made of: finished runs, what is asked, and the code."""
    found = hashlib.sha256()
    for job in plan.everything:
        state = states(job)
        text = (job.workdir / MARKER).read_text() if state.kind == "done" else state.kind
        found.update(f"{job.workdir.relative_to(plan.root)} {text}\n".encode())
    found.update(f"{plan.config.only}".encode())
    package = pathlib.Path(runs.__file__).parent
    for folder in (package, package.parent / "experiments"):
        for path in sorted(folder.rglob("*.*")):
            if path.suffix in (".py", ".jinja"):
                found.update(path.read_bytes())
    return found.hexdigest()


def is_current(plan: Plan, states: States) -> bool:
    """Whether the page was made of just this, without problems."""
    files = ("report.html", "verdicts.json", "laws.json", "results.csv", "twins.json", CURRENT)
    if not all((plan.root / name).exists() for name in files):
        return False
    try:
        found = json.loads((plan.root / CURRENT).read_text())
    except ValueError:
        return False
    return found == {"digest": digest(plan, states)}


def note(plan: Plan, states: States, problems: Sequence[str]) -> None:
    """Notes what the page was made of; after problems it is made again."""
    if not problems:
        runs.write_json(plan.root / CURRENT, {"digest": digest(plan, states)})


def costs(plan: Plan, states: States) -> dict[str, Any]:
    """Time of all finished runs, the space that the study takes, and the code that they were made with."""
    done = [(job, states(job)) for job in plan.everything if states(job).kind == "done"]
    files = (path for path in (plan.root / "runs").rglob("*") if path.is_file())
    return {
        "finished_runs": len(done),
        "seconds_of_one_core": round(sum(state.seconds for _, state in done)),
        "megabytes": round(sum(path.stat().st_size for path in files) / 1e6),
        "commits_of_the_runs": commits_of(job.workdir for job, _ in done),
    }
