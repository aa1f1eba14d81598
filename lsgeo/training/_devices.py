"""The batch over all local devices, the parameters on each of them."""

from collections.abc import Sequence

import jax

from lsgeo.trees import PyTree


def mesh_of(
    batch_size: int, devices: Sequence[jax.Device] | None = None
) -> jax.sharding.Mesh | None:
    """Makes the mesh over which the examples of a batch are split.

    Args:
      batch_size: examples per step.
      devices: None takes all local devices.

    Returns:
      A mesh with the axis "data", or None where there is one device, or where the batch does not divide:
      then the first device does all the work.
    """
    devices = jax.local_devices() if devices is None else list(devices)
    if len(devices) == 1 or batch_size % len(devices):
        return None
    auto = (jax.sharding.AxisType.Auto,)
    return jax.make_mesh((len(devices),), ("data",), axis_types=auto, devices=devices)


def split(tree: PyTree, mesh: jax.sharding.Mesh | None) -> PyTree:
    """Places arrays with their leading axis over the devices; as they are without a mesh."""
    return tree if mesh is None else jax.device_put(tree, jax.NamedSharding(mesh, jax.P("data")))


def replicate(tree: PyTree, mesh: jax.sharding.Mesh | None) -> PyTree:
    """Places arrays whole on every device; as they are without a mesh."""
    return tree if mesh is None else jax.device_put(tree, jax.NamedSharding(mesh, jax.P()))
