"""How a network is trained: the recipe, checked where it comes in."""

import dataclasses
import math
from collections.abc import Callable

import jax
import numpy as np

from lsgeo.training.recipes._schedules import SCHEDULES, rate_factors
from lsgeo.training.recipes.optimizers import DECAYS, OPTIMIZERS
from lsgeo.training.recipes.penalty import Penalized
from lsgeo.trees import PyTree

_LEAST = {"batch_size": 0, "max_steps": 0, "eval_every": 1, "save_every": 0, "warmup_steps": 0}
_SHARES = ("momentum", "ema")
_NOT_NEGATIVE = ("stop_loss", "weight_decay", "clip_norm")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything `fit` needs beside the loss, the data and the key.

    Attributes:
      optimizer: "sgd"; "momentum" (heavy ball, v = momentum v + g, w -= lr v) or "nesterov" (w -=
        lr (g + momentum v)), both as in PyTorch, without damping; "adam" (Kingma & Ba 2015, their
        constants) or "adamw" (Loshchilov & Hutter 2019: "adam" with decoupled decay).
      learning_rate: of the constant schedule, and the peak of the others.
      momentum: of "momentum" and "nesterov"; the others have no use for it.
      weight_decay: 0 is none; what it does is `decay`'s to say.
      decay: "loss": 1/2 weight_decay ||w||^2 is part of the loss, of every measured loss, and of the
        landscape. "gradient": weight_decay w is added to the gradient after clipping, and no measured
        loss contains it; this is SGD's decay in PyTorch and in the papers, and without clipping it
        makes the same steps as "loss". "decoupled": w -= lr weight_decay w beside the optimiser's
        step, so that neither momentum nor Adam's scaling sees it.
      decay_leaves: globs over the paths of the parameters that decay; "**" is all of them, biases and
        norms too, as in the papers' SGD; "**/kernel" leaves those out.
      schedule: "constant", "piecewise" or "cosine", see `schedules.rate_factors`.
      boundaries: steps of the piecewise schedule.
      factors: what the learning rate is multiplied by at each of them.
      warmup_steps: steps of linear warm-up; 0 is none.
      clip_norm: largest global norm of the gradient; 0 does not clip.
      ema: decay of the exponential moving average of the parameters, which starts at the initial
        ones (no bias correction); 0 keeps none.
      rate_leaves: globs over the paths of parameters with a learning rate of their own.
      rate_factors: what their learning rate is multiplied by, one for each glob.
      batch_size: examples per step; 0 takes all of them. A last incomplete batch of an epoch is
        left out; what it would have held changes with every epoch's permutation.
      max_steps: updates at most.
      loss_levels: training losses at whose first crossing the parameters are kept.
      snapshot_steps: steps at which they are kept, as "step_N".
      snapshot_epochs: epochs after which they are kept, as "epoch_N"; a step of the full batch is one.
      stop_loss: training ends at the first measured loss that is no higher; 0 means never.
      eval_every: steps between two logged losses; with mini-batches, between two measurements of
        the loss on all training examples.
      save_every: steps between two resume states; 0 means none.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    decay: str = "gradient"
    decay_leaves: tuple[str, ...] = ("**",)
    schedule: str = "constant"
    boundaries: tuple[int, ...] = ()
    factors: tuple[float, ...] = ()
    warmup_steps: int = 0
    clip_norm: float = 0.0
    ema: float = 0.0
    rate_leaves: tuple[str, ...] = ()
    rate_factors: tuple[float, ...] = ()
    batch_size: int = 0
    max_steps: int = 1000
    loss_levels: tuple[float, ...] = ()
    snapshot_steps: tuple[int, ...] = ()
    snapshot_epochs: tuple[int, ...] = ()
    stop_loss: float = 0.0
    eval_every: int = 50
    save_every: int = 0

    def __post_init__(self):
        for name, known in (
            ("optimizer", OPTIMIZERS),
            ("decay", DECAYS),
            ("schedule", SCHEDULES),
        ):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"Unknown `{name}`: {getattr(self, name)!r}. "
                    f"Choose one of: {', '.join(sorted(known))}."
                )
        self._check_numbers()
        self._check_lists()
        self._check_decay()
        self._check_schedule()

    def _check_numbers(self):
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"`learning_rate` must be positive; got {self.learning_rate}.")
        for name in _NOT_NEGATIVE:
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"`{name}` must be 0 or positive; got {getattr(self, name)}.")
        for name in _SHARES:
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be at least 0 and below 1; got {getattr(self, name)}."
                )
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"`{name}` must be at least {least}; got {getattr(self, name)}.")

    def _check_lists(self):
        for name in ("loss_levels", "factors", "rate_factors"):
            if not all(math.isfinite(value) and value > 0 for value in getattr(self, name)):
                raise ValueError(f"`{name}` must be positive; got {getattr(self, name)}.")
        for name in ("boundaries", "snapshot_steps", "snapshot_epochs"):
            values = getattr(self, name)
            if not all(isinstance(value, int) and value >= 1 for value in values):
                raise ValueError(f"`{name}` must be whole numbers of at least 1; got {values}.")
        for one, other in (("boundaries", "factors"), ("rate_leaves", "rate_factors")):
            counts = len(getattr(self, one)), len(getattr(self, other))
            if counts[0] != counts[1]:
                raise ValueError(
                    f"`{one}` has {counts[0]} entries and `{other}` has {counts[1]}; give one factor for each."
                )

    def _check_decay(self):
        if self.optimizer == "adamw" and self.decay != "decoupled":
            raise ValueError(
                f"`optimizer` 'adamw' has decoupled decay, but `decay` is {self.decay!r}. Set it to "
                "'decoupled', or take 'adam'."
            )
        if self.optimizer == "adam" and self.decay == "decoupled":
            raise ValueError("`optimizer` 'adam' with `decay` 'decoupled' is 'adamw': name that.")

    def _check_schedule(self):
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise ValueError(f"`boundaries` must increase; got {self.boundaries}.")
        if (self.schedule == "piecewise") != bool(self.boundaries):
            raise ValueError(
                f"`schedule` is {self.schedule!r}, but `boundaries` is {self.boundaries}: 'piecewise' needs "
                "them, and the others have none."
            )
        if self.schedule == "cosine" and 0 < self.max_steps <= self.warmup_steps:
            raise ValueError(
                f"`warmup_steps` is {self.warmup_steps} and `max_steps` {self.max_steps}: that leaves no step "
                "for the cosine."
            )

    @property
    def levels(self) -> tuple[float, ...]:
        """The loss levels from the highest down, each once."""
        return tuple(sorted({float(level) for level in self.loss_levels}, reverse=True))

    @property
    def snapshot_names(self) -> tuple[str, ...]:
        """The names of all parameters that a run of this recipe may keep, in `checkpoints`' order."""
        return (
            "init",
            *(f"step_{step}" for step in sorted(set(self.snapshot_steps))),
            *(f"epoch_{epoch}" for epoch in sorted(set(self.snapshot_epochs))),
            *(f"loss_{level}" for level in self.levels),
            "end",
            *(("average",) if self.ema else ()),
        )

    def rates(self) -> np.ndarray:
        """The learning rate of each step, [max_steps], float64."""
        factors = rate_factors(
            self.schedule,
            self.max_steps,
            warmup_steps=self.warmup_steps,
            boundaries=self.boundaries,
            factors=self.factors,
        )
        return self.learning_rate * factors

    def objective(
        self, loss: Callable[[PyTree, PyTree], jax.Array]
    ) -> Callable[[PyTree, PyTree], jax.Array]:
        """The function whose landscape this recipe descends: `loss`, with its decay if that is in it.

        Args:
          loss: loss(params, batch) -> scalar, a pytree or a plain function.

        Returns:
          `Penalized` with the `decay` "loss" and a positive `weight_decay`, else `loss`; a pytree.

        Raises:
          ValueError: if `loss` is penalised already.
        """
        if isinstance(loss, Penalized):
            raise ValueError(
                "`loss` is Penalized already, and the recipe adds its own weight decay. Pass the loss of "
                "the data alone, and the decay in the recipe."
            )
        if jax.tree_util.all_leaves([loss]):
            loss = jax.tree_util.Partial(loss)
        if self._penalizes:
            return Penalized(loss, self.weight_decay, tuple(self.decay_leaves))
        return loss

    def penalty(self, params: PyTree) -> float:
        """What the weight decay in the loss adds to it; 0 with another `decay`."""
        if not self._penalizes:
            return 0.0
        return float(Penalized(None, self.weight_decay, tuple(self.decay_leaves)).penalty(params))

    @property
    def _penalizes(self):
        return self.decay == "loss" and self.weight_decay > 0

    def check_size(self, num_examples: int) -> None:
        """Raises a ValueError if a batch is larger than the training data."""
        if self.batch_size > num_examples:
            raise ValueError(
                f"`batch_size` is {self.batch_size}, but there are {num_examples} training "
                "examples. Take at most that many, or 0 for all of them."
            )
