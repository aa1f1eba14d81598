"""The configurations of a study's runs: what each experiment is told about one network."""

import dataclasses
import math

from experiments import _contracts, measure, saddles, spectrum, surface, train
from experiments.common.options import model_fields
from lsgeo import study, training


def matched_name(loss: float) -> str:
    """Name of the checkpoint at a training loss."""
    return f"loss_{float(loss)}"


def checkpoints(matched_loss: float) -> tuple[str, str, str]:
    """Names of the checkpoints at `lsgeo.study.READINGS`, in their order."""
    return "init", matched_name(matched_loss), "end"


def training_of(cell, config):
    """The training whose geometry is measured, at the learning rate of all arms."""
    s = cell.settings
    levels = tuple(sorted({1.0, 0.5, 0.1, config.matched_loss}, reverse=True))
    fields = {
        **_network(cell),
        "learning_rate": s.learning_rate,
        "max_steps": s.max_steps,
        "stop_loss": s.end_loss,
        **_recipe(s),
    }
    save_every = max(1, math.ceil(fields["max_steps"] / 3))
    return train.Config(**fields | {"loss_levels": levels, "save_every": save_every})


def speed_of(cell, learning_rate, matched_loss):
    """One of the trainings that race to the loss."""
    return train.Config(
        **_network(cell),
        learning_rate=learning_rate,
        max_steps=cell.settings.speed_steps,
        loss_levels=(matched_loss,),
        stop_loss=matched_loss,
        checkpoints=False,
        save_every=0,
    )


def spectrum_of(cell, config):
    """The spectra at all readings."""
    s = cell.settings
    return spectrum.Config(
        checkpoints=checkpoints(config.matched_loss),
        num_probes=s.num_probes,
        num_steps=s.num_steps,
        trace_matvecs=s.trace_matvecs,
        figure=False,
        tol=1e-4,
        **_common(cell),
    )


def surface_of(cell, config):
    """Random planes at the common loss."""
    s, half = cell.settings, cell.settings.surface_range
    return surface.Config(
        checkpoint=matched_name(config.matched_loss),
        x_min=-half,
        x_max=half,
        y_min=-half,
        y_max=half,
        resolution=s.resolution,
        planes=s.planes,
        **_common(cell),
    )


def saddles_of(cell, config):
    """The kind of point at the common loss."""
    return saddles.Config(checkpoints=checkpoints(config.matched_loss)[1:2], **_common(cell))


def metric_of(cell, config, name):
    """A metric at all of its readings."""
    metric = study.METRICS[name]
    places = zip(study.READINGS, checkpoints(config.matched_loss), strict=True)
    read = tuple(place for reading, place in places if reading in metric.readings)
    return measure.Config(metric=name, checkpoints=read, **_common(cell))


def contract_of(cell, reference, matched_loss):
    """What two trained networks have in common."""
    return _contracts.Config(
        run=str(cell.path / "train"),
        reference=str(reference.path / "train"),
        arms=(cell.arm.name, reference.arm.name),
        checkpoint=matched_name(matched_loss),
        num_examples=cell.settings.num_examples,
    )


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
        **model_fields(twins.model, twins.arm_options(cell.arm.name)),
    }
