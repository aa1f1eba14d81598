"""Keeps the numbers of a run of experiments.reproductions and draws the table of docs/reproductions.md.

python -m docs.draw_reproductions runs/reproductions

Without a directory it draws again from the numbers that are kept in docs/reproductions.json. Order and wording
are those of the records; a number that the kept run lacks is "not yet run".
"""

import json
import math
import pathlib
import sys
from collections.abc import Mapping

from experiments.reproductions import RECORDS
from experiments.reproductions.records import MISSING
from lsgeo import runs

DOCS = pathlib.Path(__file__).parent
KEPT = DOCS / "reproductions.json"
PAGE = DOCS / "reproductions.md"
MARKS = "<!-- table -->\n", "\n<!-- end of table -->"
HEAD = (
    "| name | number | published | here [95 % interval] | | source | not as published | seconds |",
    "| --- | --- | --- | --- | --- | --- | --- | ---: |",
)


def keep(workdir: pathlib.Path) -> None:
    """Writes what is kept of a run: each number, and the commit and the machine that made it."""
    opened = runs.Run(workdir)
    provenance = json.loads((workdir / runs.PROVENANCE).read_text(encoding="utf-8"))
    names = ("git_commit", "created", "device_kind", "versions")
    numbers = {}
    for record in RECORDS:
        if opened.has(record.name):
            found = opened.load(record.name)
            finite = {key: float(found[key]) for key in ("value", "lower", "upper")}
            # JSON has no name for what is not finite.
            numbers[record.name] = {
                key: value if math.isfinite(value) else None for key, value in finite.items()
            } | {"seconds": round(float(found["seconds"]), 1)}
    kept = {name: provenance[name] for name in names} | {"numbers": numbers}
    KEPT.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def load() -> dict:
    """What is kept."""
    return json.loads(KEPT.read_text(encoding="utf-8"))


def rows(numbers: Mapping[str, dict]) -> list[str]:
    """The table's rows in Markdown."""
    return [f"| {' | '.join(_cells(record, numbers.get(record.name)))} |" for record in RECORDS]


def _cells(record, found):
    ours, verdict, seconds = "", "not yet run", ""
    if found is not None:
        seconds = f"{found['seconds']:.0f}"
        ours, verdict = "no number", MISSING
        if found["value"] is not None:
            verdict = record.verdict(found)
            ours = "{value:.4g} [{lower:.4g}, {upper:.4g}]".format(**found)
    told = (record.quantity, record.published, ours, verdict, record.source, record.apart, seconds)
    return [f"`{record.name}`", *(text.replace("|", "\\|") for text in told)]


def put_table(page: str, lines: list[str]) -> str:
    """A page with a table between its marks."""
    before, rest = page.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    return "\n".join([before + MARKS[0], *HEAD, *lines, MARKS[1] + after])


def main(workdir: str | None) -> None:
    """Keeps what is kept of a run, then draws."""
    if workdir:
        keep(pathlib.Path(workdir))
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(put_table(page, rows(load()["numbers"])), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:2] or [None])
