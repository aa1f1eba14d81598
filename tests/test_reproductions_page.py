"""docs/reproductions.md shows the numbers that are kept beside it."""

import dataclasses
import json

import pytest

from docs import draw_reproductions
from experiments.reproductions import RECORDS
from lsgeo import runs

PAGE = draw_reproductions.PAGE.read_text(encoding="utf-8")
KEPT = draw_reproductions.load()


def test_the_table_of_the_page_is_that_of_the_kept_numbers():
    assert draw_reproductions.put_table(PAGE, draw_reproductions.rows(KEPT["numbers"])) == PAGE, (
        "Draw it again: python -m docs.draw_reproductions"
    )


def test_every_kept_number_is_that_of_a_record_and_its_run_names_its_commit():
    assert set(KEPT["numbers"]) <= {record.name for record in RECORDS}
    assert len(KEPT["git_commit"]) == 40 and KEPT["created"]


@pytest.mark.parametrize(
    ("value", "shown", "verdict"),
    [(0.1, "0.1 [0, 0.2]", "agrees"), (None, "no number", "not measured")],
)
def test_a_finished_run_is_kept_and_drawn(tmp_path, monkeypatch, value, shown, verdict):
    @dataclasses.dataclass
    class Config:
        seed: int = 0

    opened = runs.open_run(tmp_path / "run", Config())
    name, unrun = "depth_sharpness_scaled", "edge_60"
    number = float("nan") if value is None else value
    ends = {"value": number, "lower": number - 0.1, "upper": number + 0.1, "seconds": 3.2}
    opened.save(name, ends)
    page, kept = tmp_path / "page.md", tmp_path / "kept.json"
    page.write_text(f"before\n{''.join(draw_reproductions.MARKS)}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(draw_reproductions, "PAGE", page)
    monkeypatch.setattr(draw_reproductions, "KEPT", kept)
    draw_reproductions.main(str(tmp_path / "run"))
    assert json.loads(kept.read_text())["numbers"][name]["value"] == value
    rows = {
        line.split("|")[1].strip(): line for line in page.read_text().splitlines() if "|" in line
    }
    cells = [cell.strip() for cell in rows[f"`{name}`"].split("|")]
    assert cells[4:6] == [shown, verdict] and cells[-2] == "3"
    assert "| not yet run |" in rows[f"`{unrun}`"]
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    draw_reproductions.main(None)
    assert page.read_text() == text
