"""Keeps a finished standard study below docs/ and draws what README.md and docs/findings.md show of it.

python -m docs.draw_findings runs/standard

Without a directory it draws again from the numbers that are kept in docs/study. Between a page's marks stands
what is made here: the five laws, what becomes of the essay's sentences, what changed, the networks, all
verdicts. What stands outside them is written by hand. Order and wording are those of the records; what the kept
study has not answered is "not yet run".
"""

import collections
import csv
import gzip
import io
import json
import pathlib
import sys
from collections.abc import Mapping, Sequence

from lsgeo import plotting, study
from lsgeo.study import essay, laws
from lsgeo.study.page import words

DOCS = pathlib.Path(__file__).parent
KEPT = DOCS / "study"
FILES = (
    *("report.html", "verdicts.json.gz", "laws.json", "results.csv.gz", "anova.json"),
    "provenance.json",
)
README, FINDINGS = DOCS.parent / "README.md", DOCS / "findings.md"
HEAD = (
    "| | hypothesis | verdict | effect [95 % interval] | pairs | conditions for, against, in all |",
    "| --- | --- | --- | --- | ---: | --- |",
)
ESSAY = ("| the essay says | answer | number | shown by |", "| --- | --- | --- | --- |")
NETWORKS = (
    "| family | data | norms | depths | arms | seeds | networks |",
    "| --- | --- | --- | --- | --- | ---: | ---: |",
)
NOT_YET = "not yet run"


def read(name: str) -> str:
    """The text of a kept file."""
    data = (KEPT / name).read_bytes()
    return (gzip.decompress(data) if name.endswith(".gz") else data).decode()


def keep(workdir: pathlib.Path) -> None:
    """Copies what is kept of a study, tables compressed; the same bytes for the same tables."""
    KEPT.mkdir(exist_ok=True)
    for name in FILES:
        data = (workdir / name.removesuffix(".gz")).read_bytes()
        packed = gzip.compress(data, mtime=0) if name.endswith(".gz") else data
        (KEPT / name).write_bytes(packed)


def load() -> dict[str, dict]:
    """The verdicts that are kept, by hypothesis."""
    return {verdict["hypothesis"]: verdict for verdict in json.loads(read("verdicts.json.gz"))}


def current(verdicts: Mapping[str, dict]) -> dict[str, dict]:
    """Those of the kept verdicts that answer what the records ask now: of the same columns, arms and reading.

    The others are of an earlier form of their hypothesis, and would stand under words that they do not answer.
    """
    found = {}
    for hypothesis in (hypothesis for claim in study.CLAIMS for hypothesis in claim.hypotheses):
        verdict = verdicts.get(hypothesis.name)
        if verdict is None or verdict["columns"] != list(hypothesis.contrast.columns):
            continue
        first = verdict["findings"][:1]
        asked = list(hypothesis.arms[0]), hypothesis.readings[0]
        if all((one["arms"], one["reading"]) == asked for one in first):
            found[hypothesis.name] = verdict
    return found


def load_laws() -> dict[str, dict]:
    """The laws that are kept, by name; {} of a study from before there were laws."""
    if not (KEPT / "laws.json").exists():
        return {}
    return {law["law"]: law for law in json.loads(read("laws.json"))}


def answer(found: Mapping[str, dict]) -> list[str]:
    """The answer in as many sentences as there are laws."""
    lines = []
    for place, (name, law) in enumerate(laws.LAWS.items(), 1):
        said, text = f"({NOT_YET})", law.question
        if name in found:
            verdict = found[name]["verdict"]
            said, text = (
                f"({words.LAW_SHAPES[verdict]} {verdict})",
                words.short(found[name]["sentence"]),
            )
        lines.append(f"{place}. **{law.title}** {said}. {text}")
    return lines


def law_sections(found: Mapping[str, dict]) -> list[str]:
    """What was found of each law, what it says, and where it stops."""
    lines = []
    for name, law in laws.LAWS.items():
        kept = found.get(name, {"verdict": NOT_YET, "sentence": "", "stops": ""})
        lines += [f"### {name}. {law.title}: {kept['verdict']}", "", f"*{law.question}*", ""]
        lines += [kept["sentence"], ""] if kept["sentence"] else []
        lines += [f"The law: {law.statement.rstrip('.')}. {law.limits}", ""]
        lines += [f"Where it stops: {kept['stops']}", ""] if kept["stops"] else []
    return lines[:-1]


def essay_rows(verdicts: Mapping[str, dict], found: Mapping[str, dict]) -> list[str]:
    """What becomes of each sentence of the essay."""
    known = essay.known(list(verdicts.values()))
    held = {name: law["verdict"] for name, law in found.items()}
    lines = []
    for sentence in essay.SENTENCES:
        one = essay.judge(sentence, known, held)
        said = f"“{sentence.quote}”<br>{sentence.meaning}"
        number = f"{one.number}<br>{one.where}" if one.number else "–"
        cells = [said, f"**{one.answer}**{one.rest}", number, one.link]
        lines.append(f"| {' | '.join(cells)} |")
    return [*ESSAY, *lines]


def changes() -> list[str]:
    """What was wrong with earlier forms of claims, as their records say."""
    changed = [(claim.name, claim.changed) for claim in study.CLAIMS]
    return [f"- **{name}**: {text}" for name, text in changed if text] or ["None is on record."]


def networks() -> list[str]:
    """The networks of the kept study, out of its table of results."""
    found: dict[tuple[str, str], list[dict]] = {}
    for row in csv.DictReader(io.StringIO(read("results.csv.gz"))):
        if not row["reading"]:
            found.setdefault((row["family"], row["dataset"]), []).append(row)
    lines = []
    for (family, dataset), mine in found.items():
        norms, arms = (
            ", ".join(dict.fromkeys(row[name] for row in mine)) for name in ("norm", "arm")
        )
        depths = ", ".join(str(x) for x in sorted({int(row["depth"]) for row in mine}))
        seeds = len({row["seed"] for row in mine})
        cells = (family, dataset, norms or "–", depths, arms, str(seeds), str(len(mine)))
        lines.append(f"| {' | '.join(cells)} |")
    return [*NETWORKS, *lines]


def rows(verdicts: Mapping[str, dict]) -> dict[str, str]:
    """The rows of the table of verdicts by hypothesis, a claim's first one in bold."""
    found = {}
    for claim in study.CLAIMS:
        for hypothesis in claim.hypotheses:
            label, first = hypothesis.name, hypothesis == claim.hypotheses[0]
            cells = [f"**{label}**" if first else label, hypothesis.statement]
            cells += _answer(verdicts.get(hypothesis.name))
            found[hypothesis.name] = f"| {' | '.join(cells)} |"
    return found


def _answer(verdict):
    if verdict is None:
        return [NOT_YET, "", "", ""]
    findings = verdict["findings"]
    counts = collections.Counter(finding["decision"] for finding in findings)
    against = counts["contradicted"] + counts["no difference"]
    return [
        f"{words.SHAPES[verdict['verdict']]} {verdict['verdict']}",
        effect(verdict),
        str(findings[0]["num_pairs"] if findings else 0),
        f"{counts['supported']}, {against}, {len(findings)}",
    ]


def effect(verdict: dict) -> str:
    """The primary effect with its interval."""
    if not verdict["findings"] or verdict["findings"][0]["effect"] is None:
        return "no number"
    finding = verdict["findings"][0]
    show = words.factor if verdict["is_log_ratio"] else words.number
    ends = [finding["lower"], finding["upper"]]
    if None in ends:
        return show(finding["effect"])
    return f"{show(finding['effect'])} [{show(ends[0])}, {show(ends[1])}]"


def parts(verdicts: Mapping[str, dict], found: Mapping[str, dict]) -> dict[str, list[str]]:
    """What is made here, in lines, by the name of its marks."""
    return {
        "answer": answer(found),
        "laws": law_sections(found),
        "essay": essay_rows(verdicts, found),
        "findings": [*HEAD, *rows(verdicts).values()],
        "changes": changes(),
        "networks": networks(),
    }


PAGES = {"answer": README} | dict.fromkeys(
    ("laws", "essay", "findings", "changes", "networks"), FINDINGS
)


def put(name: str, lines: Sequence[str]) -> None:
    """Puts lines between their marks in their page."""
    path = PAGES[name]
    first, last = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, rest = path.read_text(encoding="utf-8").split(first)
    text = "\n".join(lines)
    path.write_text(f"{before}{first}\n{text}\n{last}{rest.split(last)[1]}", encoding="utf-8")


def effects(verdicts: Mapping[str, dict]) -> list[plotting.EffectRow]:
    """The claims' first effects, of those that have an interval."""
    found = []
    for claim in study.CLAIMS:
        hypothesis = claim.hypotheses[0]
        verdict = verdicts.get(hypothesis.name)
        if verdict and _has_interval(verdict):
            ends = (verdict["findings"][0][name] for name in ("effect", "lower", "upper"))
            label = f"{claim.name} {hypothesis.statement}"
            decided = verdict["threshold"], verdict["verdict"], verdict["is_log_ratio"]
            found.append(plotting.EffectRow(label, *ends, *decided))
    return found


def _has_interval(verdict):
    finding = verdict["findings"][0] if verdict["findings"] else {}
    return all(finding.get(name) is not None for name in ("effect", "lower", "upper"))


def main(workdir: str | None) -> None:
    """Keeps what is kept of a study, then draws."""
    if workdir:
        keep(pathlib.Path(workdir))
    verdicts = current(load())
    for name, lines in parts(verdicts, load_laws()).items():
        put(name, lines)
    plotting.save_svg(plotting.effect_forests(effects(verdicts)), DOCS / "findings.svg")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
