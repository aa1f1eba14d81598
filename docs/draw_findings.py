"""Keeps a finished standard study below docs/ and draws what README.md and docs/findings.md show of it.

python -m docs.draw_findings runs/standard

Without a directory it draws again from the numbers that are kept in docs/study.
"""

import collections
import json
import pathlib
import shutil
import sys

from lsgeo import plotting
from lsgeo.study.page import words

DOCS = pathlib.Path(__file__).parent
KEPT = DOCS / "study"
FILES = ("report.html", "verdicts.json", "results.csv", "anova.json", "provenance.json")
PAGES = {"verdicts": DOCS.parent / "README.md", "findings": DOCS / "findings.md"}


def load() -> list[dict]:
    """The verdicts that are kept."""
    return json.loads((KEPT / "verdicts.json").read_text())


def table(verdicts: list[dict], *, primary: bool) -> str:
    """A table of verdicts in Markdown, of the claims' first hypotheses or of all."""
    lines = [
        "| | hypothesis | verdict | effect [95 % interval] | pairs | conditions for, against, in all |",
        "| --- | --- | --- | --- | ---: | --- |",
    ]
    for verdict in verdicts:
        if primary and not verdict["decides_claim"]:
            continue
        findings = verdict["findings"]
        counts = collections.Counter(finding["decision"] for finding in findings)
        against = counts["contradicted"] + counts["no difference"]
        name = verdict["claim"] if primary else verdict["hypothesis"]
        bold = "**" if verdict["decides_claim"] and not primary else ""
        pairs = findings[0]["num_pairs"] if findings else 0
        lines.append(
            f"| {bold}{name}{bold} | {verdict['statement']} | {words.SHAPES[verdict['verdict']]} "
            f"{verdict['verdict']} | {effect(verdict)} | {pairs} | {counts['supported']}, {against}, "
            f"{len(findings)} |"
        )
    return "\n".join(lines)


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


def put_table(name: str, text: str) -> None:
    """Puts a table between its marks in its page."""
    path = PAGES[name]
    first, last = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, rest = path.read_text(encoding="utf-8").split(first)
    after = rest.split(last)[1]
    path.write_text(f"{before}{first}\n{text}\n{last}{after}", encoding="utf-8")


def rows(verdicts: list[dict]) -> list[plotting.EffectRow]:
    """The claims' first effects, of those that have an interval."""
    return [
        plotting.EffectRow(
            f"{verdict['claim']} {verdict['statement']}",
            *(verdict["findings"][0][name] for name in ("effect", "lower", "upper")),
            verdict["threshold"],
            verdict["verdict"],
            verdict["is_log_ratio"],
        )
        for verdict in verdicts
        if verdict["decides_claim"] and _has_interval(verdict)
    ]


def _has_interval(verdict):
    finding = verdict["findings"][0] if verdict["findings"] else {}
    return all(finding.get(name) is not None for name in ("effect", "lower", "upper"))


def main(workdir: str | None) -> None:
    """Copies what is kept of a study, then draws."""
    if workdir:
        KEPT.mkdir(exist_ok=True)
        for name in FILES:
            shutil.copy(pathlib.Path(workdir) / name, KEPT / name)
    verdicts = load()
    put_table("verdicts", table(verdicts, primary=True))
    put_table("findings", table(verdicts, primary=False))
    plotting.save_svg(plotting.effect_forests(rows(verdicts)), DOCS / "findings.svg")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
