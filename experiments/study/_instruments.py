"""How a study takes each measure: the experiment, and what it is told about one network."""

import dataclasses
import math

from experiments import measure, saddles, spectrum, surface, train
from experiments.study import _contracts
from lsgeo import models, training
from lsgeo.study.measures.training import LEVELS, speed_folder
from lsgeo.study.plan import Instrument
from lsgeo.study.table import checkpoints, matched_name


def _training(cell, config, _):
    # The training whose geometry is measured, at the learning rate of all arms.
    s = cell.settings
    fields = {
        **_network(cell),
        "learning_rate": s.learning_rate,
        "max_steps": s.max_steps,
        "stop_loss": s.end_loss,
        **_recipe(s),
    }
    fields["loss_levels"] = tuple(sorted({*LEVELS, config.matched_loss}, reverse=True))
    fields["save_every"] = max(1, math.ceil(fields["max_steps"] / 3))
    return {"train": train.Config(**fields)}


def _races(cell, config, _):
    return {
        speed_folder(rate): train.Config(
            **_network(cell),
            learning_rate=rate,
            max_steps=cell.settings.speed_steps,
            loss_levels=(config.matched_loss,),
            stop_loss=config.matched_loss,
            checkpoints=False,
            save_every=0,
        )
        for rate in cell.twins.learning_rates
    }


def _spectrum(cell, config, asked):
    names = ("num_probes", "num_steps", "trace_matvecs")
    sizes = {name: getattr(cell.settings, name) for name in names}
    places = _places(config, asked)
    return {
        asked.folder: spectrum.Config(
            checkpoints=places, figure=False, tol=1e-4, **sizes, **_common(cell)
        )
    }


def _surface(cell, config, asked):
    s, half = cell.settings, cell.settings.surface_range
    (place,) = _places(config, asked)
    square = {"x_min": -half, "x_max": half, "y_min": -half, "y_max": half}
    sizes = {"resolution": s.resolution, "planes": s.planes}
    return {asked.folder: surface.Config(checkpoint=place, **square, **sizes, **_common(cell))}


def _saddles(cell, config, asked):
    return {asked.folder: saddles.Config(checkpoints=_places(config, asked), **_common(cell))}


def _metric(cell, config, asked):
    places = _places(config, asked)
    return {asked.folder: measure.Config(metric=asked.name, checkpoints=places, **_common(cell))}


def _comparison(cell, config, reference):
    return {
        "twins": _contracts.Config(
            run=str(cell.path / "train"),
            reference=str(reference.path / "train"),
            arms=(cell.arm.name, reference.arm.name),
            checkpoint=matched_name(config.matched_loss),
            num_examples=cell.settings.num_examples,
        )
    }


INSTRUMENTS = {
    "train": Instrument(train.run, _training, lambda config: ()),
    "speed": Instrument(train.run, _races, lambda config: ()),
    "spectrum": Instrument(spectrum.run, _spectrum),
    "saddles": Instrument(saddles.run, _saddles),
    "surface": Instrument(surface.run, _surface, lambda config: (config.checkpoint,)),
    "metric": Instrument(measure.run, _metric),
    "comparison": Instrument(_contracts.run, _comparison),
}


def _places(config, asked):
    # The checkpoints at which a measure is taken.
    names = checkpoints(config.matched_loss)
    return tuple(name for reading, name in names.items() if reading in asked.readings)


def _common(cell):
    return {
        "run": str(cell.path / "train"),
        "num_examples": cell.settings.num_examples,
        "seed": cell.seed,
    }


def _recipe(settings):
    if not settings.recipe:
        return {}
    paper = training.paper_recipe(settings.recipe, num_train=settings.num_train or None)
    others = ("augment", "mixup", "loss", "label_smoothing")
    return dataclasses.asdict(paper.recipe) | {name: getattr(paper, name) for name in others}


def _network(cell):
    twins, s = cell.twins, cell.settings
    names = ("root", "data_options", "batch_size", "eval_batch_size", "eval_every", "optimizer")
    return {
        **{name: getattr(s, name) for name in names},
        **{name: getattr(twins, name) for name in ("dataset", "num_train", "data_seed", "seed")},
        **models.fields_of(twins.model, twins.arm_options(cell.arm.name)),
    }
