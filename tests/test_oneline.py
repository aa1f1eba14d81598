"""What a notebook prints of a result is one line, whatever the result holds."""

import dataclasses
import importlib
import pkgutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo.oneline import LENGTH, one_line
from tests import oracles

ROOMS = ("operators", "spectra", "geometry", "signals", "matching", "interval", "data", "training")
# What a user writes, not what a function returns: its fields are its text.
WRITTEN = {
    "Recipe",
    "PaperRecipe",
    "Penalized",
    "Description",
    "Symmetry",
    "Direction",
    "Statistics",
}
ROWS = np.arange(5000.0).reshape(50, 100)
FILLINGS = {
    "float": 1 / 3,
    "int": 123456,
    "bool": True,
    "str": "word " * 100,
    "np.ndarray": ROWS,
    "jax.Array": jnp.asarray(ROWS),
}


def _handed_on():
    """All dataclasses that a package hands on, and all operators."""
    packages = [importlib.import_module(f"lsgeo.{room}") for room in ROOMS]
    for package in list(packages):
        for module in pkgutil.iter_modules(
            getattr(package, "__path__", ()), f"{package.__name__}."
        ):
            packages += [importlib.import_module(module.name)] if module.ispkg else []
    named = (item for package in packages for item in vars(package).items())
    kinds = {v for name, v in named if name[0] != "_" and isinstance(v, type)}
    operators = [lsgeo.LinearOperator]
    for kind in operators:
        operators += kind.__subclasses__()
    kinds |= {kind for kind in operators if kind.__module__.startswith("lsgeo.")}
    return {k.__name__: k for k in kinds if dataclasses.is_dataclass(k)}


CLASSES = {name: kind for name, kind in sorted(_handed_on().items()) if name not in WRITTEN}


def _filled(kind, fillings):
    result = object.__new__(kind)
    for field in dataclasses.fields(kind):
        name = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", "")
        name = "Space" if field.name.endswith("space") else name
        value = fillings.get(name, {"a": [jnp.ones(2000)] * 300})
        object.__setattr__(result, field.name, value)
    return result


@pytest.mark.parametrize("name", CLASSES)
def test_every_result_and_operator_prints_as_one_line(name):
    kind = CLASSES[name]
    if issubclass(kind, lsgeo.LinearOperator):
        space = lsgeo.trees.space_of({"a": [jnp.ones(2000)] * 300})
        parts = {"str": "reverse-over-reverse", "LinearOperator": lsgeo.dense(np.eye(2))}
        result = _filled(kind, {"Space": space, **parts})
    else:
        result = _filled(kind, FILLINGS)
    text = repr(result)
    assert "\n" not in text and text.startswith(name) and len(text) <= LENGTH


def test_most_rooms_hand_on_results():
    rooms = {kind.__module__.split(".")[1] for kind in CLASSES.values()}
    assert rooms == set(ROOMS) and len(CLASSES) > 60


def test_the_line_of_an_operator_has_its_class_its_size_its_dtype_and_its_mode():
    loss, params, batch, _ = oracles.linear_regression()
    op = lsgeo.hessian(loss, params, batch)
    assert repr(op) == str(op) == "Curvature(18 x 18, float64, linearized)"
    assert repr(2 * op) == "Affine(18 x 18, float64)"


def test_the_line_of_a_result_has_its_main_numbers_and_its_cost():
    op = lsgeo.dense(np.diag([-2.0, 0.5, 1.0]))
    key = jax.random.key(0)
    assert repr(lsgeo.trace(op, key=key, num_matvecs=3)) == (
        "Estimate: -0.5 ± 0 (standard error; 3 products)"
    )
    pairs = lsgeo.extreme_eigenpairs(op, key=key)
    assert repr(pairs).startswith("EigenPairs: -2 (±") and repr(pairs).endswith("(3 products)")
    many = dataclasses.replace(pairs, values=np.ones(99), residuals=np.ones(99))
    assert len(repr(many)) == LENGTH and repr(many).endswith("2 of 99 converged (3 products)")


@one_line
@dataclasses.dataclass(frozen=True)
class _Record:
    """A result without a text of its own."""

    array: np.ndarray
    scalar: jax.Array
    tree: dict
    numbers: tuple
    text: str = "short"


def test_a_result_without_a_text_shows_dtypes_and_shapes_in_place_of_numbers():
    record = _Record(np.ones((3, 4), np.float32), jnp.float32(0.5), {"a": jnp.ones(5)}, (1, 2.5))
    assert repr(record) == (
        "_Record(array=float32[3, 4], scalar=0.5, tree=<dict: 1 leaves, 5 numbers>, numbers=(1, 2.5), "
        "text='short')"
    )


def test_a_result_prints_where_it_has_no_numbers():
    op = lsgeo.dense(np.eye(3))
    density = lsgeo.spectral_density(op, key=jax.random.key(0), num_steps=1)
    lines = []

    @jax.jit
    def inside(found):
        lines.append(repr(found))
        return found.nodes

    inside(density)
    lines.append(repr(jax.tree.map(lambda leaf: None, density)))
    assert all(line.startswith("SpectralDensity(nodes=") for line in lines)
