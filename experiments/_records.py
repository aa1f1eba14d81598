"""What a study leaves behind beside its page: verdicts as plain values, and whether the page is current."""

import hashlib
import itertools
import json
import math
import pathlib
import re
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from experiments import _grid, _state
from lsgeo import runs, study

CURRENT = "current.json"


def plain(verdicts: Sequence[study.Verdict], config, command: str) -> list[dict[str, Any]]:
    """Verdicts as values that JSON has, each with the command that reproduces it."""
    return [
        {
            "claim": verdict.claim.name,
            "hypothesis": verdict.hypothesis.name,
            "statement": verdict.hypothesis.statement,
            "decides_claim": verdict.decides_claim,
            "verdict": verdict.decision,
            "seeds_needed": verdict.seeds_needed,
            "metric": verdict.hypothesis.metric_name,
            "columns": list(verdict.hypothesis.contrast.columns),
            "is_log_ratio": verdict.hypothesis.contrast.is_ratio,
            "threshold": verdict.hypothesis.threshold,
            "falsifier": verdict.hypothesis.falsifier,
            "contested": verdict.claim.contested,
            "published": [
                {"text": one.text, "source": one.source, "sign": one.sign}
                for one in verdict.hypothesis.published
            ],
            "findings": [_finding(finding, config) for finding in verdict.findings],
            "command": f"{command.split(' --only')[0]} --only={verdict.claim.name}",
        }
        for verdict in verdicts
    ]


def command(root: pathlib.Path, only: Sequence[str]) -> str:
    """The command that makes the page again, out of this process' own.

    Args:
      root: the study's directory, of which the command has the name alone.
      only: claims that were asked for; none is all.
    """
    given = _config_flags(sys.argv[1:]) if pathlib.Path(sys.argv[0]).name == "study.py" else []
    parts = [
        *("python", "-m", "experiments.study"),
        *(given or ["--config=configs/study_quick.py"]),
        f"--workdir=runs/{root.name}",
        *([f"--only={','.join(only)}"] if only else []),
    ]
    return shlex.join(parts)


def answered(root: pathlib.Path) -> set[str]:
    """Names of the claims that an earlier page answers."""
    try:
        return {verdict["claim"] for verdict in json.loads((root / "verdicts.json").read_text())}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def digest(jobs: Sequence[_grid.Job], config) -> str:
    """A hash of everything that the page is made of: finished runs, what is asked, and the code."""
    found = hashlib.sha256()
    for job in jobs:
        marker = job.workdir / _state.MARKER
        state = _state.state(job)
        text = marker.read_text() if state.kind == "done" else state.kind
        found.update(f"{job.workdir.relative_to(job.cell.root)} {text}\n".encode())
    found.update(f"{config.only}".encode())
    for folder in ("lsgeo", "experiments"):
        for path in sorted((pathlib.Path(__file__).parent.parent / folder).rglob("*.*")):
            if path.suffix in (".py", ".jinja"):
                found.update(path.read_bytes())
    return found.hexdigest()


def is_current(root: pathlib.Path, found: str) -> bool:
    """Whether the page was made of just this, without problems."""
    files = ("report.html", "verdicts.json", "results.csv", "twins.json", CURRENT)
    if not all((root / name).exists() for name in files):
        return False
    try:
        return json.loads((root / CURRENT).read_text()) == {"digest": found}
    except ValueError:
        return False


def note(root: pathlib.Path, found: str, problems: Sequence[str]) -> None:
    """Notes what the page was made of; after problems it is made again."""
    if not problems:
        runs.write_json(root / CURRENT, {"digest": found})


def costs(jobs: Sequence[_grid.Job], root: pathlib.Path) -> dict[str, Any]:
    """Time of all finished runs, the space that the study takes, and the code that they were made with."""
    done = [(job, found) for job in jobs if (found := _state.state(job)).kind == "done"]
    size = sum(path.stat().st_size for path in (root / "runs").rglob("*") if path.is_file())
    commits = {_commit(job.workdir) for job, _ in done}
    return {
        "finished_runs": len(done),
        "seconds_of_one_core": round(sum(found.seconds for _, found in done)),
        "megabytes": round(size / 1e6),
        "commits_of_the_runs": sorted(commit for commit in commits if commit),
    }


def _config_flags(arguments):
    # --config and its fields, also where a space stands in place of the sign; not what is said otherwise, or
    # leaves the page alone.
    found = []
    for word, after in itertools.zip_longest(arguments, arguments[1:], fillvalue=""):
        if not re.match(r"--?config([.=]|$)", word):
            continue
        apart = after and "=" not in word and not after.startswith("-")
        named = f"{word}={after}" if apart else word
        if not re.match(r"--?config\.(only|shard|dry_run|workers)\b", named):
            found.append(named)
    return found


def _commit(workdir):
    try:
        return runs.load_provenance(workdir).get("git_commit")
    except ValueError:  # Lost or damaged; the run's results do not hang on it.
        return None


def _finding(finding, config):
    effect, condition = finding.effect, finding.condition
    return {
        "family": condition.family,
        "norm": condition.norm,
        "depth": condition.depth,
        "reading": condition.reading,
        "arms": list(condition.arms),
        "decision": finding.decision,
        "effect": _number(effect.value),
        "lower": _number(effect.lower),
        "upper": _number(effect.upper),
        "num_pairs": effect.num_pairs,
        "num_positive": effect.num_positive,
        "num_missing": config.num_seeds - effect.num_pairs,
        "num_bounds": finding.sample.num_bounds,
        "p_value": _number(effect.p_value),
        "adjusted_p": _number(finding.adjusted_p),
        "sign_p": _number(effect.sign_p),
        "values": [_number(float(value)) for value in finding.sample.values],
        "runs": [f"runs/{_folder(condition, arm)}-seed*" for arm in condition.arms],
    }


def _folder(condition, arm):
    depth = f"depth{condition.depth}" if condition.depth else "depth*"
    parts = (condition.family, condition.norm, depth, study.ARMS[arm].folder)
    return "-".join(part for part in parts if part)


def _number(value):
    return value if math.isfinite(value) else None
