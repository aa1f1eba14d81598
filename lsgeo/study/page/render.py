"""From content to one HTML page."""

import base64
import importlib.resources
import itertools
import json
import re

import jinja2
from markupsafe import Markup

from lsgeo import plotting, study
from lsgeo.study.page import landscapes, words
from lsgeo.study.page._glossary import GLOSSARY
from lsgeo.study.page._strips import strips
from lsgeo.study.page.content import ReportContent

_SHOWN_FINDINGS = 8  # of a hypothesis, until a reader asks for all
_RAMP = 33  # colours of a loss; a script goes straight from one to the next
_SHAPES = {**words.SHAPES, **words.LAW_SHAPES, **words.ANSWER_SHAPES}


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
    environment.filters |= {
        "number": words.number,
        "factor": words.factor,
        "probability": words.probability,
        "variable": plotting.css_variable,
        "css": lambda name: name.replace(" ", "-"),
        "shape": _SHAPES.__getitem__,
    }
    primary = [v for section in content.claims for v in section.verdicts if v.decides_claim]
    number = itertools.count(1)
    claims = {section.claim.name for section in content.claims}
    targets = {name: f"claim-{name}" for name in claims}
    targets |= {law.result.law.name: f"law-{law.result.law.name}" for law in content.laws}
    return environment.get_template("page.html.jinja").render(
        content=content,
        arms=list(study.ARMS.values()),
        counts={name: sum(v.decision == name for v in primary) for name in study.VERDICTS},
        words=words,
        strips=strips,
        shown_findings=_SHOWN_FINDINGS,
        glossary=GLOSSARY,
        image=lambda figure: _image(figure, next(number)),
        targets=targets,
        ramp=_json(plotting.loss_ramp(_RAMP)),
        sides=list(zip(landscapes.LABELS, landscapes.PHRASES, strict=True)),
        twins=_json([one.plain() for one in content.twins]) if content.twins else "",
        data=_json(content.explorer.plain()) if content.explorer else "",
    )


def _source(name):
    return (importlib.resources.files("lsgeo.study.page") / name).read_text(encoding="utf-8")


def _json(plain):
    text = json.dumps(plain, separators=(",", ":"), allow_nan=False)
    # Inside a script element only "<" could end it.
    return Markup(text.replace("<", "\\u003c"))


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
