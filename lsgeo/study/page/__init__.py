"""One self-contained HTML page out of plain data.

    verdicts = study.decide(claims, rows, designs)
    content = ReportContent(
      title=..., answer=answer(verdicts, num_networks=40), claims=[ClaimSection(verdicts[:2]), ...])
    Path("report.html").write_text(render(content), encoding="utf-8")

The page needs no network and no other file.
"""

from lsgeo.study.page.content import ClaimSection, Figure, LawSection, ReportContent
from lsgeo.study.page.explorer import (
    Curve,
    Density,
    Explorer,
    Network,
    Plane,
    median_curve,
    pooled_density,
)
from lsgeo.study.page.landscapes import Landscape, Twins
from lsgeo.study.page.render import render
from lsgeo.study.page.words import answer, factor, number

__all__ = [
    "ClaimSection",
    "Curve",
    "Density",
    "Explorer",
    "Figure",
    "Landscape",
    "LawSection",
    "Network",
    "Plane",
    "ReportContent",
    "Twins",
    "answer",
    "factor",
    "median_curve",
    "number",
    "pooled_density",
    "render",
]
