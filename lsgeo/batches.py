"""Data and parameters as people have them, made pytrees of arrays.

What already is one passes as it is. Nothing here imports another framework: its objects are known by the
module that their class comes from.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo.trees import path_name

_JAX = (jax.Array, jax.core.Tracer, jax.ShapeDtypeStruct)
_NUMBERS = (bool, int, float, complex)


def as_arrays(batch: Any, name: str = "batch") -> Any:
    """Makes a pytree of arrays out of a batch as data loaders give it.

    Tensors of PyTorch and whatever else NumPy can read become NumPy arrays, a copy each; mappings that JAX
    does not know (`collections.UserDict`, a tokenizer's `BatchEncoding`) become dicts, sequences that it does
    not know become lists, and nested lists of numbers arrays. Arrays of JAX and NumPy, typed keys, single
    numbers and None stay as they are, in the containers that they came in.

    Args:
      batch: any nesting of the above in containers that JAX knows.
      name: how messages call it.

    Returns:
      The pytree; `batch` itself where there is nothing to convert.

    Raises:
      ValueError: if something in it cannot be made an array of numbers without a guess: text, rows of unequal
        length, tables, masked arrays, tensors on an accelerator, classes that JAX does not know.

    Example:
      >>> import collections
      >>> as_arrays(collections.UserDict(x=[[1, 2], [3, 4]]))["x"].shape
      (2, 2)
    """
    if all(map(_is_array, jax.tree.leaves(batch, is_leaf=_is_numbers))):
        return batch
    return _tree(batch, "", _Refusal(name, ""), _is_numbers)


def as_params(params: Any, name: str = "params") -> Any:
    """Makes a pytree of JAX's arrays out of parameters, as `as_arrays` does of a batch.

    Arrays of NumPy are copied too: who goes on training in their memory does not move an operator. One of a
    dtype that the session does not have (float64 without `jax_enable_x64`) gets the one that JAX puts in its
    place. Single numbers stay, and lists of them.

    Raises:
      ValueError: as `as_arrays`; also for a network in place of its parameters.
    """
    leaves = jax.tree.leaves(params)
    if not all(map(_is_array, leaves)):
        params = _tree(params, "", _Refusal(name, ""), None)
        leaves = jax.tree.leaves(params)
    if not any(isinstance(leaf, np.ndarray | np.generic) for leaf in leaves):
        return params
    return jax.tree.map(
        lambda x: jnp.array(x) if isinstance(x, np.ndarray | np.generic) else x, params
    )


def accepts(**kinds: Callable[..., Any]) -> Callable[[Callable], Callable]:
    """Makes a function take some of its arguments as people have them.

    Args:
      **kinds: `as_params` or `as_arrays`, by name of the argument.
    """

    def wrap(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def taking(*args, **options):
            given = signature.bind(*args, **options)
            for name, convert in kinds.items():
                if name in given.arguments:
                    given.arguments[name] = convert(given.arguments[name], name)
            return function(*given.args, **given.kwargs)

        return taking

    return wrap


@dataclasses.dataclass(frozen=True)
class Arrays:
    """Batches that can be iterated again and again, each made arrays as it is read."""

    source: Iterable

    def __iter__(self) -> Iterator[Any]:
        """Starts anew."""
        return (as_arrays(batch, "batches") for batch in self.source)


@dataclasses.dataclass(frozen=True)
class _Refusal:
    """A ValueError about one part of an argument."""

    name: str
    place: str

    def __call__(self, got: str, cure: str) -> ValueError:
        place = self.place or "it"
        return ValueError(f"`{self.name}` must hold arrays of numbers; {place} is {got}. {cure}")


def _is_array(leaf: Any) -> bool:
    """Whether JAX takes a leaf as it is."""
    if isinstance(leaf, _JAX) or isinstance(leaf, _NUMBERS):
        return True
    if type(leaf) in (np.ndarray, np.memmap) or isinstance(leaf, np.generic):
        return leaf.dtype.isnative and _is_numeric(leaf.dtype) and _is_held(leaf)
    return False


def _is_held(array: np.ndarray) -> bool:
    """Whether the session's integers hold those of an array; JAX would wrap them without a word."""
    held = np.dtype(jax.dtypes.canonicalize_dtype(array.dtype))
    if held.kind not in "iu" or held == array.dtype or not array.size:
        return True
    limits = np.iinfo(held)
    return bool(limits.min <= array.min() and array.max() <= limits.max)


def _is_numeric(dtype: np.dtype) -> bool:
    if dtype.kind in "biufc":
        return dtype.itemsize <= (16 if dtype.kind == "c" else 8)
    # What JAX adds to NumPy's dtypes, bfloat16 and others, is void to NumPy.
    return dtype.kind == "V" and dtype.names is None and jnp.issubdtype(dtype, jnp.number)


def _is_numbers(node: Any) -> bool:
    """Whether a node is a list of numbers, or of such lists, which is meant as one array."""
    if not (isinstance(node, list) and node):
        return False
    return all(isinstance(one, _NUMBERS) or _is_numbers(one) for one in node)


def _comes_from(value: Any, framework: str) -> bool:
    return any(kind.__module__.split(".")[0] == framework for kind in type(value).__mro__)


def _tree(value: Any, place: str, refusal: _Refusal, one: Callable[[Any], bool] | None) -> Any:
    """Converts the leaves of a tree that stands at a place of the argument; `one` says what is one leaf."""

    def is_leaf(node):
        return (one is not None and one(node)) or _comes_from(node, "torch")

    def convert(path, leaf):
        here = "/".join(filter(None, (place, path_name(path))))
        at = dataclasses.replace(refusal, place=here)
        if isinstance(leaf, Mapping):
            return {key: _tree(leaf[key], f"{here}/{key}".lstrip("/"), at, one) for key in leaf}
        if isinstance(leaf, Sequence) and not isinstance(leaf, str | bytes | list | tuple):
            return _tree(list(leaf), here, at, one)
        return leaf if _is_array(leaf) else _array(leaf, at)

    return jax.tree_util.tree_map_with_path(convert, value, is_leaf=is_leaf)


def _array(value: Any, refusal: _Refusal) -> Any:
    """Converts what is neither a container nor an array."""
    kind = type(value).__name__
    if isinstance(value, list):
        return _of_rows(value, refusal)
    if _comes_from(value, "torch"):
        return _of_tensor(value, refusal)
    if hasattr(value, "__jax_array__"):
        return value.__jax_array__()
    if isinstance(value, np.ma.MaskedArray):
        cure = "JAX would drop the mask: pass `.filled(...)`, and the mask as an array of its own."
        raise refusal("a masked array", cure)
    if hasattr(value, "columns"):
        cure = "Pass {column: its array}, or one array of all of them with `.to_numpy()`."
        raise refusal(f"a table ({kind})", cure)
    if isinstance(value, str | bytes) or not _is_readable(value):
        raise refusal(*_unknown(value, kind))
    try:
        array = np.array(value)
    except Exception as error:  # whatever the framework raises
        raise refusal(f"a {kind} that NumPy cannot read ({error})", "Pass arrays.") from error
    return _checked(array, refusal)


def _is_readable(value):
    return isinstance(value, np.ndarray | np.generic) or (
        hasattr(value, "__array__") or hasattr(value, "__array_interface__")
    )


def _unknown(value, kind):
    """What a thing is that is no array, and what to pass in its place."""
    if isinstance(value, str | bytes):
        return f"text ({value[:20]!r})", "Pass its tokens as numbers, or leave it out."
    if dataclasses.is_dataclass(value):
        return (
            f"a dataclass that JAX does not know ({kind})",
            "Register it with jax.tree_util.register_dataclass, or pass its arrays in a dict.",
        )
    return (
        f"of class {kind}",
        "Pass arrays in dicts, tuples, lists or a class that is registered as a pytree.",
    )


def _of_rows(rows, refusal):
    try:
        array = np.array(rows)
    except ValueError as error:
        cure = "Pad the rows, and pass a mask of what is padding."
        raise refusal("a list whose rows have unequal lengths", cure) from error
    # In the session's own precision, where NumPy knows only its widest.
    array = _checked(array, refusal)
    return array.astype(jax.dtypes.canonicalize_dtype(array.dtype))


def _of_tensor(value, refusal):
    kind = type(value).__name__
    if hasattr(value, "named_parameters"):
        cure = "Pass dict(model.named_parameters()), and a loss of JAX that takes it."
        raise refusal(f"a network of PyTorch ({kind})", cure)
    if not hasattr(value, "detach"):
        raise refusal(f"PyTorch's {kind}", "Pass its tensors.")
    if value.device.type != "cpu":
        raise refusal(f"a tensor on {value.device}", "Pass `tensor.cpu()`.")
    if str(value.layout) != "torch.strided" or value.is_quantized:
        cure = "Pass `tensor.to_dense()`, or `tensor.dequantize()`."
        raise refusal(f"a tensor that is {value.layout} or quantised", cure)
    tensor = value.detach().resolve_conj().resolve_neg()
    try:
        return _checked(np.array(tensor.numpy()), refusal)
    except TypeError:  # bfloat16 and others, which NumPy does not know
        pass
    try:
        return np.array(jnp.from_dlpack(tensor.contiguous()))
    except Exception as error:
        raise refusal(f"a tensor of {value.dtype}", "Cast it, e.g. by `tensor.float()`.") from error


_CURES = {
    "U": ("text", "Pass its tokens as numbers, or leave it out."),
    "O": ("an array of Python objects", "Stack it to one array; pad rows of unequal length."),
    "M": ("an array of dates", "Pass numbers, such as days since the first."),
    "m": ("an array of time spans", "Pass numbers, with `/ np.timedelta64(1, 's')`."),
    "V": ("a structured array", "Pass its fields in a dict."),
}
_CURES["S"] = _CURES["T"] = _CURES["U"]


def _checked(array: np.ndarray, refusal: _Refusal) -> np.ndarray:
    """Returns an array in the machine's byte order, if its numbers are some that the session has."""
    if not _is_numeric(array.dtype):
        got, cure = _CURES.get(
            array.dtype.kind, ("of a dtype that JAX lacks", "Cast it to float64.")
        )
        raise refusal(f"{got} ({array.dtype})", cure)
    if not _is_held(array):
        held = jax.dtypes.canonicalize_dtype(array.dtype)
        cure = "Pass smaller integers, or set jax_enable_x64."
        raise refusal(f"beyond {held}, which JAX would wrap it to without a word", cure)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
