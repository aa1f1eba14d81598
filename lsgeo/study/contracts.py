"""What two twins have in common: measured, so that every line of it can turn out false."""

import dataclasses
import math
from typing import Any

import jax
import numpy as np

from lsgeo import models, trees
from lsgeo.study.twins import Start

PyTree = Any
ROUNDINGS = 1e3  # Roundings that two programs of one function may be apart, relative to its size.


@dataclasses.dataclass(frozen=True)
class Contract:
    """The contract between one arm and the one that it is compared with.

    Attributes:
      arm: name of the arm.
      reference: name of the other.
      num_parameters: of the arm.
      reference_parameters: of the other.
      equal_leaves: paths of the parameters that are in both and equal bit for bit at initialisation.
      different_leaves: in both, but of another shape or with another value.
      own_leaves: in the arm alone.
      missing_leaves: in the other alone.
      logit_difference: largest |difference| of the two networks' logits on the data at initialisation.
      logit_size: largest |logit| of the other.
      loss: the arm's training loss at the snapshot that they are compared at; NaN where it has none.
      reference_loss: the other's.
    """

    arm: str
    reference: str
    num_parameters: int
    reference_parameters: int
    equal_leaves: tuple[str, ...]
    different_leaves: tuple[str, ...]
    own_leaves: tuple[str, ...]
    missing_leaves: tuple[str, ...]
    logit_difference: float
    logit_size: float
    loss: float = math.nan
    reference_loss: float = math.nan

    @property
    def same_tree(self) -> bool:
        """Whether both have the same parameters by name; shapes are `different_leaves`' to tell."""
        return not (self.own_leaves or self.missing_leaves)

    @property
    def same_count(self) -> bool:
        """Whether both have as many parameters."""
        return self.num_parameters == self.reference_parameters

    @property
    def same_weights(self) -> bool:
        """Whether all parameters that both have by name start with the same bits."""
        return not self.different_leaves

    @property
    def same_function(self) -> bool:
        """Whether both compute the same function at initialisation, but for 1000 float32 roundings."""
        bound = ROUNDINGS * np.finfo(np.float32).eps * self.logit_size
        return bool(self.logit_difference <= bound)

    @property
    def loss_gap(self) -> float:
        """Difference of the losses at the snapshot, relative to the larger one."""
        return abs(self.loss - self.reference_loss) / max(self.loss, self.reference_loss)

    def __str__(self) -> str:
        """One line: parameters, weights, function, losses."""
        total = len(self.equal_leaves) + len(self.different_leaves)
        return (
            f"{self.arm} against {self.reference}: {self.num_parameters} and "
            f"{self.reference_parameters} parameters; {len(self.equal_leaves)} of {total} common leaves "
            f"equal; logits apart by {self.logit_difference:.3g}; losses {self.loss:.4g} and "
            f"{self.reference_loss:.4g}"
        )


def contract(
    arm: Start,
    reference: Start,
    batch: dict[str, jax.Array],
    *,
    loss: float = math.nan,
    reference_loss: float = math.nan,
) -> Contract:
    """Measures what two arms have in common.

    Args:
      arm: one arm at initialisation.
      reference: the one that it is compared with.
      batch: {"image": [N, ...], "label": [N]}, the data on which their functions are compared.
      loss: the arm's training loss at the snapshot where both are compared.
      reference_loss: the other's.

    Returns:
      Contract.
    """
    one, other = _leaves(arm.params), _leaves(reference.params)
    both = [name for name in one if name in other]
    equal = [name for name in both if _same_bits(one[name], other[name])]
    logits = [np.asarray(_logits(side.predict, side.params, batch)) for side in (arm, reference)]
    return Contract(
        arm=arm.arm,
        reference=reference.arm,
        num_parameters=models.count_parameters(arm.params),
        reference_parameters=models.count_parameters(reference.params),
        equal_leaves=tuple(equal),
        different_leaves=tuple(name for name in both if name not in equal),
        own_leaves=tuple(name for name in one if name not in other),
        missing_leaves=tuple(name for name in other if name not in one),
        logit_difference=float(np.max(np.abs(logits[0] - logits[1]))),
        logit_size=float(np.max(np.abs(logits[1]))),
        loss=loss,
        reference_loss=reference_loss,
    )


@jax.jit
def _logits(predict, params, batch):
    return predict(params, batch)


def _leaves(params):
    flat = jax.tree_util.tree_leaves_with_path(params)
    return {trees.path_name(path): np.asarray(leaf) for path, leaf in flat}


def _same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
