"""Verdicts as plain values, for verdicts.json."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from lsgeo.study.arms import ARMS
from lsgeo.study.decisions.records import Verdict


def plain(verdicts: Sequence[Verdict], num_seeds: int, command: str) -> list[dict[str, Any]]:
    """Verdicts as values that JSON has, each with the command that reproduces it."""
    return [
        {
            "claim": verdict.claim.name,
            "hypothesis": verdict.hypothesis.name,
            "statement": verdict.hypothesis.statement,
            "decides_claim": verdict.decides_claim,
            "verdict": verdict.decision,
            "seeds_needed": _fields(verdict.seeds_needed),
            "limit_share": _number(verdict.limit_share),
            "pooled": _fields(verdict.pooled),
            "median": _median(verdict),
            "metric": verdict.hypothesis.metric_name,
            "columns": list(verdict.hypothesis.contrast.columns),
            "is_log_ratio": verdict.hypothesis.contrast.is_ratio,
            "threshold": verdict.hypothesis.smallest,
            "threshold_reason": verdict.hypothesis.reason,
            "falsifier": verdict.hypothesis.falsifier,
            "contested": verdict.claim.contested,
            "published": [
                {"text": one.text, "source": one.source, "sign": one.sign}
                for one in verdict.hypothesis.published
            ],
            "findings": [_finding(finding, num_seeds) for finding in verdict.findings],
            "command": f"{command.split(' --only')[0]} --only={verdict.claim.name}",
        }
        for verdict in verdicts
    ]


def _finding(finding, num_seeds):
    effect, condition = finding.effect, finding.condition
    return {
        "family": condition.family,
        "norm": condition.norm,
        "depth": condition.depth,
        "reading": condition.reading,
        "arms": list(condition.arms),
        "decision": finding.decision,
        "no_room": finding.no_room,
        "held": finding.held,
        "limit_share": _number(finding.limit_share),
        "limit_shares": [_number(share) for share in finding.sample.limit_shares],
        "effect": _number(effect.value),
        "lower": _number(effect.lower),
        "upper": _number(effect.upper),
        "num_pairs": effect.num_pairs,
        "num_positive": effect.num_positive,
        "num_splits": len(set(finding.sample.splits)),
        "test": effect.test,
        "degrees": _number(effect.degrees),
        "num_missing": max(num_seeds - effect.num_pairs, finding.sample.num_missing),
        "num_bounds": finding.sample.num_bounds,
        "p_value": _number(effect.p_value),
        "adjusted_p": _number(finding.adjusted_p),
        "sign_p": _number(effect.sign_p),
        "values": [_number(float(value)) for value in finding.sample.values],
        "seeds": list(finding.sample.seeds),
        "splits": list(finding.sample.splits),
        "runs": [f"runs/{_folder(condition, arm)}-seed*" for arm in condition.arms],
    }


def _folder(condition, arm):
    depth = f"depth{condition.depth}" if condition.depth else "depth*"
    parts = (condition.family, condition.norm, depth, ARMS[arm].folder)
    return "-".join(part for part in parts if part)


def _median(verdict):
    if verdict.median is None:
        return None
    effect = verdict.median.effect
    ends = {name: _number(getattr(effect, name)) for name in ("lower", "upper")}
    return {"condition": str(verdict.median.condition), "effect": _number(effect.value), **ends}


def _fields(record):
    if record is None:
        return None
    found = dataclasses.asdict(record)
    return {
        name: value if isinstance(value, str) else _number(value) for name, value in found.items()
    }


def _number(value):
    return value if math.isfinite(value) else None
