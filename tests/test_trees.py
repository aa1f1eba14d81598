"""Pytrees of our own classes, and callables as pytrees."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from lsgeo import trees


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
class Sum:
    part: object

    def __call__(self, params, batch):
        return jnp.sum(params) + self.part


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
class Product:
    part: object

    def __call__(self, params, batch):
        return jnp.prod(params) + self.part


def plain_twin(of):
    # Two classes as users register them: JAX 0.10 takes their structures for equal.
    cls = dataclasses.make_dataclass(f"Plain{of.__name__}", ["part"], bases=(), frozen=True)
    cls.__call__ = of.__call__
    return jax.tree_util.register_dataclass(cls)


def test_structures_of_two_classes_with_equal_fields_differ():
    first, second = jax.tree.structure(Sum(1.0)), jax.tree.structure(Product(1.0))
    assert first != second
    assert first == jax.tree.structure(Sum(2.0))


def test_registered_dataclass_comes_back_from_its_leaves_with_names_in_its_paths():
    value = Sum({"a": 1.0})
    assert jax.tree.map(lambda x: x, value) == value
    ((path, leaf),) = jax.tree_util.tree_leaves_with_path(value)
    assert trees.path_name(path) == "part/a" and leaf == 1.0


def test_static_fields_belong_to_the_structure():
    @trees.register_dataclass
    @dataclasses.dataclass(frozen=True)
    class Named:
        value: float
        name: str = dataclasses.field(metadata={"static": True})

    assert jax.tree.leaves(Named(1.0, "a")) == [1.0]
    assert jax.tree.structure(Named(1.0, "a")) != jax.tree.structure(Named(1.0, "b"))
    assert jax.tree.map(lambda x: 2 * x, Named(1.0, "a")) == Named(2.0, "a")


def test_callables_of_two_user_classes_with_equal_fields_never_share_a_program():
    losses = [trees.as_pytree(plain_twin(cls)(1.0), "loss") for cls in (Sum, Product)]
    assert jax.tree.structure(losses[0]) != jax.tree.structure(losses[1])
    assert [float(loss(jnp.array([2.0, 3.0]), None)) for loss in losses] == [6.0, 7.0]


def test_what_cannot_be_called_is_refused_by_name():
    with pytest.raises(ValueError, match=r"`loss` must be callable; got int"):
        trees.as_pytree(3, "loss")


def test_norm_of_a_tree_with_an_empty_leaf_is_that_of_the_rest_and_nan_stays_nan():
    tree = {"a": jnp.asarray(-3.0), "b": jnp.zeros(0), "c": jnp.array([[4.0]])}
    assert float(trees.norm(tree)) == 5.0
    assert jnp.isnan(trees.norm({**tree, "a": jnp.asarray(jnp.nan)}))
