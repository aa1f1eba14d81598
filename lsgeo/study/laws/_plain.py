"""Laws as plain values, for laws.json."""

import math
from collections.abc import Sequence
from typing import Any

from lsgeo.study.laws.records import Curve, Fitted, LawResult


def plain(results: Sequence[LawResult], command: str) -> list[dict[str, Any]]:
    """Results as values that JSON has, each with the command that reproduces it; null where there is no number.

    Args:
      results: of `measured`.
      command: that answers the whole study: a law reads the networks of many claims.
    """
    return [
        {
            "law": result.law.name,
            "title": result.law.title,
            "question": result.law.question,
            "statement": result.law.statement,
            "limits": result.law.limits,
            "columns": list(result.law.columns),
            "verdict": result.verdict,
            "sentence": result.sentence,
            "stops": result.stops,
            "checks": [
                {"text": check.text, "answer": check.answer, "is_bound": check.is_bound}
                for check in result.checks
            ],
            "x": result.law.x,
            "y": result.law.y,
            "curves": [_curve(curve) for curve in result.curves],
            "command": command.split(" --only")[0],
        }
        for result in results
    ]


def _curve(curve: Curve) -> dict[str, Any]:
    numbers = ("x", "value", "lower", "upper")
    return {
        "label": curve.label,
        "arm": curve.arm,
        "family": curve.family,
        "norm": curve.norm,
        "panel": curve.panel,
        **{name: [_number(one) for one in getattr(curve, name)] for name in numbers},
        "bound": list(curve.bound),
        "sides": list(curve.sides),
        "predicted": None if curve.predicted is None else [_number(p) for p in curve.predicted],
        "exponent": None if curve.exponent is None else _fitted(curve.exponent),
    }


def _fitted(found: Fitted) -> dict[str, Any]:
    return {
        "value": _number(found.value),
        "lower": _number(found.lower),
        "upper": _number(found.upper),
        "num_pairs": found.num_pairs,
        "side": found.side,
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
