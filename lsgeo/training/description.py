"""The description of a training: its data, its network, its recipe, and what is kept of it."""

import dataclasses

from lsgeo.training.recipes.recipe import Recipe


@dataclasses.dataclass
class _Task:
    """What is trained on what.

    Attributes:
      dataset: name of the data, see `lsgeo.data`; or, in experiments, "digits-tokens" for a decoder.
      root: folder of the data's files; "" where they are bundled or synthetic.
      data_options: what only one dataset has, "option=value, ...".
      subset: "balanced" over the classes, or the "first" examples.
      random_labels: share of the training labels that are replaced by random ones.
      num_train: training examples; 0 takes all.
      num_test: test examples; 0 takes all.
      model: a family ("mlp", "resnet", ...) or a published network ("resnet-20", ...) of `lsgeo.models`.
      depth: blocks or layers, as the family counts them; 0 is the model's default.
      width: units per block, or channels of the first stage; 0 is the model's default.
      skip: a skip type with its options, "gated(gate=0.5)"; "" is the model's default, as below.
      norm: normalisation.
      activation: nonlinearity.
      initializer: initial weights.
      options: what only one family has, "option=value, ...".
      loss: "cross_entropy" or "squared_error" (1/2 ||f - onehot||^2, averaged over examples only).
      label_smoothing: of the cross-entropy, in every measured loss too.
      augment: "none", "crop-flip" (zero padding of 4, random crop, flip) or "reflect-flip"; in training alone.
      mixup: alpha of mixup; 0 is none.
    """

    dataset: str = "digits"
    root: str = ""
    data_options: str = ""
    subset: str = "balanced"
    random_labels: float = 0.0
    num_train: int = 1000
    num_test: int = 0
    model: str = "mlp"
    depth: int = 0
    width: int = 0
    skip: str = ""
    norm: str = ""
    activation: str = ""
    initializer: str = ""
    options: str = ""
    loss: str = "cross_entropy"
    label_smoothing: float = 0.0
    augment: str = "none"
    mixup: float = 0.0


# The fields of a recipe, to be set one by one; a Recipe is frozen, and checked as a whole.
_Fields = dataclasses.make_dataclass(
    "_Fields", [(f.name, f.type, f.default) for f in dataclasses.fields(Recipe)]
)
_Fields.__doc__ = Recipe.__doc__


@dataclasses.dataclass
class Description(_Fields, _Task):
    """One training run: a task, a recipe with its fields, and what is measured and kept.

    Attributes:
      loss_levels: training losses at whose first crossing a checkpoint is written.
      save_every: steps between two resume states; 0 means none.
      eval_batch_size: examples per part of a measurement on all of them, for data that does not fit in
        one; 0 is one part, exact also for batch statistics, which in parts take `stats_passes`.
      stats_passes: passes over the parts in which batch statistics are re-estimated, see
        `lsgeo.models.reestimate_batch_stats`.
      checkpoints: whether checkpoints are written.
      tensorboard: whether metrics are written as TensorBoard event files too.
      seed: initial weights and order of the examples.
      data_seed: split and subset of the data.
    """

    loss_levels: tuple[float, ...] = (1.0, 0.5, 0.1)
    save_every: int = 500
    eval_batch_size: int = 0
    stats_passes: int = 2
    checkpoints: bool = True
    tensorboard: bool = False
    seed: int = 0
    data_seed: int = 0

    def recipe(self) -> Recipe:
        """Takes the recipe out.

        Raises:
          ValueError: as Recipe, for a bad field.
        """
        return Recipe(**{f.name: getattr(self, f.name) for f in dataclasses.fields(Recipe)})
