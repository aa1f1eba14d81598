"""Training: a recipe, a loop over one compiled update, checkpoints.

    recipe = Recipe(optimizer="adam", learning_rate=1e-3, max_steps=500, loss_levels=(1.0, 0.1))
    result = fit(loss, start(params, recipe), data, recipe, key=jax.random.key(0))

`fit_run` does the same into a run's directory, and continues there after a kill. A published recipe
comes by name, with its source and what is uncertain of it:

    paper = paper_recipe("li", num_train=50_000)  # paper.recipe, paper.augment, paper.uncertain
"""

from lsgeo.training.description import Description as Description
from lsgeo.training.judge import Fit as Fit
from lsgeo.training.judge import Observer as Observer
from lsgeo.training.judge import State as State
from lsgeo.training.loop import fit as fit
from lsgeo.training.loop import start as start
from lsgeo.training.recipes.papers import PAPER_RECIPES as PAPER_RECIPES
from lsgeo.training.recipes.papers import PaperRecipe as PaperRecipe
from lsgeo.training.recipes.papers import paper_recipe as paper_recipe
from lsgeo.training.recipes.penalty import Penalized as Penalized
from lsgeo.training.recipes.recipe import Recipe as Recipe
from lsgeo.training.record import fit_run as fit_run
from lsgeo.training.storage import checkpoints as checkpoints
from lsgeo.training.storage import delete_states as delete_states
from lsgeo.training.storage import load_checkpoint as load_checkpoint
from lsgeo.training.storage import load_state as load_state
from lsgeo.training.storage import save_checkpoint as save_checkpoint
from lsgeo.training.storage import save_state as save_state
