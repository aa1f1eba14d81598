"""Random steps: augmentation, mixing and random losses come from the run's key and the step alone."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import runs
from lsgeo.training import Recipe, fit, fit_run, start
from tests.training.least_squares import DATA, KEY, Notes, loss, run

IMAGES = {"image": np.arange(8.0)[:, None] + np.zeros((8, 3)), "label": np.arange(8.0) % 2}
EVERYTHING = Recipe(
    optimizer="nesterov",
    learning_rate=0.01,
    weight_decay=0.1,
    decay="loss",
    schedule="cosine",
    warmup_steps=3,
    clip_norm=1.0,
    ema=0.9,
    batch_size=4,
    max_steps=11,
    eval_every=2,
    save_every=3,
)


def noise(images, *, key):
    return images + jax.random.normal(key, images.shape)


def swap(batch, *, key):
    order = jax.random.permutation(key, len(batch["label"]))
    return {**batch, "image": (batch["image"] + batch["image"][order]) / 2}


def network_loss(params, batch, *, key=None):
    kept = 1.0 if key is None else jax.random.bernoulli(key, 0.5, (3,)).astype(params["w"].dtype)
    outputs = batch["image"] @ (params["w"] * kept)
    return ((outputs - batch["label"]) ** 2).mean() / 2


def parameters():
    return {"w": np.full(3, 0.1)}


def evaluate(p):
    return float(jnp.sum(p["w"]))


def options():
    return {"augment": noise, "mix": swap, "random": True, "evaluate": evaluate}


def train(recipe, key=KEY, **given):
    return fit(network_loss, start(parameters(), recipe), IMAGES, recipe, key=key, **given).params[
        "w"
    ]


class Kill(Exception):
    pass


@pytest.mark.parametrize("kill_after", [4, 8])
def test_a_run_killed_between_two_steps_ends_with_the_same_bits(kill_after, tmp_path):
    @dataclasses.dataclass
    class Config:
        seed: int = 0

    def killer(step, total, text):
        if step == kill_after:
            raise Kill

    def go(name, progress=None):
        opened = runs.open_run(tmp_path / name, Config())
        return opened, fit_run(
            opened,
            network_loss,
            parameters(),
            IMAGES,
            EVERYTHING,
            key=KEY,
            progress=progress,
            save_checkpoints=False,
            **options(),
        )

    whole_run, whole = go("whole")
    with pytest.raises(Kill):
        go("killed", killer)
    seen = []
    killed_run, killed = go("killed", lambda step, *_: seen.append(step))
    assert seen[0] == {4: 4, 8: 6}[kill_after]  # From the states of steps 3 and 6.
    for one, other in ((whole.params, killed.params), (whole.average, killed.average)):
        np.testing.assert_array_equal(one["w"], other["w"])
    assert killed_run.metrics() == whole_run.metrics()


def test_each_random_part_changes_the_steps_and_the_key_decides_them():
    recipe = Recipe(optimizer="sgd", batch_size=4, max_steps=2)
    plain = train(recipe, evaluate=evaluate)
    for name in ("augment", "mix", "random"):
        given = {name: options()[name], "evaluate": evaluate}
        assert not np.allclose(train(recipe, **given), plain)
        np.testing.assert_array_equal(train(recipe, **given), train(recipe, **given))
        assert not np.allclose(train(recipe, jax.random.key(1), **given), train(recipe, **given))


def test_every_step_draws_anew():
    # The loss is linear in the image, so that the gradient is the mean of what the augmentation drew.
    recipe = Recipe(optimizer="sgd", learning_rate=1.0, batch_size=4, max_steps=40, eval_every=1)
    kept = []

    def keep(p):
        kept.append(np.asarray(p["w"]))
        return 1.0

    fit(
        lambda p, batch: -(batch["image"] @ p["w"]).mean(),
        start({"w": np.zeros(3)}, recipe),
        {"image": np.zeros((8, 3)), "label": IMAGES["label"]},
        recipe,
        key=KEY,
        evaluate=keep,
        augment=noise,
    )
    draws = np.diff(np.array(kept), axis=0).ravel()
    assert len(np.unique(draws)) == len(draws) == 120
    # Means of four standard normals: four standard errors of the mean and the variance, 1 in 16000 each.
    assert abs(draws.mean()) < 4 * 0.5 / np.sqrt(120)
    assert abs(draws.var() - 0.25) < 4 * 0.25 * np.sqrt(2 / 120)


def test_the_loss_is_measured_without_augmentation_and_on_the_full_batch_too():
    recipe = Recipe(optimizer="sgd", max_steps=1, eval_every=1)
    notes = Notes()
    fit(
        network_loss,
        start(parameters(), recipe),
        IMAGES,
        recipe,
        key=KEY,
        augment=noise,
        evaluate=lambda p: float(network_loss(p, IMAGES)),
        observer=notes,
    )
    np.testing.assert_allclose(
        notes.losses[0], float(network_loss(parameters(), IMAGES)), rtol=1e-12
    )
    with pytest.raises(ValueError, match="`evaluate` is missing: with mini-batches, `augment`"):
        fit(network_loss, start(parameters(), recipe), IMAGES, recipe, key=KEY, augment=noise)


def test_augmentation_of_data_without_images_is_refused():
    recipe = Recipe(batch_size=4)
    with pytest.raises(ValueError, match=r"`augment` changes data\['image'\], but the data has no"):
        run(recipe, lambda p: float(loss(p, DATA)), augment=noise)
