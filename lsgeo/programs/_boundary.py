"""The door that users' functions come in by."""

import contextlib
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from lsgeo import trees
from lsgeo.programs import _program as program
from lsgeo.programs._fingerprint import digest, fingerprint

CAUSES = (
    "Likely causes: dropout or other noise inside the loss, batch normalisation in training mode, "
    "data that are shuffled or augmented between evaluations."
)
# Constants up to these many bytes are told apart by their values, in place of another trace.
_SMALL = 2**20
_VALUES = (str, bytes, bool, int, float, complex, type(None), np.dtype, np.ndarray, jax.Array)
_OURS = ("lsgeo", "jax", "flax", "numpy")


def traced(function: Callable, name: str, *args: Any) -> Callable:
    """Makes a function a pytree that compiled code takes, and finds by what it computes.

    It is traced at `args`. What it closes over becomes the leaves. A function all of whose parts stand in its
    fields, as those of `lsgeo.models` do, is told apart by these, at no cost.

    Args:
      function: a function, or any other callable, of arrays.
      name: how messages call it.
      *args: what it is to be called with, or `jax.ShapeDtypeStruct` for it; other shapes may come later.

    Raises:
      ValueError: if it is not callable, does not take these arguments, or is random.
    """
    if name != "criterion":
        _warn_of_statistics(args[0])
    _check_batch(args[1:])
    if not callable(function):
        raise ValueError(f"`{name}` must be callable; got {type(function).__name__}.")
    if isinstance(function, program.Program):
        return function
    # A plain function has no fields; that it was written here says nothing of the names that it reads.
    if not hasattr(function, "__code__") and declared(function):
        own = (
            function
            if isinstance(function, Partial)
            else Partial(type(function).__call__, function)
        )
        _check_devices(name, args, jax.tree.leaves(own))
        outputs(own, name, *args)
        return own
    return _traced(_with_arrays(function), name, args)


def outputs(function: Callable, name: str, *args: Any) -> Any:
    """Returns the outputs of a function at `args`, as a pytree of jax.ShapeDtypeStruct.

    Raises:
      ValueError: if it does not take these arguments.
    """
    with _misfits(name, args):
        if isinstance(function, program.Program):
            return function.code.at(args)[0].outputs
        return _call.eval_shape(function, *args)


def untraced(function: Callable) -> Callable:
    """Returns the user's function again, where `traced` functions are parts of one: for a single use.

    What is called by it is compiled anew, and found by nobody.
    """
    whole = jax.tree.map(
        lambda part: part.code.function if isinstance(part, program.Program) else part,
        function,
        is_leaf=lambda part: isinstance(part, program.Program),
    )
    return lambda *args: whole(*args)


def is_traced(*values: Any) -> bool:
    """Whether an array among the leaves changes under an outer `jit`, `vmap` or derivative."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(values))


def declared(value: Any) -> bool:
    """Whether a value is told by its fields: data, and what this library and those below it define."""
    if isinstance(value, (*_VALUES, program.Program)):
        return True
    if isinstance(value, Partial):
        return declared(value.func) and declared(value.args) and declared(value.keywords)
    if isinstance(value, tuple | list | Mapping):
        known = type(value) in (tuple, list, dict) or _is_ours(type(value))
        parts = value.values() if isinstance(value, Mapping) else value
        return known and all(map(declared, parts))
    if isinstance(value, type) or hasattr(value, "__code__"):
        at_top = "<" not in value.__qualname__ and not getattr(value, "__closure__", None)
        return at_top and _is_ours(value)
    if hasattr(value, "__dataclass_fields__") and _is_ours(type(value)):
        fields = (getattr(value, f, None) for f in value.__dataclass_fields__)
        return all(map(declared, fields))
    return False


def _is_ours(value):
    return str(value.__module__).split(".")[0] in _OURS


@jax.jit
def _call(function, *args):
    return function(*args)


def _with_arrays(function):
    # A NumPy scalar, or number of a pytree, would be a constant of the program.
    def convert(leaf):
        return jnp.asarray(leaf) if isinstance(leaf, np.ndarray | np.generic) else leaf

    return jax.tree.map(convert, function)


def _traced(function, name, args):
    with _misfits(name, args):
        first = program.trace(function, args)
    constants = first.program.consts
    _check_devices(name, args, constants)
    if any(isinstance(constant, jax.core.Tracer) for constant in constants):
        return program.Program(tuple(constants), program.Code(function, args, first))
    text = fingerprint(first.program)
    small = sum(constant.nbytes for constant in constants) <= _SMALL
    shown = f"{text} {digest(constants)}" if small else None
    if shown is None or shown not in _PROVEN:
        _check_deterministic(function, name, args, first)
    if shown is not None:
        _PROVEN.add(shown)
    arrays = tuple(c if isinstance(c, jax.Array) else jnp.asarray(c) for c in constants)
    return program.Program(arrays, program.Code(function, args, first, text))


# Programs with constants that two traces have shown: a third need not be made to see that nothing is random.
_PROVEN: set[str] = set()


def _check_deterministic(function, name, args, first):
    # A key or a statistic that is kept from call to call leaks out of the first trace into the second.
    try:
        second = program.trace(function, args)
        one, other = (fingerprint(found.program, objects=False) for found in (first, second))
        constants = first.program.consts, second.program.consts
        equal = one == other and all(map(program.same, *constants))
    except (jax.errors.UnexpectedTracerError, jax.errors.TracerArrayConversionError):
        equal = False
    if not equal:
        raise ValueError(
            f"`{name}` is random: two evaluations differ in a constant or in their steps. {CAUSES}"
        )


def _check_batch(batch: Any) -> None:
    """Raises a ValueError if a batch has arrays, and all of them are empty: a mean over nothing is NaN."""
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(batch)]
    if shapes and all(0 in shape for shape in shapes):
        raise ValueError(
            f"`batch` is empty: its arrays have shapes {', '.join(map(str, shapes))}. Pass at least one "
            "example, or None where the loss needs no data."
        )


def _check_devices(name, args, constants):
    first = "outputs" if name == "criterion" else "params"
    given = (
        (f"`{first}`", args[0]),
        ("`batch`", args[1:]),
        (f"what `{name}` closes over", constants),
    )
    places = {}
    for what, tree in given:
        for leaf in jax.tree.leaves(tree):
            fixed = isinstance(leaf, jax.Array) and not isinstance(leaf, jax.core.Tracer)
            if fixed and leaf.committed:
                places.setdefault(frozenset(leaf.devices()), what)
    if len(places) > 1:
        found = (f"{what} on {', '.join(map(str, devices))}" for devices, what in places.items())
        raise ValueError(
            f"the arrays of one computation are on different devices: {'; '.join(found)}. Put them on one with "
            "jax.device_put."
        )


def _warn_of_statistics(params):
    structure = jax.tree.structure(params)
    if structure in _ASKED:
        return
    _ASKED.add(structure)
    paths = [trees.path_name(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    found = [path for path in paths if _STATISTICS.search(path)]
    if found:
        warnings.warn(
            f"`params` has leaves that are called like running statistics: {', '.join(found[:4])}"
            f"{' and others' if len(found) > 4 else ''}. They are no parameters, and the curvature in them is "
            "none of the network: keep them out of `params`, in the loss's closure or in the batch.",
            stacklevel=4,
        )


# What a norm keeps from training, by its name in one framework or another.
_STATISTICS = re.compile(r"(running|moving)_?(mean|var|average)|num_batches_tracked|batch_stats")
_ASKED: set[Any] = set()


@contextlib.contextmanager
def _misfits(name, args):
    """Makes a TypeError of a function that is called with the wrong arguments a ValueError that says so."""
    try:
        yield
    except jax.errors.JAXTypeError:  # which explains itself
        raise
    except TypeError as error:
        takes = "its outputs" if name == "criterion" else "`params`"
        shapes = jax.tree.map(np.shape, args[-1])
        raise ValueError(
            f"`{name}` cannot be computed from {takes} and `batch`, of shapes {shapes}: {error} Check that the "
            "arrays of `batch` have equally many examples and are those that it expects."
        ) from error
