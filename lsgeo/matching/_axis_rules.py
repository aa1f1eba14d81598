"""How each primitive of JAX ties the axes of its operands and results together.

A rule is sound if the primitive commutes with every permutation of the atoms that it leaves. A
primitive without a rule fixes all its axes, which is sound whatever it does.
"""

from collections.abc import Callable, Iterable, Sequence

from jax.extend import core

from lsgeo.matching.axes import Axis, Fixed, Product, Sum, Unifier, compose

Shape = tuple[Axis, ...]  # one structure for each axis of an array

ELEMENTWISE = frozenset(
    """abs acos acosh add add_any and asin asinh atan atan2 atanh cbrt ceil clamp clz conj
    convert_element_type copy copy_p cos cosh digamma div eq erf erf_inv erfc exp exp2 expm1 floor ge
    gt imag integer_pow is_finite le lgamma log log1p logistic lt max min mul name ne neg nextafter not
    or population_count pow real reduce_precision rem round rsqrt select_n
    shift_left shift_right_arithmetic shift_right_logical sign sin sinh sqrt square stop_gradient sub
    tan tanh xor""".split()
)
CALLS = frozenset(
    "checkpoint closed_call core_call custom_jvp_call custom_vjp_call jit pjit remat2".split()
)
REDUCTIONS = frozenset(
    "reduce_and reduce_max reduce_min reduce_or reduce_prod reduce_sum reduce_xor".split()
)


def trace(
    u: Unifier, jaxpr: core.Jaxpr, operands: Sequence[Shape], unknown: set[str]
) -> tuple[list[Shape], dict[core.Var, Shape]]:
    """Follows the axes of a computation from its operands to its results.

    Args:
      u: takes on what is found about the axes.
      jaxpr: the computation.
      operands: the axes of its arguments.
      unknown: gets the names of the primitives whose axes had to be fixed.

    Returns:
      The axes of the results, and of every variable by name.
    """
    known = {var: _fixed(var) for var in jaxpr.constvars}
    known |= dict(zip(jaxpr.invars, operands, strict=True))

    def read(var):
        return _fixed(var) if isinstance(var, core.Literal) else known[var]

    for eqn in jaxpr.eqns:
        known |= zip(eqn.outvars, _apply(u, eqn, list(map(read, eqn.invars)), unknown), strict=True)
    return [read(var) for var in jaxpr.outvars], known


def _apply(u, eqn, operands, unknown):
    name = eqn.primitive.name
    if name in ELEMENTWISE:
        return _elementwise(u, eqn, operands)
    if name in CALLS:
        inner = eqn.params["jaxpr"] if "jaxpr" in eqn.params else eqn.params["call_jaxpr"]
        return trace(u, getattr(inner, "jaxpr", inner), operands, unknown)[0]
    if name == "scan":
        return _scan(u, eqn, operands, unknown)
    if name in REDUCTIONS:
        gone = eqn.params["axes"]
        return [tuple(axis for i, axis in enumerate(operands[0]) if i not in gone)]
    if name in _RULES:
        return _RULES[name](u, eqn, operands)
    unknown.add(name)
    u.freeze(*(axis for operand in operands for axis in operand))
    return [_fixed(var) for var in eqn.outvars]


def _fixed(var) -> Shape:
    return tuple(map(Fixed, var.aval.shape))


def _new(u, var) -> Shape:
    return tuple(map(u.fresh, var.aval.shape))


def _elementwise(u, eqn, operands):
    results = []
    for var in eqn.outvars:
        out = _new(u, var)
        for operand in operands:
            # Numbers, and axes of length one, go with any axis.
            for one, other in zip(operand, out, strict=False):
                if one.size == other.size:
                    u.join(one, other)
        results.append(out)
    return results


def _scan(u, eqn, operands, unknown):
    inner = eqn.params["jaxpr"].jaxpr
    consts, carry = scanned(eqn)
    rows = operands[consts + carry :]
    u.freeze(*(operand[0] for operand in rows))
    body = [*operands[: consts + carry], *(operand[1:] for operand in rows)]
    results, _ = trace(u, inner, body, unknown)
    for before, after in zip(operands[consts : consts + carry], results[:carry], strict=True):
        _join_all(u, before, after)
    length = Fixed(eqn.params["length"])
    return [*results[:carry], *((length, *result) for result in results[carry:])]


def scanned(eqn: core.JaxprEqn) -> tuple[int, int]:
    """How many operands of a `scan` are constants, and how many its state; the rest it takes row by row."""
    # Read off the ranks: how the equation writes its numbers down depends on the version of JAX.
    inner = eqn.params["jaxpr"].jaxpr
    stacked = [
        sum(a.aval.ndim > b.aval.ndim for a, b in zip(outer, within, strict=True))
        for outer, within in ((eqn.invars, inner.invars), (eqn.outvars, inner.outvars))
    ]
    carry = len(eqn.outvars) - stacked[1]
    return len(eqn.invars) - stacked[0] - carry, carry


def _join_all(u, one: Iterable[Axis], other: Iterable[Axis]):
    for x, y in zip(one, other, strict=True):
        u.join(x, y)


def _reshape(u, eqn, operands):
    if eqn.params["dimensions"] is not None:
        u.freeze(*operands[0])
        return [_fixed(eqn.outvars[0])]
    out = _new(u, eqn.outvars[0])
    u.join(compose(Product, map(u.resolve, operands[0])), compose(Product, out))
    return [out]


def _broadcast(u, eqn, operands):
    out = list(_new(u, eqn.outvars[0]))
    for axis, place in zip(operands[0], eqn.params["broadcast_dimensions"], strict=True):
        if axis.size == out[place].size:
            out[place] = axis
    return [tuple(out)]


def _dot(u, eqn, operands):
    left, right = operands
    (left_sum, right_sum), (left_batch, right_batch) = eqn.params["dimension_numbers"]
    for i, j in (*zip(left_sum, right_sum), *zip(left_batch, right_batch)):  # noqa: B905
        u.join(left[i], right[j])
    free = [axis for i, axis in enumerate(left) if i not in (*left_sum, *left_batch)]
    free += [axis for j, axis in enumerate(right) if j not in (*right_sum, *right_batch)]
    return [(*(left[i] for i in left_batch), *free)]


def _convolution(u, eqn, operands):
    image, kernel = operands
    numbers, groups = eqn.params["dimension_numbers"], eqn.params["feature_group_count"]
    batch, features, *space = numbers.lhs_spec
    outputs, inputs, *window = numbers.rhs_spec
    out = list(_fixed(eqn.outvars[0]))
    u.freeze(*(image[i] for i in space), *(kernel[i] for i in window))
    if eqn.params["batch_group_count"] > 1:
        u.freeze(*image, *kernel)
        return [tuple(out)]
    group = u.fresh(groups)
    u.join(image[features], compose(Product, (group, kernel[inputs])))
    u.join(kernel[outputs], compose(Product, (group, u.fresh(kernel[outputs].size // groups))))
    out[numbers.out_spec[0]], out[numbers.out_spec[1]] = image[batch], kernel[outputs]
    return [tuple(out)]


def _pool(u, eqn, operands):
    p, out = eqn.params, list(_fixed(eqn.outvars[0]))
    for i, axis in enumerate(operands[0]):
        same = p["window_dimensions"][i] == p["window_strides"][i] == p["base_dilation"][i] == 1
        if same and p["padding"][i] == (0, 0):
            out[i] = axis
        else:
            u.freeze(axis)
    return [tuple(out)]


def _slice(u, eqn, operands):
    starts, stops = eqn.params["start_indices"], eqn.params["limit_indices"]
    strides = eqn.params["strides"] or (1,) * len(starts)
    out = list(_fixed(eqn.outvars[0]))
    for i, axis in enumerate(operands[0]):
        if strides[i] == 1:
            out[i] = _cut(u, axis, [starts[i], out[i].size, axis.size - stops[i]])[1]
        else:
            u.freeze(axis)
    return [tuple(out)]


def _split(u, eqn, operands):
    place = eqn.params["axis"]
    pieces = _cut(u, operands[0][place], eqn.params["sizes"])
    return [(*operands[0][:place], piece, *operands[0][place + 1 :]) for piece in pieces]


def _cut(u, axis, sizes):
    pieces = [u.fresh(size) for size in sizes]
    u.join(axis, compose(Sum, pieces))
    return pieces


def _concatenate(u, eqn, operands):
    place, out = eqn.params["dimension"], list(operands[0])
    for operand in operands[1:]:
        for i, axis in enumerate(operand):
            if i != place:
                u.join(axis, out[i])
    out[place] = compose(Sum, [u.resolve(operand[place]) for operand in operands])
    return [tuple(out)]


def _pad(u, eqn, operands):
    out = list(_fixed(eqn.outvars[0]))
    for i, (axis, widths) in enumerate(zip(operands[0], eqn.params["padding_config"], strict=True)):
        low, high, between = widths
        if between == 0 and low >= 0 and high >= 0:
            out[i] = compose(Sum, (u.fresh(low), axis, u.fresh(high)))
        else:
            u.freeze(axis)
    return [tuple(out)]


def _along(parameter: str) -> Callable:
    # The axes that `parameter` names have an order: sort, cumsum, argmax, rev, iota.
    def rule(u, eqn, operands):
        given = eqn.params[parameter]
        ordered = given if isinstance(given, tuple) else (given,)
        for operand in operands:
            u.freeze(*(operand[i] for i in ordered))
            for i, axis in enumerate(operand):
                if i not in ordered:
                    u.join(axis, operands[0][i])
        kept = operands[0] if operands else _new(u, eqn.outvars[0])
        u.freeze(*(kept[i] for i in ordered))
        if len(eqn.outvars[0].aval.shape) < len(kept):
            kept = tuple(axis for i, axis in enumerate(kept) if i not in ordered)
        return [kept for _ in eqn.outvars]

    return rule


def _gather(u, eqn, operands):
    # The axes that are taken whole, such as the channels of an embedding, go through.
    numbers, sizes = eqn.params["dimension_numbers"], eqn.params["slice_sizes"]
    gone = (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims)
    kept = [i for i in range(len(sizes)) if i not in gone]
    out = list(_fixed(eqn.outvars[0]))
    u.freeze(*operands[1], *(operands[0][i] for i in gone))
    for place, i in zip(numbers.offset_dims, kept, strict=True):
        if sizes[i] == operands[0][i].size:
            out[place] = operands[0][i]
        else:
            u.freeze(operands[0][i])
    return [tuple(out)]


def _transpose(u, eqn, operands):
    return [tuple(operands[0][i] for i in eqn.params["permutation"])]


def _squeeze(u, eqn, operands):
    return [tuple(a for i, a in enumerate(operands[0]) if i not in eqn.params["dimensions"])]


_RULES = {
    "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate,
    "conv_general_dilated": _convolution,
    "dot_general": _dot,
    "gather": _gather,
    "pad": _pad,
    "reshape": _reshape,
    "slice": _slice,
    "split": _split,
    "squeeze": _squeeze,
    "transpose": _transpose,
    **dict.fromkeys(("reduce_window_max", "reduce_window_min", "reduce_window_sum"), _pool),
    **dict.fromkeys(("argmax", "argmin"), _along("axes")),
    **dict.fromkeys(("cumlogsumexp", "cummax", "cummin", "cumprod", "cumsum"), _along("axis")),
    **dict.fromkeys(("iota", "sort"), _along("dimension")),
    "rev": _along("dimensions"),
    **dict.fromkeys(("device_put", "optimization_barrier"), lambda u, eqn, operands: operands),
}
