"""The study's page: verdicts in words, figures with captions, what failed, where it came from."""

import re
from collections.abc import Mapping, Sequence

from lsgeo import runs, study
from lsgeo.study import essay
from lsgeo.study._pairs import Pair
from lsgeo.study.decisions import _plain
from lsgeo.study.laws import LawResult
from lsgeo.study.page import _laws, _networks, _pictures, landscapes, words
from lsgeo.study.page.content import ClaimSection, ReportContent
from lsgeo.study.page.render import render
from lsgeo.study.plan import Cell, Plan

TITLE = "What do skip connections do to the loss landscape?"


def write(
    plan: Plan,
    *,
    rows: Sequence[Mapping],
    pairs: Sequence[Pair],
    verdicts: Sequence[study.Verdict],
    laws: Sequence[LawResult],
    notes: Mapping[str, Sequence[str]],
    provenance: Mapping,
    problems: Sequence[str],
    command: str,
) -> str:
    """Writes report.html into the study's directory.

    Args:
      plan: of the study.
      rows: what was measured.
      pairs: what twins have in common.
      verdicts: of all hypotheses, those of a claim together.
      laws: what was found of each law.
      notes: further results by claim, in sentences.
      provenance: names and values; those of "versions" are spread out.
      problems: one sentence per run that is damaged or missing.
      command: that makes the page again.

    Returns:
      The answer in one paragraph.
    """
    matched_loss = plan.config.matched_loss
    trained = [cell for cell in plan.cells if _networks.stored(cell.path / "train", "summary")]
    answer = words.answer(verdicts, len(trained))
    claims = list({verdict.claim.name: verdict.claim for verdict in verdicts}.values())
    twins = landscapes.collect(trained, rows)
    plain = _plain.plain(verdicts, plan.config.num_seeds, command)
    found, held = essay.known(plain), {one.law.name: one.verdict for one in laws}
    page = render(
        ReportContent(
            title=TITLE,
            answer=answer,
            claims=[
                _section(claim, verdicts, plan, command, notes.get(claim.name, ()))
                for claim in claims
            ],
            laws=_laws.sections(laws),
            twins=twins,
            picture=_pictures.landscapes(twins[0], matched_loss) if twins else None,
            essay=[essay.judge(sentence, found, held) for sentence in essay.SENTENCES],
            changed={claim.name: claim.changed for claim in claims if claim.changed},
            forest=_pictures.forest(verdicts),
            explorer=_networks.explorer(plan.cells, matched_loss),
            figures=_pictures.of_families(trained, pairs, matched_loss),
            failures=_failures(trained, matched_loss),
            unmeasured=_unmeasured(verdicts, plan),
            problems=problems,
            provenance=_provenance(provenance, plan.config),
            command=command,
        )
    )
    runs.write_bytes(plan.root / "report.html", page.encode())
    return answer


def _section(claim, verdicts, plan, command, notes):
    mine = [verdict for verdict in verdicts if verdict.claim == claim]
    return ClaimSection(
        mine,
        f"{re.sub(r' --only=[^ ]*', '', command)} --only={claim.name}",
        _files(mine[0].primary, plan),
        notes,
    )


def _files(finding, plan):
    if finding is None:
        return ["results.csv"]
    where = finding.condition
    used = [
        cell.path
        for cell in plan.cells
        if (cell.family, cell.norm) == (where.family, where.norm)
        and where.depth in (0, cell.depth)
        and cell.arm.name in where.arms
    ]
    folders = [path.relative_to(plan.root).as_posix() for path in used]
    return ["results.csv", *dict.fromkeys(re.sub(r"-seed\d+$", "-seed*", f) for f in folders)]


def _failures(cells, matched_loss):
    groups: dict[tuple, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.kind, []).append(cell)
    return [text for mine in groups.values() for text in _failures_of(mine, matched_loss)]


def _failures_of(cells, matched_loss):
    cell = cells[0]
    norm = {"": "", "none": " without norm"}.get(cell.norm, f" with {cell.norm} norm")
    name = f"{cell.family} of depth {cell.depth}{norm}, {cell.arm.phrase}"
    summaries = [_networks.stored(cell.path / "train", "summary") for cell in cells]
    pairs = list(zip(cells, summaries, strict=True))
    diverged = [c.seed for c, s in pairs if s["status"] == "diverged"]
    short = [
        c.seed
        for c, s in pairs
        if dict(zip(s["levels"], s["reached"], strict=True)).get(matched_loss, -1) < 0
    ]
    sentences = []
    if diverged:
        sentences.append(f"{name}: {_of(diverged, cells)} diverged.")
    if short:
        sentences.append(
            f"{name}: {_of(short, cells)} never reached a training loss of {matched_loss:g}, so that nothing "
            "is known of them at equal loss, and their pairs have no number there."
        )
    return sentences


def _of(seeds, cells):
    listed = ", ".join(str(seed) for seed in seeds)
    return f"{len(seeds)} of {len(cells)} networks (seed{'s' if len(seeds) > 1 else ''} {listed})"


def _unmeasured(verdicts, plan):
    found = {}
    for verdict in verdicts:
        hypothesis = verdict.hypothesis
        if not verdict.findings:
            reason = study.untested(hypothesis, plan.designs)
            found[hypothesis.name] = f"{hypothesis.statement}: {reason}."
        elif not verdict.primary.effect.num_pairs:
            found[hypothesis.name] = (
                f"{hypothesis.statement}: no pair of twins has a number at its primary condition."
            )
    decided = {verdict.claim.name for verdict in verdicts}
    studied = {claim.name for claim in plan.config.studied()}
    for claim in (claim for claim in study.CLAIMS if claim.name not in decided):
        why = "not yet run" if claim.name in studied else "left out of what this page was asked for"
        found[claim.name] = f"{claim.statement}: {why}."
    return found


def _provenance(stored, config):
    stored = {name: value for name, value in stored.items() if value not in (None, "")}
    versions = stored.pop("versions", {})
    flat = {f"{name} version": version for name, version in versions.items() if version}
    named = {name.replace("_", " "): _text(value) for name, value in stored.items()}
    seeds = ", ".join(str(seed) for seed in range(config.num_seeds))
    return {**named, **flat, "seeds": seeds}


def _text(value):
    if isinstance(value, (list, tuple)):
        return " ".join(str(part) for part in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
