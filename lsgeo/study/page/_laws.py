"""The laws of a study as sections of its page, each with its figure, wide and for a phone."""

import math
from collections.abc import Sequence

from lsgeo import plotting
from lsgeo.study.laws import LawResult
from lsgeo.study.page.content import Figure, LawSection

CAPTION = (
    "Points are means over pairs of twins, bars their 95 % intervals. Dashed: what theory predicts without a "
    "free parameter. Open, with an arrow: a bound, as the learning rate holds the number."
)


def sections(results: Sequence[LawResult]) -> list[LawSection]:
    """A section for each law; one without curves has no figure."""
    return [LawSection(one, _figure(one, phone=False), _figure(one, phone=True)) for one in results]


def _figure(result, *, phone):
    law = result.law
    values = [value for curve in result.curves for value in curve.value]
    if not any(math.isfinite(value) and (value > 0 or not law.log_y) for value in values):
        return None
    axes = {name: getattr(law, name) for name in ("x", "y", "log_x", "log_y")}
    figure = plotting.law_panels(result.curves, **axes, phone=phone)
    image = plotting.to_svg(figure, text=True)
    return Figure(law.title, CAPTION, image, f"{law.title}: {result.sentence}")
