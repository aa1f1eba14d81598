"""How the axes of parameters go through what moves entries about, and which of them a product sums over."""

from collections.abc import Sequence

from lsgeo.matching._unit_tracks import (
    Axis,
    Factor,
    Track,
    Value,
    foreign,
    merged,
    opaque,
    reshaped,
)


def spread(value, before, after):
    """A value as an elementwise primitive takes it: numbers, and axes of length 1, go with any axis."""
    if len(before) < len(after):
        return Value(value.level, (True,) * len(after))
    flat = tuple(f or b == 1 for f, b in zip(value.flat, before, strict=True))
    if before == after:
        return Value(value.level, flat, value.tracks)
    tracks = {
        n: t.with_axes(
            a if b == c else foreign(c) for a, b, c in zip(t.axes, before, after, strict=True)
        )
        for n, t in value.tracks.items()
    }
    return Value(value.level, flat, tracks)


def meeting(eqn) -> list[tuple]:
    """For both operands, the axes that are summed over, those of a batch of products, and all that stay."""
    if eqn.primitive.name == "dot_general":
        contracted, together = eqn.params["dimension_numbers"]
        ranks = [len(var.aval.shape) for var in eqn.invars]
        return [
            (c, t, [i for i in range(rank) if i not in c])
            for c, t, rank in zip(contracted, together, ranks, strict=True)
        ]
    numbers = eqn.params["dimension_numbers"]
    (rows, features, *space), (units, inputs, *window) = numbers.lhs_spec, numbers.rhs_spec
    return [((features, *space), (), (rows,)), ((inputs, *window), (), (units,))]


def gathered(eqn, axes, shape, looks_up) -> tuple[tuple[Axis, ...], list[int]]:
    """The axes of what `gather` takes, and the operand's axes of which it takes a part."""
    numbers, sizes = eqn.params["dimension_numbers"], eqn.params["slice_sizes"]
    aligned = dict(
        zip(numbers.start_indices_batching_dims, numbers.operand_batching_dims, strict=True)
    )
    gone = (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims)
    whole = iter([i for i in range(len(sizes)) if i not in gone])
    spread = frozenset().union(*(f.sources for i in numbers.collapsed_slice_dims for f in axes[i]))
    taken = [i for i, size in enumerate(sizes) if size < shape[i] and i not in aligned.values()]
    found, index = [], 0
    for place, size in enumerate(eqn.outvars[0].aval.shape):
        if place in numbers.offset_dims:
            i = next(whole)
            found.append(opaque(axes[i], size))
        else:
            found.append(
                axes[aligned[index]]
                if index in aligned
                else (Factor(size, frozenset() if looks_up else spread),)
            )
            index += 1
    return tuple(found), taken


def _broadcast(eqn, axes, shape):
    found = list(map(foreign, shape))
    for axis, i, old in zip(
        axes, eqn.params["broadcast_dimensions"], eqn.invars[0].aval.shape, strict=True
    ):
        if old == shape[i]:
            found[i] = axis
    return tuple(found)


def _broadcast_flat(eqn, flat):
    before, after = eqn.invars[0].aval.shape, eqn.outvars[0].aval.shape
    found = [True] * len(after)
    for i, place in enumerate(eqn.params["broadcast_dimensions"]):
        found[place] = flat[i] or before[i] < after[place]
    return tuple(found)


def _resized(eqn, axes, shape):
    # slice, split, pad, concatenate: axes that are cut or lengthened.
    return tuple(map(opaque, axes, shape))


def _reshape(eqn, axes, shape):
    order = eqn.params["dimensions"]
    return reshaped(axes if order is None else [axes[i] for i in order], shape)


def beside(one: Track, other: Track, shape: Sequence[int]) -> Track:
    """One parameter that comes in two operands, such as two slices of it laid side by side."""
    pairs = zip(one.axes, other.axes, shape, strict=True)
    return one.with_axes((merged(*pair) for pair in pairs), stack=one.stack | other.stack)


MOVES = {
    "broadcast_in_dim": _broadcast,
    "transpose": lambda eqn, axes, shape: tuple(axes[i] for i in eqn.params["permutation"]),
    "reshape": _reshape,
    "squeeze": lambda eqn, axes, shape: tuple(
        axis for i, axis in enumerate(axes) if i not in eqn.params["dimensions"]
    ),
    **dict.fromkeys(("concatenate", "pad", "slice", "split"), _resized),
}
FLAT = {
    "broadcast_in_dim": _broadcast_flat,
    "transpose": lambda eqn, flat: tuple(flat[i] for i in eqn.params["permutation"]),
    "squeeze": lambda eqn, flat: tuple(
        f for i, f in enumerate(flat) if i not in eqn.params["dimensions"]
    ),
}
