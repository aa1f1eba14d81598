"""What a run will take in memory, before it starts."""

import jax
import numpy as np

from lsgeo import memory, trees
from lsgeo.checks import check_count, check_one_of
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.spectra.krylov.basis import PLACES

SHARE = 0.8  # of the free memory that a basis may take
SMALL = 2**26  # bytes that are there without asking
VECTORS = 6  # vectors of n that a step holds at once


@trees.frozen
class MemoryPlan:
    """Bytes that a Lanczos run takes, the memory there is, and where the basis goes."""

    basis: int  # Lanczos vectors
    linearisation: int  # arrays the operator holds: linearisation, parameters, resident data
    data: int  # the largest streamed batch
    workspace: int  # one product and one orthogonalisation
    device_free: int | None  # None where the device does not say
    host_free: int | None
    choice: str  # "device", "host" or "none"

    @property
    def total(self) -> int:
        """Bytes of basis, linearisation, data and workspace together."""
        return self.basis + self.linearisation + self.data + self.workspace

    def __str__(self) -> str:
        free = "unknown" if self.device_free is None else _size(self.device_free)
        return (
            f"MemoryPlan: basis {_size(self.basis)}, linearisation {_size(self.linearisation)}, data "
            f"{_size(self.data)}, workspace {_size(self.workspace)}; {free} free; basis: {self.choice}"
        )


def memory_plan(op: LinearOperator, *, num_steps: int = 64, basis: str = "auto") -> MemoryPlan:
    """Predicts the memory of a Lanczos run of `num_steps` steps.

    Counts the arrays that the operator holds, asks the compiler for the temporaries of one product and
    counts the basis. Where the basis is on the device it may take 80 % of what is free there; else it goes to
    the host's memory (on an accelerator), else nowhere.

    Args:
      op: symmetric operator on [n].
      num_steps: Lanczos steps, or the `basis_size` of a search for eigenpairs, whose restarts hold
        up to half a basis more.
      basis: "auto", or the place that is wanted: "device", "host" or "none".

    Returns:
      MemoryPlan, in bytes.

    Raises:
      ValueError: if an argument is out of range.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo import dense, memory_plan
      >>> memory_plan(dense(jnp.eye(100, dtype=jnp.float32)), num_steps=20).linearisation
      40004
    """
    check_operator(op)
    check_count(num_steps, "num_steps")
    check_one_of(basis, "basis", PLACES)
    rows = min(num_steps, op.shape[0]) + 1
    choice = place(op, rows, basis, none=True)
    row = op.shape[0] * op.dtype.itemsize
    kept = op.keeps()
    held = {id(array): int(array.nbytes) for array in kept.arrays if hasattr(array, "nbytes")}
    return MemoryPlan(
        basis=0 if choice == "none" else rows * row,
        linearisation=sum(held.values()),
        data=kept.batch_bytes,
        workspace=VECTORS * row + max((_temporaries(*p) for p in kept.programs), default=0),
        device_free=memory.device_free(),
        host_free=memory.host_free(),
        choice=choice,
    )


def place(op: LinearOperator, rows: int, basis: str, none: bool = False) -> str:
    """Chooses where `rows` Lanczos vectors go; "none" only where it is allowed.

    Raises:
      ValueError: if they fit nowhere.
    """
    if basis != "auto":
        return basis
    needed = (rows + VECTORS) * op.shape[0] * op.dtype.itemsize
    if needed <= SMALL or memory.fits(needed, memory.device_free(), SHARE):
        return "device"
    if jax.default_backend() != "cpu" and memory.fits(needed, memory.host_free(), SHARE):
        return "host"
    if none:
        return "none"
    raise ValueError(
        f"`basis_size`: {rows} vectors of {op.shape[0]} take {_size(needed)}, more than the memory that is "
        "free. Ask for fewer vectors or eigenvalues."
    )


def _temporaries(program, arguments):
    """The compiler's figure."""
    analysis = program.lower(*arguments).compile().memory_analysis()
    return 0 if analysis is None else int(analysis.temp_size_in_bytes)


def _size(count):
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{np.int64(count)} B"
