"""What people pass as data is made arrays, or refused in a sentence."""

import collections
import dataclasses
import types

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from lsgeo.batches import as_arrays, as_params

ROWS = np.array([[1.5, 2.0, -3.0], [0.25, 0.5, 4.0]], np.float32)


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Registered:
    """A container that JAX knows."""

    x: object
    y: object


@dataclasses.dataclass
class Unregistered:
    """One that it does not know."""

    x: np.ndarray


class Array:
    """As an array of a framework that nothing here knows."""

    def __init__(self, value):
        self.value = value

    def __array__(self, dtype=None, copy=None):
        return np.array(self.value, dtype)


class Elsewhere(Array):
    def __array__(self, dtype=None, copy=None):
        raise TypeError("implicit conversion is not allowed")


class Rows(collections.UserList):
    """A sequence that JAX does not know."""


class Tensor:
    """What is used of PyTorch's tensors; of this module's own, so that no test needs PyTorch."""

    __module__ = "torch"
    layout, is_quantized = "torch.strided", False

    def __init__(self, value, device="cpu"):
        self.value, self.dtype = value, f"torch.{value.dtype}"
        self.device = types.SimpleNamespace(type=device)
        self.detached = False

    def detach(self):
        same = type(self)(self.value, self.device.type)
        same.detached = True
        return same

    def resolve_conj(self):
        return self

    resolve_neg = contiguous = resolve_conj

    def numpy(self):
        assert self.detached  # or PyTorch refuses one that requires a gradient
        if self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.value

    def __dlpack__(self, **options):
        return jnp.asarray(self.value).__dlpack__(**options)

    def __dlpack_device__(self):
        return jnp.asarray(self.value).__dlpack_device__()


class Network:
    """What is used of PyTorch's modules."""

    __module__ = "torch.nn"

    def named_parameters(self):
        return iter(())


PLAIN = {
    "an array of JAX": jnp.ones(3),
    "an array of NumPy": ROWS,
    "bfloat16 of NumPy": ROWS.astype(ml_dtypes.bfloat16),
    "typed keys": jax.random.split(jax.random.key(0), 2),
    "containers": {"a": [ROWS, (jnp.ones(2), None)], "b": collections.OrderedDict(c=ROWS)},
    "a registered dataclass": Registered(ROWS, np.arange(2)),
    "numbers": {"scale": 0.5, "pair": (1, 2.5), "np": np.float32(2)},
    "nothing": None,
    "no example": np.zeros((0, 3)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_a_pytree_of_arrays_passes_as_it_is(name):
    assert as_arrays(PLAIN[name]) is PLAIN[name]


def test_a_memory_map_is_not_read(tmp_path):
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=(4, 2))
    assert as_arrays({"x": mapped})["x"] is mapped


def test_inside_jit_nothing_is_touched():
    assert jax.jit(lambda b: as_arrays({"x": b})["x"] + 1.0)(jnp.ones(2)).tolist() == [2.0, 2.0]


BECOMES = {
    "a user's dictionary": (
        collections.UserDict(x=ROWS, y=[1, 2]),
        {"x": ROWS, "y": np.array([1, 2])},
    ),
    "a read-only mapping in a list": (
        [types.MappingProxyType({"x": Array(ROWS)})],
        [{"x": ROWS}],
    ),
    "a mapping in a mapping": (
        collections.UserDict(a=collections.UserDict(x=ROWS)),
        {"a": {"x": ROWS}},
    ),
    "another framework's array": (Array(ROWS), ROWS),
    "lists of numbers": ([[1.5, 2.0], [3.0, 4.0]], np.array([[1.5, 2.0], [3.0, 4.0]])),
    "lists of integers in a tuple": (([1, 2], ROWS), (np.array([1, 2]), ROWS)),
    "a sequence of tensors": (Rows([Tensor(ROWS), Tensor(ROWS[0])]), [ROWS, ROWS[0]]),
    "a queue": (collections.deque([ROWS, 1.5]), [ROWS, 1.5]),
    "tensors": ((Tensor(ROWS), Tensor(np.array([0, 1]))), (ROWS, np.array([0, 1]))),
    "tensors in a dataclass": (
        Registered(Tensor(ROWS), Tensor(np.array(True))),
        Registered(ROWS, np.array(True)),
    ),
    "a tensor of bfloat16": (
        Tensor(ROWS.astype(ml_dtypes.bfloat16)),
        ROWS.astype(ml_dtypes.bfloat16),
    ),
    "another byte order": (ROWS.astype(">f4"), ROWS),
    "a matrix of NumPy": (ROWS.view(type("Sub", (np.ndarray,), {})), ROWS),
}


@pytest.mark.parametrize("name", BECOMES)
def test_what_people_have_becomes_a_pytree_of_arrays(name):
    given, expected = BECOMES[name]
    found = as_arrays(given)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert (
            type(one) is type(other)
            and np.dtype(type(one) if np.isscalar(one) else one.dtype).isnative
        )
        assert np.asarray(one).dtype == np.asarray(other).dtype
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
        jax.jit(lambda x: x)(one)


def test_a_tensor_is_copied_so_that_training_goes_on_elsewhere():
    memory = ROWS.copy()
    found = as_arrays(Tensor(memory)), as_params({"w": memory})["w"], as_params(Array(memory))
    memory[:] = 0
    for one in found:
        np.testing.assert_array_equal(one, ROWS)


REFUSED = {
    "text": ({"x": ROWS, "label": "cat"}, "`batch`.*; label is text \\('cat'\\). Pass its tokens"),
    "texts": ({"labels": ["cat", "dog"]}, "`batch`.*; labels/0 is text"),
    "an array of text": ({"x": np.array(["cat"])}, "; x is text \\(<U3\\)"),
    "objects": (np.array([{}, None]), "it is an array of Python objects"),
    "unequal rows": (
        {"ids": [[1, 2], [3]]},
        "; ids is a list whose rows have unequal lengths. Pad",
    ),
    "dates": (np.array(["2020-01-01"], "M8[D]"), "an array of dates"),
    "a structured array": (np.zeros(2, [("a", float)]), "structured array.*Pass its fields"),
    "a masked array": ([np.ma.masked_array([1.0, 2.0], [0, 1])], "; 0 is a masked array"),
    "long doubles": (np.ones(2, np.longdouble), "of a dtype that JAX lacks"),
    "a dataclass": ([Unregistered(ROWS)], "; 0 is a dataclass .*jax.tree_util.register_dataclass"),
    "an object": ({"a": {"b": object()}}, "; a/b is of class object. Pass arrays in dicts"),
    "a function": (len, "`batch` must hold arrays of numbers"),
    "a tensor on a GPU": (
        {"x": Tensor(ROWS, "cuda")},
        "; x is a tensor on .*cuda.*`tensor.cpu\\(\\)`",
    ),
    "an array on a GPU": ((Elsewhere(ROWS),), "; 0 is a Elsewhere that NumPy cannot read"),
    "in a mapping": (collections.UserDict(a=collections.UserDict(b="cat")), "; a/b is text"),
    "integers that no dtype holds": ([10**30, 1], "an array of Python objects"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_made_an_array_is_refused_by_its_place_with_a_cure(name):
    given, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        as_arrays(given)


def test_a_table_is_refused_since_its_columns_would_be_lost():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0], "b": [2.0]})
    with pytest.raises(ValueError, match="`batch`.*; x is a table \\(DataFrame\\).*to_numpy"):
        as_arrays({"x": frame})
    np.testing.assert_array_equal(as_arrays(frame["a"]), [1.0])
    with pytest.raises(ValueError, match="it is an array of Python objects"):
        as_arrays(pandas.Series(["cat", 1.0], dtype=object))


def test_integers_that_the_session_would_wrap_are_refused():
    with jax.enable_x64(False):
        assert as_arrays(Tensor(np.array([2**31 - 1])))[0] == 2**31 - 1
        for large in (Tensor(np.array([2**31])), [2**31], np.array([2**31])):
            with pytest.raises(ValueError, match="it is beyond int32.*jax_enable_x64"):
                as_arrays(large)


def test_lists_have_the_precision_of_the_session():
    for wide in (True, False):
        with jax.enable_x64(wide):
            assert as_arrays([0.5]).dtype == jnp.asarray([0.5]).dtype
            assert as_arrays([1]).dtype == jnp.asarray([1]).dtype


def test_parameters_become_arrays_of_the_dtype_that_the_session_has():
    params = {"a": np.ones(2), "b": jnp.ones(2, jnp.float16), "c": Tensor(ROWS), "d": np.float64(3)}
    for wide, dtype in ((True, jnp.float64), (False, jnp.float32)):
        with jax.enable_x64(wide):
            found = as_params(params)
            assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(found))
            assert found["a"].dtype == found["d"].dtype == dtype
            assert found["b"] is params["b"] and found["c"].dtype == jnp.float32


def test_parameters_of_jax_pass_as_they_are_and_numbers_are_left_to_be_refused():
    for params in ({"a": jnp.ones(2)}, jax.ShapeDtypeStruct((2,), jnp.float32), [1.0, 2.0]):
        assert as_params(params) is params


def test_a_network_in_place_of_its_parameters_is_refused():
    with pytest.raises(ValueError, match="`params`.*a network of PyTorch.*named_parameters"):
        as_params(Network())
    with pytest.raises(ValueError, match="`start`.*w is text"):
        as_params({"w": "zeros"}, "start")


class TestTorch:
    """The same with PyTorch itself, where it is installed."""

    def test_tensors_of_every_dtype_keep_it_and_their_values(self):
        torch = pytest.importorskip("torch")
        values = torch.tensor([[0.5, 1.0], [2.0, 3.0]])
        for kind in ("bool", "uint8", "int64", "float16", "bfloat16", "float64", "complex64"):
            found = as_arrays(values.to(getattr(torch, kind)).T)
            assert found.dtype == jnp.dtype(kind)
            expected = np.array([[0.5, 2.0], [1.0, 3.0]]).astype(found.dtype)
            np.testing.assert_array_equal(found, expected)
        assert as_arrays(torch.tensor([1j]).conj()).tolist() == [-1j]

    def test_trained_tensors_and_parameters_lose_their_graph(self):
        torch = pytest.importorskip("torch")
        layer = torch.nn.Linear(2, 3)
        found = as_params(dict(layer.named_parameters()))
        assert found["weight"].shape == (3, 2) and as_arrays(layer.weight * 2).shape == (3, 2)
        with pytest.raises(ValueError, match="a network of PyTorch \\(Linear\\)"):
            as_params(layer)

    def test_what_is_no_plain_tensor_is_refused(self):
        torch = pytest.importorskip("torch")
        pack = torch.nn.utils.rnn.pack_sequence([torch.ones(3)])
        for given, message in (
            (torch.eye(2).to_sparse(), "torch.sparse_coo.*to_dense"),
            (torch.ones(2, device="meta"), "a tensor on meta"),
            ([pack], "0 is PyTorch's PackedSequence"),
        ):
            with pytest.raises(ValueError, match=message):
                as_arrays(given)

    def test_a_loader_gives_the_same_batches_on_every_pass_or_another_first_one(self):
        torch = pytest.importorskip("torch")
        data = torch.utils.data.TensorDataset(torch.arange(12.0).reshape(6, 2), torch.arange(6))
        loader = torch.utils.data.DataLoader(data, batch_size=4)
        for _ in range(2):
            first, second = map(as_arrays, loader)
            assert isinstance(first, list) and first[0].tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
            assert second[1].tolist() == [4, 5]
