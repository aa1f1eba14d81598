"""How a network is trained: the recipe, checked where it comes in."""

import dataclasses
import math

import optax

# Directions for a step of length one. The learning rate is a traced argument of the step, so that
# runs that differ in it share one compiled function.
OPTIMIZERS = {
    "sgd": optax.identity,
    "momentum": lambda: optax.trace(decay=0.9),
    "adam": optax.scale_by_adam,
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything `fit` needs beside the loss, the data and the key.

    Attributes:
      optimizer: "sgd", "momentum" (0.9, heavy ball) or "adam" (Kingma & Ba 2015, their constants).
      learning_rate: constant, positive.
      batch_size: examples per step; 0 takes all of them. A last incomplete batch of an epoch is
        left out; what it would have held changes with every epoch's permutation.
      max_steps: updates at most.
      loss_levels: training losses at whose first crossing the parameters are kept.
      stop_loss: training ends at the first measured loss that is no higher; 0 means never.
      eval_every: steps between two logged losses; with mini-batches, between two measurements of
        the loss on all training examples.
      save_every: steps between two resume states; 0 means none.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    batch_size: int = 0
    max_steps: int = 1000
    loss_levels: tuple[float, ...] = ()
    stop_loss: float = 0.0
    eval_every: int = 50
    save_every: int = 0

    def __post_init__(self):
        if self.optimizer not in OPTIMIZERS:
            known = ", ".join(sorted(OPTIMIZERS))
            raise ValueError(f"Unknown `optimizer`: {self.optimizer!r}. Choose one of: {known}.")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"`learning_rate` must be positive; got {self.learning_rate}.")
        if not (math.isfinite(self.stop_loss) and self.stop_loss >= 0):
            raise ValueError(f"`stop_loss` must be 0 or positive; got {self.stop_loss}.")
        if not all(math.isfinite(level) and level > 0 for level in self.loss_levels):
            raise ValueError(f"`loss_levels` must be positive; got {self.loss_levels}.")
        for name, least in (
            ("batch_size", 0),
            ("max_steps", 0),
            ("eval_every", 1),
            ("save_every", 0),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"`{name}` must be at least {least}; got {getattr(self, name)}.")

    @property
    def levels(self) -> tuple[float, ...]:
        """The loss levels from the highest down, each once."""
        return tuple(sorted({float(level) for level in self.loss_levels}, reverse=True))

    def check_size(self, num_examples: int) -> None:
        """Raises a ValueError if a batch is larger than the training data."""
        if self.batch_size > num_examples:
            raise ValueError(
                f"`batch_size` is {self.batch_size}, but there are {num_examples} training "
                "examples. Take at most that many, or 0 for all of them."
            )
