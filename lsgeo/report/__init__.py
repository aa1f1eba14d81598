"""One self-contained HTML page out of plain data.

    content = ReportContent(title=..., headline=[...], verdicts=[VerdictRow(...)],
    figures=[Figure(...)]) Path("report.html").write_text(render(content), encoding="utf-8")

The page needs no network and no other file.
"""

from lsgeo.report.content import VERDICTS, Figure, ReportContent, VerdictRow
from lsgeo.report.page import render

__all__ = ["VERDICTS", "Figure", "ReportContent", "VerdictRow", "render"]
