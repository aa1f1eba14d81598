"""From content to one HTML page."""

import base64
import importlib.resources
import math
import re

import jinja2
from markupsafe import Markup

from lsgeo.report.content import VERDICTS, ReportContent

GLOSSARY = (
    (
        "Skip connection",
        "A shortcut that adds a layer's input to its output. The two arms are twins: the same "
        "layers, initial weights and order of the data, with and without it.",
    ),
    (
        "Loss and nats",
        "The average surprise of the network at the right answers, in natural-log units. Guessing "
        "evenly among C classes costs ln C nats.",
    ),
    (
        "Hessian and eigenvalues",
        "The Hessian collects the second derivatives of the loss by the weights. Its eigenvalues "
        "are the curvatures along independent directions: large is a steep valley wall, zero is "
        "flat, negative is a way down.",
    ),
    (
        "Eigenvalue density",
        "How the curvatures of all directions are spread: the height at a value is the share of "
        "directions that have about this curvature.",
    ),
    ("λmax", "The largest eigenvalue: the curvature of the steepest direction, called sharpness."),
    ("Trace", "The sum of all eigenvalues: the total curvature."),
    (
        "Negative mass",
        "The negative eigenvalues' share of all curvature, Σ|λ<0| / Σ|λ|: 0 in a bowl, ½ where up "
        "and down balance, as at a saddle.",
    ),
    (
        "Matched loss",
        "Networks are compared when they have reached the same training loss. Curvature falls as "
        "the loss falls, so that a comparison after equal time would mostly compare speed.",
    ),
    (
        "Filter-normalised surface",
        "The loss on a plane through the trained weights. Its two random directions are scaled so "
        "that a distance of 1 moves each filter by its own length, as the size of weights alone "
        "says nothing about the function.",
    ),
    (
        "Effect and interval",
        "The metric without skips divided by the metric with them: ×1 is no difference. The "
        "log-ratio is its natural logarithm. The interval shows what the seeds allow.",
    ),
    (
        "Verdict",
        "Supported: the whole interval lies beyond the threshold on the side that the claim "
        "predicts. Contradicted: it lies on the other side. Undecided: neither.",
    ),
)
_SHAPES = {"supported": "●", "contradicted": "✕", "undecided": "◇"}


def render(content: ReportContent) -> str:
    """Renders a report as one HTML page that works from a file, without any request.

    Text is escaped; an SVG image is trusted and inlined, so that its colours follow the page's
    light or dark scheme.

    Args:
      content: ReportContent.

    Returns:
      The page, to be written as UTF-8.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "factor": _factor}
    counts = {name: sum(row.verdict == name for row in content.verdicts) for name in VERDICTS}
    return environment.get_template("page.html.jinja").render(
        content=content,
        counts=counts,
        shapes=_SHAPES,
        glossary=GLOSSARY,
        images=[_image(figure, place) for place, figure in enumerate(content.figures, 1)],
    )


def _source(name):
    return (importlib.resources.files("lsgeo.report") / name).read_text(encoding="utf-8")


def _image(figure, place):
    if isinstance(figure.image, bytes):
        data = base64.b64encode(figure.image).decode()
        return Markup('<img src="data:image/png;base64,{}" alt="{}">').format(data, figure.alt)
    # Several figures share one page: ids get the figure's number, so that none is there twice.
    svg = re.sub(r'\bid="([^"]+)"', rf'id="f{place}-\1"', figure.image)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#f{place}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#f{place}-\1)", svg)
    label = Markup('<svg role="img" aria-label="{}"').format(figure.alt)
    return label + Markup(svg.lstrip().removeprefix("<svg"))


def _number(value):
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:+.2f}".replace("-", "−")


def _factor(log_ratio):
    if math.isnan(log_ratio):
        return "–"
    if log_ratio > math.log(1e6):
        return "∞" if math.isinf(log_ratio) else f"×10^{log_ratio / math.log(10):.1f}"
    factor = math.exp(log_ratio)
    if factor >= 100:
        return f"×{factor:.0f}"
    return f"×{factor:.2g}" if factor == 0 or factor >= 1e-3 else f"×{factor:.0e}".replace("-", "−")
