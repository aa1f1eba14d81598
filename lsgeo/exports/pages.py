"""Surfaces as a page to turn and zoom, for any browser, without a network."""

import html
import os
from collections.abc import Mapping

import numpy as np

from lsgeo import runs
from lsgeo.exports._extras import missing
from lsgeo.geometry import Surface

# The browser itself refuses to load anything; the library that draws is inside and compiles shaders' helpers.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; worker-src blob:"
)
LABELS = {"log": "log₁₀ loss", "linear": "loss"}
_SEEN = {"colorscale": "Viridis", "hoverinfo": "x+y+text"}
_MAP = {"ncontours": 30, "line": {"width": 0.4}, "showscale": False}
_LINE = {
    "contours": {"start": 0, "end": 0, "size": 1, "coloring": "none"},
    "line": {"color": "white", "width": 2.5},
    "hoverinfo": "skip",
    "showscale": False,
}


def write_html(
    path: str | os.PathLike,
    surfaces: Mapping[str, Surface],
    *,
    level: float | None = None,
    unit: str = "filter norms",
    title: str = "Loss surfaces",
) -> None:
    """Writes one page with a menu of surfaces: in space, as contours, on a logarithmic or a linear scale.

    All share one scale of heights and colours, so that twins can be compared. The page holds plotly.js (5 MB)
    and loads nothing. Points without a finite loss (on the logarithmic scale, without a positive one) stay
    empty.

    Args:
      path: of the file, usually *.html.
      surfaces: name -> Surface, for the menu.
      level: a positive loss that the contours show as a white line, such as that of a uniform guess; None
        for none.
      unit: of the coordinates.
      title: of the page.

    Raises:
      ValueError: if there is no surface, one has a single row or column, `level` is not positive, or plotly
        is missing.
    """
    if not surfaces:
        raise ValueError("`surfaces` must hold at least one surface; got none.")
    for name, surface in surfaces.items():
        if min(surface.values.shape) < 2:
            raise ValueError(
                f"`surfaces` must have at least 2 by 2 points each; {name!r} has {len(surface.xs)} by "
                f"{len(surface.ys)}."
            )
    if level is not None and not level > 0:
        raise ValueError(f"`level` must be positive; got {level}. Give None for no line.")
    try:
        from plotly import io, offline
    except ImportError as error:
        raise missing("plotly", "An .html page") from error
    body = io.to_html(
        {"data": _traces(surfaces, level), "layout": _layout(surfaces, level, unit)},
        validate=False,  # a figure as plotly.js takes it, where the text of a surface is a matrix
        full_html=False,
        include_plotlyjs=False,
        div_id="surface",
        config={"displaylogo": False, "responsive": True},
        default_height="92vh",
    )
    page = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{html.escape(title)}</title>\n<style>body {{ margin: 0; min-width: 900px }}</style>\n"
        f"<script>{offline.get_plotlyjs()}</script>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
    runs.write_bytes(path, page.encode())


def _traces(surfaces, level):
    low, high = _range(surfaces, "log")
    bar = {"title": {"text": LABELS["log"]}}
    kinds = [
        {"type": "surface", "cmin": low, "cmax": high, "colorbar": bar, **_SEEN},
        {"type": "contour", "zmin": low, "zmax": high, **_MAP, **_SEEN},
        {"type": "contour", **_LINE},
    ]
    traces = []
    for rank, surface in enumerate(surfaces.values()):
        shown = {
            "x": np.asarray(surface.xs, float).tolist(),
            "y": np.asarray(surface.ys, float).tolist(),
            "text": [[f"loss {value:.6g}" for value in row] for row in surface.values.tolist()],
            "visible": rank == 0,
        }
        heights = _heights(surface, level, "log")
        traces += [{**kind, **shown, "z": z} for kind, z in zip(kinds, heights, strict=False)]
    return traces


def _heights(surface, level, scale):
    # Of the sheet, of the map, and of the line, which is the map's zero after the level is taken off.
    above = [0.0, 0.0] if level is None else [0.0, 0.0, _scaled(level, scale)]
    values = _scaled(surface.values, scale)
    return [
        [[v if np.isfinite(v) else None for v in row] for row in (values - shift).tolist()]
        for shift in above
    ]


def _scaled(values, scale):
    values = np.asarray(values, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log10(values) if scale == "log" else values


def _range(surfaces, scale):
    values = np.concatenate([_scaled(np.ravel(one.values), scale) for one in surfaces.values()])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _layout(surfaces, level, unit):
    first, second = "first direction", "second direction"
    return {
        "scene": {
            "xaxis": {"title": {"text": first}},
            "yaxis": {"title": {"text": second}},
            "zaxis": {"title": {"text": LABELS["log"]}, "range": list(_range(surfaces, "log"))},
            "domain": {"x": [0, 0.55]},
            "aspectmode": "cube",
            "camera": {"eye": {"x": 1.5, "y": 1.5, "z": 1.1}},
        },
        "xaxis": {
            "title": {"text": f"{first} ({unit})"},
            "domain": [0.62, 1],
            "constrain": "domain",
        },
        "yaxis": {
            "title": {"text": f"{second} ({unit})"},
            "constrain": "domain",
            "scaleanchor": "x",
        },
        "margin": {"t": 70, "l": 10, "r": 10, "b": 70},
        "annotations": [_note(level)],
        "updatemenus": [
            {**_menu("left"), "type": "dropdown", "buttons": _choices(surfaces, level)},
            {**_menu("right"), "type": "buttons", "buttons": _scales(surfaces, level)},
        ],
    }


def _note(level):
    text = (
        "empty: no finite loss"
        if level is None
        else f"white line: loss {level:.4g};  empty: no finite loss"
    )
    low_right = {
        "xref": "paper",
        "yref": "paper",
        "x": 1,
        "y": 0,
        "xanchor": "right",
        "yshift": -60,
    }
    return {"text": text, "showarrow": False, "yanchor": "bottom", **low_right}


def _menu(side):
    x = {"left": 0.0, "right": 1.0}[side]
    direction = {"left": "down", "right": "right"}[side]
    return {"x": x, "xanchor": side, "y": 1.02, "yanchor": "bottom", "direction": direction}


def _choices(surfaces, level):
    traces = 2 if level is None else 3
    buttons = []
    for name in surfaces:
        visible = [name == other for other in surfaces for _ in range(traces)]
        buttons.append({"label": name, "method": "restyle", "args": [{"visible": visible}]})
    return buttons


def _scales(surfaces, level):
    buttons = []
    for scale, label in LABELS.items():
        z = [heights for one in surfaces.values() for heights in _heights(one, level, scale)]
        low, high = _range(surfaces, scale)
        colors = {"cmin": low, "cmax": high, "zmin": low, "zmax": high}
        traces = {"z": z, **colors, "colorbar.title.text": label}
        args = [traces, {"scene.zaxis.title.text": label, "scene.zaxis.range": [low, high]}]
        buttons.append({"label": scale, "method": "update", "args": args})
    return buttons
