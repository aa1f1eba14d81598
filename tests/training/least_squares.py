"""Least squares, where every iterate has a closed form or a NumPy twin."""

import dataclasses

import jax
import numpy as np

from lsgeo.training import Observer, fit, start

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
DATA = {"x": RNG.normal(size=(12, 3)), "y": RNG.normal(size=12) + 3}


def loss(params, batch):
    residual = batch["x"] @ params["w"] + params["b"][None] - batch["y"]
    return (residual**2).mean() / 2


def params():
    return {"w": np.zeros(3), "b": np.zeros(())}


def gradient(p, rows=slice(None)):
    x, y = DATA["x"][rows], DATA["y"][rows]
    residual = x @ p["w"] + p["b"] - y
    return {"w": x.T @ residual / len(y), "b": residual.mean()}


def numpy_loss(p):
    return float(np.mean((DATA["x"] @ p["w"] + p["b"] - DATA["y"]) ** 2) / 2)


class Notes(Observer):
    def __init__(self):
        self.losses, self.snapshots, self.states = {}, {}, []

    def on_loss(self, step, loss):
        self.losses[step] = loss

    def on_snapshot(self, name, step, loss, params):
        self.snapshots[name] = (step, loss, jax.tree.map(np.array, params))

    def on_state(self, state):
        self.states.append(jax.tree.map(np.array, dataclasses.asdict(state)))


def run(recipe, evaluate=None, function=loss, **options):
    notes = Notes()
    state = start(params(), recipe)
    result = fit(
        function, state, DATA, recipe, key=KEY, evaluate=evaluate, observer=notes, **options
    )
    return result, notes
