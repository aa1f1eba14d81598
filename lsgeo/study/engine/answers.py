"""From the runs of a study to its answers: the table, the verdicts, the page."""

from lsgeo import runs
from lsgeo.study import _origins, _pairs, laws
from lsgeo.study.contrasts import Interaction
from lsgeo.study.decisions import _interplay, _plain
from lsgeo.study.decisions.verdicts import decide
from lsgeo.study.engine import record
from lsgeo.study.engine.filling import Filler
from lsgeo.study.engine.jobs import REPAIRED
from lsgeo.study.page import _write
from lsgeo.study.plan import Plan
from lsgeo.study.table import collect, write_csv


def answer(plan: Plan, filler: Filler, command: str) -> str:
    """Writes results.csv, verdicts.json, laws.json, anova.json, twins.json and report.html.

    Args:
      plan: of the study; what it asks for is there, as far as it could be made.
      filler: that has made it; it makes anew what turns out to be damaged, and compares the twins.
      command: that makes the page again.

    Returns:
      The answer in one paragraph.
    """
    rows = _rows(plan, filler)
    # All of the study's claims share one level, also where only some of them are answered now.
    confidence = plan.config.confidence
    verdicts = decide(plan.config.studied(), rows, plan.designs, confidence=confidence)
    shown = {claim.name for claim in plan.claims} | record.answered(plan.root)
    verdicts = [verdict for verdict in verdicts if verdict.claim.name in shown]
    filler.fill(plan.comparisons)
    costs = record.costs(plan, filler.states)
    found = _pairs.load(plan.cells)
    # Analyses of variance belong to claims about interactions.
    interplay = [v.claim.name for v in verdicts if isinstance(v.hypothesis.contrast, Interaction)]
    analyses = _interplay.analyses(rows, plan.designs) if interplay else []
    write_csv(plan.root / "results.csv", rows)
    runs.write_json(plan.root / "anova.json", analyses)
    values = _plain.plain(verdicts, plan.config.num_seeds, command)
    commits = costs["commits_of_the_runs"]
    values = [value | {"commits": commits} for value in values]
    runs.write_json(plan.root / "verdicts.json", values)
    found_laws = laws.measured(rows, plan.designs)
    runs.write_json(plan.root / "laws.json", laws.plain(found_laws, command))
    runs.write_json(plan.root / "twins.json", [_pairs.plain(pair) for pair in found])
    headline = _write.write(
        plan,
        rows=rows,
        pairs=found,
        verdicts=verdicts,
        laws=found_laws,
        notes={name: [one["text"] for one in analyses] for name in interplay},
        provenance=_provenance(plan, costs),
        problems=[*filler.problems, *_origins.warning(commits)],
        command=command,
    )
    record.note(plan, filler.states, filler.problems)
    return headline


def _provenance(plan, costs):
    # The directory's first start says nothing of the code that made the runs in it.
    found = runs.load_provenance(plan.root) | costs
    runs.write_json(plan.root / runs.PROVENANCE, found)
    return {name: value for name, value in found.items() if not name.startswith("git_")}


def unrepaired(problems: list[str]) -> list[str]:
    """Those problems that are still there."""
    return [text for text in problems if not text.endswith(REPAIRED)]


def _rows(plan, filler):
    # Without the runs of another configuration or version, also those that other claims need.
    others = [job.workdir for job in plan.jobs if filler.states(job).kind == "other"]
    rows, damaged = collect(plan.cells, plan.config.matched_loss, others)
    if damaged:
        filler.repair(damaged, plan.asked)
        rows, _ = collect(plan.cells, plan.config.matched_loss, others)
    return rows
