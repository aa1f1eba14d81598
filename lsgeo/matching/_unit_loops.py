"""Loops and branches on the way of parameters: what a later turn finds, the first one may not."""

from collections.abc import Callable, Sequence
from typing import Any

from jax.extend import core

from lsgeo.matching._axis_rules import scanned
from lsgeo.matching._unit_tracks import BATCH, Value, plain, tracks_of


def scan(trace: Any, eqn: core.JaxprEqn, operands: Sequence[Value]) -> list[Value]:
    """A loop with rows; a parameter among them is one for each turn."""
    inner = eqn.params["jaxpr"].jaxpr
    consts, carry = scanned(eqn)
    fixed, state = operands[:consts], operands[consts : consts + carry]
    rows = [_row(trace, value) for value in operands[consts + carry :]]
    state, found = _settle(trace, inner, lambda state: [*fixed, *state, *rows], state)
    results = []
    for value, var in zip(found[carry:], eqn.outvars[carry:], strict=True):
        for number, track in tracks_of([value]):
            if track.kind == "pure":
                trace.mark(number, track, "it leaves a loop changed")
        results.append(plain(value.level, var))
    return [*state, *results]


def _row(trace, value):
    tracks = {}
    for number, track in value.tracks.items():
        along = trace.long(number, track.sources([0]))
        tracks[number] = track.with_axes(track.axes[1:], stack=track.stack | along)
        if track.kind == "pure":
            trace.looped[number] = trace.looped.get(number, frozenset()) | along
    return Value(value.level, value.flat[1:], tracks)


def while_loop(trace: Any, eqn: core.JaxprEqn, operands: Sequence[Value]) -> list[Value]:
    """A loop without rows."""
    tests, consts = eqn.params["cond_nconsts"], eqn.params["body_nconsts"]
    fixed, state = operands[tests : tests + consts], operands[tests + consts :]
    body = eqn.params["body_jaxpr"].jaxpr
    return _settle(trace, body, lambda state: [*fixed, *state], state)[0]


def _settle(
    trace: Any, jaxpr: core.Jaxpr, arguments: Callable, state: Sequence[Value]
) -> tuple[list[Value], list[Value]]:
    """The state that holds in every turn, and what the body makes of it; uses are recorded once."""
    recording, trace.recording = trace.recording, False
    while True:
        found = trace.follow(jaxpr, arguments(state))
        joined = [_joined(old, new) for old, new in zip(state, found, strict=False)]
        if joined == state:
            break
        state = joined
    trace.recording = recording
    return state, trace.follow(jaxpr, arguments(state)) if recording else found


def cond(trace: Any, eqn: core.JaxprEqn, operands: Sequence[Value]) -> list[Value]:
    """What one of several branches makes."""
    index, *rest = operands
    found = [trace.follow(branch.jaxpr, rest) for branch in eqn.params["branches"]]
    return [_either(index.level, values) for values in zip(*found, strict=True)]


def _joined(one, other):
    same = {n: t for n, t in one.tracks.items() if other.tracks.get(n) == t}
    return Value(max(one.level, other.level), _both_flat(one, other), same)


def _either(index, values):
    level = max(value.level for value in values)
    first, *rest = values
    flat, tracks = first.flat, {}
    for value in values:
        for number, track in value.tracks.items():
            beside = level == BATCH and value.level < BATCH
            kind = "weak" if beside else track.kind
            tracks.setdefault(number, track.with_axes(track.axes, kind=kind))
    for value in rest:
        flat = tuple(a and b for a, b in zip(flat, value.flat, strict=True))
    return Value(level if tracks else max(level, index), flat, tracks)


def _both_flat(one, other):
    return tuple(a and b for a, b in zip(one.flat, other.flat, strict=True))


LOOPS = {"scan": scan, "while": while_loop, "cond": cond}
