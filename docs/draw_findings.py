"""Keeps a finished standard study below docs/ and draws what README.md and docs/findings.md show of it.

python -m docs.draw_findings runs/standard

Without a directory it draws again from the numbers that are kept in docs/study. Order and wording are those of
the records, `lsgeo.study.CLAIMS`; a hypothesis that the kept study has not answered is "not yet run".
"""

import collections
import gzip
import json
import pathlib
import sys
from collections.abc import Mapping

from lsgeo import plotting, study
from lsgeo.study.page import words

DOCS = pathlib.Path(__file__).parent
KEPT = DOCS / "study"
FILES = ("report.html", "verdicts.json.gz", "results.csv.gz", "anova.json", "provenance.json")
PAGES = {"verdicts": DOCS.parent / "README.md", "findings": DOCS / "findings.md"}
HEAD = (
    "| | hypothesis | verdict | effect [95 % interval] | pairs | conditions for, against, in all |",
    "| --- | --- | --- | --- | ---: | --- |",
)


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


def rows(verdicts: Mapping[str, dict], *, primary: bool) -> dict[str, str]:
    """The table's rows in Markdown by hypothesis, of the claims' first hypotheses or of all."""
    found = {}
    for claim in study.CLAIMS:
        for hypothesis in claim.hypotheses[: 1 if primary else None]:
            first = hypothesis == claim.hypotheses[0] and not primary
            label = claim.name if primary else hypothesis.name
            cells = [f"**{label}**" if first else label, hypothesis.statement]
            cells += _answer(verdicts.get(hypothesis.name))
            found[hypothesis.name] = f"| {' | '.join(cells)} |"
    return found


def _answer(verdict):
    if verdict is None:
        return ["not yet run", "", "", ""]
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


def put_table(name: str, lines: Mapping[str, str]) -> None:
    """Puts a table's rows between its marks in its page."""
    path = PAGES[name]
    first, last = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, rest = path.read_text(encoding="utf-8").split(first)
    text = "\n".join([*HEAD, *lines.values()])
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
    verdicts = load()
    put_table("verdicts", rows(verdicts, primary=True))
    put_table("findings", rows(verdicts, primary=False))
    plotting.save_svg(plotting.effect_forests(effects(verdicts)), DOCS / "findings.svg")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
