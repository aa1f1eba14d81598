"""How each primitive of JAX moves the axes of parameters, and where they meet data."""

import collections
import math
from collections.abc import Sequence

from jax.extend import core

from lsgeo.matching import _unit_loops as loops
from lsgeo.matching import _unit_moves as moves
from lsgeo.matching._axis_rules import CALLS, ELEMENTWISE, REDUCTIONS
from lsgeo.matching._unit_tracks import (
    BATCH,
    CONSTANT,
    MIXED,
    READ,
    Factor,
    Track,
    Use,
    Value,
    opaque,
    plain,
    singles,
    tracks_of,
)

# What leaves a sum of products one: a weak track goes no further than these.
_LINEAR = frozenset("add add_any convert_element_type copy div mul name neg sub".split())
_SAME = frozenset("device_put optimization_barrier pvary sharding_constraint rev".split())


class Trace:
    """Follows parameters through a computation.

    Attributes:
      uses: by the parameter's number, in the order of computation.
      unclear: why a parameter's units cannot be told, where it has no use by the batch.
      looped: the axes along which loops take a parameter apart.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]], constants: int):
        self.uses: dict[int, list[Use]] = {}
        self.unclear: dict[int, str] = {}
        self.looped: dict[int, frozenset[int]] = {}
        self._shapes, self._constants, self.recording = shapes, constants, True

    def follow(self, jaxpr: core.Jaxpr, operands: Sequence[Value]) -> list[Value]:
        """The results of a jaxpr."""
        known = {var: self._constant(var) for var in jaxpr.constvars}
        known |= dict(zip(jaxpr.invars, operands, strict=True))
        counts = collections.Counter(
            v for e in jaxpr.eqns for v in e.invars if not isinstance(v, core.Literal)
        )

        def read(var):
            return self._constant(var) if isinstance(var, core.Literal) else known[var]

        for eqn in jaxpr.eqns:
            once = [isinstance(v, core.Literal) or counts[v] == 1 for v in eqn.invars]
            found = self._apply(eqn, list(map(read, eqn.invars)), once)
            known |= zip(eqn.outvars, found, strict=True)
        return [read(var) for var in jaxpr.outvars]

    def _constant(self, var):
        shape = var.aval.shape
        return Value(self._constants if shape else CONSTANT, (False,) * len(shape))

    def _apply(self, eqn, operands, once):
        name = eqn.primitive.name
        if name in CALLS:
            inner = eqn.params["jaxpr"] if "jaxpr" in eqn.params else eqn.params["call_jaxpr"]
            return self.follow(getattr(inner, "jaxpr", inner), operands)
        if name in loops.LOOPS:
            return loops.LOOPS[name](self, eqn, operands)
        if name in _SAME:
            return operands
        if name in ELEMENTWISE or name == "complex":
            return [self._elementwise(eqn, operands)]
        if name in ("dot_general", "conv_general_dilated"):
            return [self._meet(eqn, *operands)]
        if name in REDUCTIONS:
            return [self._reduce(eqn, operands[0], once[0])]
        if name in ("gather", "dynamic_slice"):
            return [self._take(eqn, *operands)]
        if name in moves.MOVES:
            return self._move(eqn, operands)
        return self._unknown(eqn, operands)

    def _record(self, number, use):
        if self.recording:
            self.uses.setdefault(number, []).append(use)

    def mark(self, number: int, track: Track, reason: str) -> None:
        """Notes why a parameter's units cannot be told, unless it has a single axis."""
        if self.recording and len(track.own()) > 1:
            self.unclear.setdefault(number, reason)

    def _unknown(self, eqn, operands):
        level = max((operand.level for operand in operands), default=CONSTANT)
        for number, track in tracks_of(operands):
            if track.kind == "pure":
                level = max(level, MIXED)
                self.mark(number, track, f"it goes through `{eqn.primitive.name}`")
        return [plain(level, var) for var in eqn.outvars]

    # What moves entries about.

    def _move(self, eqn, operands):
        name, level = eqn.primitive.name, max(operand.level for operand in operands)
        flat = moves.FLAT[name](eqn, operands[0].flat) if name in moves.FLAT else None
        results = []
        for var in eqn.outvars:
            shape, tracks = var.aval.shape, {}
            for operand in operands[:1] if name == "pad" else operands:
                if level == BATCH > operand.level:
                    continue  # Laid beside data, such as a class token.
                for number, track in operand.tracks.items():
                    moved = self._moved(number, track, moves.MOVES[name](eqn, track.axes, shape))
                    old = tracks.get(number)
                    tracks[number] = moved if old is None else moves.beside(old, moved, shape)
            results.append(Value(level, flat or (False,) * len(shape), tracks))
        return results

    def _moved(self, number, track, axes):
        moved = track.with_axes(axes)
        gone = self.long(number, singles(track.axes) - moved.sources())
        return moved.with_axes(axes, stack=track.stack | gone)

    def long(self, number: int, axes: frozenset[int]) -> frozenset[int]:
        """Those of a parameter's axes that are longer than 1."""
        return frozenset(i for i in axes if self._shapes[number][i] > 1)

    def _take(self, eqn, operand, *indices):
        shape, (out,) = eqn.invars[0].aval.shape, eqn.outvars
        looks_up = max(i.level for i in indices) == BATCH
        level = max(operand.level, BATCH if looks_up else CONSTANT)
        result = Value(level, (False,) * len(out.aval.shape))
        for number, track in operand.tracks.items():
            if eqn.primitive.name == "gather":
                axes, taken = moves.gathered(eqn, track.axes, shape, looks_up)
            else:
                sizes = eqn.params["slice_sizes"]
                axes = tuple(map(opaque, track.axes, sizes))
                taken = [i for i, size in enumerate(sizes) if size < shape[i]]
            moved = track.with_axes(axes)
            inside = moved.sources()
            if not looks_up:
                gone = self.long(number, track.sources(taken) - inside)
                result.tracks[number] = moved.with_axes(axes, stack=track.stack | gone)
            elif track.kind == "pure" and operand.level < BATCH:
                rows = track.sources(taken)
                use = Use(rows | track.spent, inside - rows, track.stack, True)
                self._record(number, use)
                axes = [tuple(Factor(f.size, f.sources - rows) for f in axis) for axis in axes]
                result.tracks[number] = track.with_axes(axes, kind="looked up", lookup=use)
        return result

    # What is done to entries one by one.

    def _elementwise(self, eqn, operands):
        (out,), name = eqn.outvars, eqn.primitive.name
        shape = out.aval.shape
        level = max(operand.level for operand in operands)
        values = [
            moves.spread(operand, v.aval.shape, shape)
            for operand, v in zip(operands, eqn.invars, strict=True)
        ]
        flat = tuple(all(value.flat[i] for value in values) for i in range(len(shape)))
        result = Value(level, flat)
        for place, value in enumerate(values):
            others = [v for k, v in enumerate(values) if k != place and v.level == BATCH]
            for number, track in value.tracks.items():
                if level == BATCH and (others or track.kind != "pure"):
                    track = self._beside_data(name, place, number, track, others)
                if track is not None:
                    old = result.tracks.get(number)
                    result.tracks[number] = track if old is None else _richer(old, track)
        return result

    def _beside_data(self, name, place, number, track, others):
        linear = name in _LINEAR and not (name == "div" and place)
        own = track.own()
        lacking = [i for i in own if all(value.flat[i] for value in others)]
        if track.kind == "looked up":
            return None if others else track
        if track.kind in ("pure", "scaled") and len(lacking) == len(own):
            return track.with_axes(track.axes, kind="scaled")
        if track.kind in ("pure", "scaled") and lacking:
            if linear and name in ("mul", "div"):
                return track.with_axes(track.axes, kind="outer")
            self._mark_outer(number, track, name)
        elif track.kind == "outer":
            if linear and not others:
                return track
            if lacking or not linear:
                self._mark_outer(number, track, name)
        return track.with_axes(track.axes, kind="weak") if linear and len(own) > 1 else None

    def _mark_outer(self, number, track, name):
        if len(self._shapes[number]) > 1:
            self.mark(number, track, f"`{name}` takes it with data that lack one of its axes")

    def _reduce(self, eqn, operand, once):
        gone, name = eqn.params["axes"], eqn.primitive.name
        kept = [i for i in range(len(operand.flat)) if i not in gone]
        result = Value(operand.level, tuple(operand.flat[i] for i in kept))
        for number, track in operand.tracks.items():
            moved = track.with_axes(track.axes[i] for i in kept)
            if track.kind in ("pure", "scaled"):
                spent = track.spent | track.sources(gone)
                result.tracks[number] = moved.with_axes(moved.axes, spent=spent)
            elif not any(i in gone for i in track.own()):
                result.tracks[number] = moved
            elif track.kind == "outer" and once and name == "reduce_sum":
                self._sum(number, track, gone, kept, True)
            elif track.kind == "outer":
                self._mark_outer(number, track, name)
        return result

    # Where parameters meet data.

    def _sum(self, number, track, summed, kept, of_batch):
        size = math.prod(f.size for i in summed for f in track.axes[i])
        inputs = track.sources(summed) | track.spent
        if self.long(number, inputs) or size == 1:  # or else it only stands beside the sum
            self._record(number, Use(inputs, track.sources(kept), track.stack, of_batch))

    def _meet(self, eqn, left, right):
        level, (out,) = max(left.level, right.level), eqn.outvars
        convolves = eqn.primitive.name == "conv_general_dilated"
        sides = list(zip((left, right), moves.meeting(eqn), strict=True))
        if left.level == right.level == BATCH:
            self._meet_within_data(sides)
            return plain(BATCH, out)
        if convolves and right.tracks and right.level < BATCH:
            chosen = 1
        else:
            chosen = _weights(left, right)
        if chosen is not None:
            (value, (summed, _, kept)), other = sides[chosen], sides[1 - chosen][0]
            for number, track in value.tracks.items():
                if convolves and not chosen:
                    self.mark(number, track, "it is the image of a convolution")
                elif other.level == MIXED:
                    self.mark(number, track, "it meets a product of parameters alone")
                else:
                    self._sum(number, track, summed, kept, other.level == BATCH)
            return plain(max(level, READ), out)
        if level == BATCH:
            return plain(level, out)
        for number, track in tracks_of((left, right)):
            self.mark(number, track, "it is multiplied with another parameter before any data")
        return plain(MIXED if left.tracks or right.tracks else level, out)

    def _meet_within_data(self, sides):
        weak = []
        for value, (summed, together, kept) in sides:
            for number, track in value.tracks.items():
                own = track.own()
                met = any(i in summed for i in own)
                stays = any(i in kept and i not in together for i in own)
                if track.kind in ("outer", "scaled") and met:
                    self._sum(number, track, summed, kept, True)
                elif track.kind == "looked up" and met and stays:
                    # Weights that the batch chose, such as an expert's.
                    chosen = track.lookup.inputs
                    inputs = track.sources(summed)
                    use = Use(inputs, track.sources(kept) | chosen - inputs, track.stack, True)
                    self._replace(number, track.lookup, use)
                elif track.kind == "weak" and met and stays:
                    weak.append((value, number, track, summed, kept))
        alone = len({id(value) for value, *_ in weak}) == 1
        for _, number, track, summed, kept in weak:
            if alone:
                self._sum(number, track, summed, kept, True)
            else:
                self.mark(number, track, "data with it added are multiplied with each other")

    def _replace(self, number, old, new):
        if self.recording:
            self.uses[number] = [new if use is old else use for use in self.uses[number]]


def _weights(left, right) -> int | None:
    """Which of two factors is the weights that the other one, which is no parameter's, meets."""
    if left.level != right.level:
        low = int(left.level > right.level)
    else:
        low = int(not left.tracks)
    for k in (low, 1 - low):
        value, other = ((left, right), (right, left))[k]
        if value.tracks and value.level < BATCH:
            wide = any(len(track.own()) > 1 for track in other.tracks.values())
            same = value.level == other.level and other.tracks
            return None if same or (other.level < BATCH and wide) else k
    return None


def _richer(one, other):
    return other if len(other.own()) > len(one.own()) else one
