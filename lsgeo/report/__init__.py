"""One self-contained HTML page out of plain data.

    verdicts = study.decide(claims, rows, designs)
    content = ReportContent(
      title=..., answer=answer(verdicts, num_networks=40), claims=[ClaimSection(verdicts[:2]), ...])
    Path("report.html").write_text(render(content), encoding="utf-8")

The page needs no network and no other file.
"""

from lsgeo.report.content import ClaimSection, Figure, ReportContent
from lsgeo.report.explorer import (
    Curve,
    Density,
    Explorer,
    Network,
    Plane,
    median_curve,
    pooled_density,
)
from lsgeo.report.page import render
from lsgeo.report.words import answer, factor, number

__all__ = [
    "ClaimSection",
    "Curve",
    "Density",
    "Explorer",
    "Figure",
    "Network",
    "Plane",
    "ReportContent",
    "answer",
    "factor",
    "median_curve",
    "number",
    "pooled_density",
    "render",
]
