"""Where a study's numbers come from: the commits of the code that made its runs, and their configurations."""

import pathlib
from collections.abc import Iterable

from lsgeo import runs
from lsgeo.provenance import sha256_of

CHANGED = "+changes"


def commit_of(workdir: pathlib.Path) -> str:
    """The commit that made a run, with "+changes" where the code had some that were in no commit.

    A directory's provenance is that of its first start, so that a study's own tells of no run in it.

    Returns:
      Its hash; "" where it is not known: code outside a repository, or a file that is lost or damaged, on which
      no result hangs.
    """
    try:
        found = runs.load_provenance(workdir)
    except ValueError:
        return ""
    commit = found.get("git_commit") or ""
    return commit + CHANGED if commit and found.get("git_changes") else commit


def commits_of(workdirs: Iterable[pathlib.Path]) -> list[str]:
    """The commits that made some runs, each once, sorted."""
    return sorted({commit_of(workdir) for workdir in workdirs} - {""})


def record_of(workdir: pathlib.Path) -> str:
    """The hash of a run's configuration, as its provenance has it; "" where that is damaged."""
    try:
        return sha256_of(runs.load_config(workdir))
    except ValueError:
        return ""


def warning(commits: Iterable[str]) -> list[str]:
    """A sentence where runs do not come from one commit whose code is known; [] where they do."""
    names = [name.replace(CHANGED, " with changes that are in no commit") for name in commits]
    if len(names) < 2 and not any(name.endswith(CHANGED) for name in commits):
        return []
    several = f"The runs were made by {len(names)} states of the code" if len(names) > 1 else ""
    return [
        f"{several or 'The runs were made by code that was changed'}: {', '.join(names)}. results.csv names "
        "those of each network."
    ]
