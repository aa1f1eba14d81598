"""The training recipes of the papers, each with its source and with what is not certain of it."""

import dataclasses

from lsgeo.training.recipes.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class PaperRecipe:
    """A published recipe: the steps, and what belongs to the loss and the data.

    Attributes:
      recipe: Recipe, in steps.
      source: where it is published, and for which networks.
      num_train: training examples that the steps are counted for.
      augment: "none", "crop-flip" (zero padding of 4, random crop, horizontal flip) or "reflect-flip"
        (the same with the border mirrored).
      loss: "cross_entropy" or "squared_error".
      label_smoothing: of the cross-entropy.
      mixup: alpha of mixup; 0 is none.
      by_epochs: whether the source counts epochs, so that the steps follow the number of examples.
      uncertain: what is from memory or contradictory in the sources: check it before quoting.
    """

    recipe: Recipe
    source: str
    num_train: int = 50_000
    augment: str = "crop-flip"
    loss: str = "cross_entropy"
    label_smoothing: float = 0.0
    mixup: float = 0.0
    by_epochs: bool = True
    uncertain: str = ""


def paper_recipe(name: str, *, num_train: int | None = None) -> PaperRecipe:
    """Looks up a published recipe.

    Weight decay is that of SGD in the papers, in the gradient and on all parameters, unless the entry says
    otherwise. An epoch is num_train // batch_size steps: the last incomplete batch is left out, where most
    published code keeps it.

    Args:
      name: one of `PAPER_RECIPES`.
      num_train: training examples, for other data than the paper's; a recipe that counts epochs then
        has other steps. None takes the paper's.

    Returns:
      PaperRecipe.

    Raises:
      ValueError: for an unknown name, or fewer examples than one batch has.
    """
    if name not in PAPER_RECIPES:
        known = ", ".join(PAPER_RECIPES)
        raise ValueError(f"Unknown paper recipe: {name!r}. Choose one of: {known}.")
    paper = PAPER_RECIPES[name]
    if num_train is None:
        return paper
    paper.recipe.check_size(num_train)
    if not paper.by_epochs:
        return dataclasses.replace(paper, num_train=num_train)
    old, new = (count // paper.recipe.batch_size for count in (paper.num_train, num_train))
    steps = {
        field: getattr(paper.recipe, field) // old * new
        for field in ("max_steps", "warmup_steps", "eval_every", "save_every")
    }
    boundaries = tuple(step // old * new for step in paper.recipe.boundaries)
    recipe = dataclasses.replace(paper.recipe, boundaries=boundaries, **steps)
    return dataclasses.replace(paper, recipe=recipe, num_train=num_train)


def _epochs(epochs, changes, factor, *, batch_size=128, warmup=0, **fields):
    per_epoch = 50_000 // batch_size
    return Recipe(
        batch_size=batch_size,
        max_steps=epochs * per_epoch,
        schedule="piecewise" if changes else "cosine",
        boundaries=tuple(epoch * per_epoch for epoch in changes),
        factors=(factor,) * len(changes),
        warmup_steps=warmup * per_epoch,
        eval_every=per_epoch,
        save_every=per_epoch,
        **fields,
    )


def _he(learning_rate, boundaries, factors):
    return Recipe(
        optimizer="momentum",
        learning_rate=learning_rate,
        weight_decay=1e-4,
        schedule="piecewise",
        boundaries=boundaries,
        factors=factors,
        batch_size=128,
        max_steps=64_000,
        eval_every=500,
        save_every=500,
    )


_HEAVY_BALL = {"optimizer": "momentum", "learning_rate": 0.1}
_NESTEROV = {"optimizer": "nesterov", "learning_rate": 0.1}
PAPER_RECIPES = {
    "he": PaperRecipe(
        _he(0.1, (32_000, 48_000), (0.1, 0.1)),
        "He et al. 2016, Deep residual learning, section 4.2: CIFAR-10, 45k/5k split",
        num_train=45_000,
        by_epochs=False,
    ),
    "he-110": PaperRecipe(
        _he(0.01, (400, 32_000, 48_000), (10.0, 0.1, 0.1)),
        "He et al. 2016, Deep residual learning, section 4.2: CIFAR-10, depth 110",
        num_train=45_000,
        by_epochs=False,
        uncertain="The 400 iterations at rate 0.01 ended with the training error below 80 %, at no fixed step.",
    ),
    "he-200-epochs": PaperRecipe(
        _epochs(200, (100, 150), 0.1, weight_decay=1e-4, **_HEAVY_BALL),
        "A public reproduction of He et al. 2016 on CIFAR-10 with lower test errors at most depths",
        uncertain="At depths 110 and 1202 its first epoch runs at rate 0.01; that is not in here.",
    ),
    "li": PaperRecipe(
        _epochs(300, (150, 225, 275), 0.1, weight_decay=5e-4, **_NESTEROV),
        "Li et al. 2018, Visualizing the loss landscape of neural nets: CIFAR-10",
    ),
    "li-no-shortcut": PaperRecipe(
        _epochs(
            300, (150, 225, 275), 0.1, weight_decay=5e-4, optimizer="nesterov", learning_rate=0.01
        ),
        "Li et al. 2018: CIFAR-10, the deeper networks without shortcuts",
        uncertain="From which depth on the rate is 0.01: a script of theirs names a ResNet-56 without "
        "shortcuts at 0.1.",
    ),
    "pyhessian": PaperRecipe(
        _epochs(180, (80, 120), 0.1, weight_decay=5e-4, **_HEAVY_BALL),
        "Yao et al. 2020, PyHessian: CIFAR-10",
        uncertain="Heavy-ball momentum 0.9 and batch 128 are those of the common recipe.",
    ),
    "wrn": PaperRecipe(
        _epochs(200, (60, 120, 160), 0.2, weight_decay=5e-4, **_NESTEROV),
        "Zagoruyko & Komodakis 2016, Wide residual networks: CIFAR-10 and -100",
        augment="reflect-flip",
        uncertain="The weight decay is from memory.",
    ),
    "densenet": PaperRecipe(
        _epochs(300, (150, 225), 0.1, batch_size=64, weight_decay=1e-4, **_NESTEROV),
        "Huang et al. 2017, Densely connected convolutional networks: CIFAR-10 and -100",
        uncertain="Rate, drops, decay and Nesterov are from memory; a public reproduction has the first three.",
    ),
    "fixup": PaperRecipe(
        _epochs(
            200,
            (100, 150),
            0.1,
            weight_decay=1e-4,
            rate_leaves=("**/*bias*", "**/*scale*"),
            rate_factors=(0.1, 0.1),
            **_HEAVY_BALL,
        ),
        "Zhang, Dauphin & Ma 2019, Fixup initialization: CIFAR-10, biases and scales at a tenth of the rate",
        mixup=1.0,
        uncertain="Heavy-ball momentum 0.9 and batch 128 are those of the common recipe; whether biases and "
        "scales decay.",
    ),
    "rezero": PaperRecipe(
        _epochs(200, (100, 150), 0.1, weight_decay=1e-4, **_HEAVY_BALL),
        "Bachlechner et al. 2021, ReZero is all you need: ResNet-56 on CIFAR-10",
        uncertain="All of it: it is the common recipe, from memory; residual weights may have had a rate of "
        "their own.",
    ),
    "cohen": PaperRecipe(
        Recipe(optimizer="sgd", learning_rate=0.01, max_steps=10_000, save_every=1000),
        "Cohen et al. 2021, Gradient descent on neural networks typically occurs at the edge of stability: "
        "fc-tanh, the first 5000 images of CIFAR-10, full batch",
        num_train=5_000,
        augment="none",
        loss="squared_error",
        by_epochs=False,
        uncertain="The number of steps.",
    ),
    "adamw-transformer": PaperRecipe(
        _epochs(
            300,
            (),
            1.0,
            warmup=10,
            optimizer="adamw",
            learning_rate=1e-3,
            weight_decay=0.05,
            decay="decoupled",
            decay_leaves=("**/kernel",),
            clip_norm=1.0,
        ),
        "Small vision transformers on CIFAR, after Touvron et al. 2021 (DeiT) without its strong augmentation",
        label_smoothing=0.1,
        uncertain="All of it: published recipes differ in rate, warm-up and augmentation.",
    ),
}
