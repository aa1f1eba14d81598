"""One block deleted from a trained network (Veit et al. 2016)."""

import dataclasses
import functools

import jax
import numpy as np

from experiments import train
from experiments.common.data import load_data
from experiments.common.network import load_network
from experiments.common.twins import own
from experiments.reproductions.records import Reproduction, over_seeds
from lsgeo import models


@dataclasses.dataclass
class Lesions:
    """The networks that blocks are deleted from.

    Attributes:
      network: configuration of the training; skip and seeds are set for each network.
      num_seeds: networks, each with a split of its own.
    """

    network: train.Config = own(
        dataset="mnist-5k",
        data_options="size=14",
        num_train=2000,
        num_test=1000,
        model="resnet",
        depth=20,
        width=8,
        norm="batch",
        optimizer="adam",
        learning_rate=0.003,
        batch_size=100,
        max_steps=300,
        eval_every=100,
        loss_levels=(),
        save_every=0,
    )
    num_seeds: int = 3


@jax.jit
def _error(predict, params, batch):
    return 1 - models.accuracy(predict(params, batch), batch)


def lesions(network, test) -> tuple[float, np.ndarray]:
    """The test error of a network, and its errors without one block, of each that keeps the stream's shape."""
    found = models.blocks(network.model, network.variables, test["image"])
    free = [block.name for block in found if block.keeps_shape]

    def error(deleted):
        kept = {name: np.asarray(name != deleted) for name in free}
        without = models.WithoutBlocks(network.predict, kept)
        return float(_error(without, network.params, test))

    return error(""), np.array([error(name) for name in free])


def _measure(skip, sizes, seed, folder, progress):
    whole, without = [], []
    for i in range(sizes.num_seeds):
        fields = {"skip": skip, "seed": seed + i, "data_seed": i}
        config = dataclasses.replace(sizes.network, **fields)
        path = folder / "train" / f"{skip}_{i}"
        train.run(config, path, progress)
        error, errors = lesions(load_network(path, "end"), load_data(config).test)
        whole.append(error)
        without.append(errors)
    whole, without = np.array(whole), np.array(without)
    chance = 1 - 1 / load_data(sizes.network).num_classes
    # A network that guesses has no room to get worse.
    room = np.where(whole < chance, chance - whole, np.nan)
    shares = (np.median(without, 1) - whole) / room
    return {"error": whole, "without": without, **over_seeds(shares)}


def _record(name, skip, quantity, published, lower, upper):
    return Reproduction(
        f"lesion_{name}",
        f"{quantity}, one block deleted: median rise of the test error, 1 is chance and 0 no change",
        published,
        lower,
        upper,
        "Veit et al. 2016 (arXiv 1605.06431), section 4.1 and figure 3",
        "ResNet-20 of width 8 and its twin without skips on 2000 images of MNIST at 14 x 14, in place of "
        "ResNet-110 and VGG on CIFAR-10; blocks of two layers in both",
        "lesions",
        functools.partial(_measure, skip),
    )


RECORDS = (
    _record("plain", "none", "plain network", "1: chance", 0.9, np.inf),
    _record("skip", "identity", "residual network", "about 0: no noticeable change", -0.05, 0.05),
)
