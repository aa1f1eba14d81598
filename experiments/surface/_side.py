"""One network with what its directions are made of: its planes, or lines, and their summary."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.common.network import load_network
from experiments.common.rows import Rows
from experiments.common.trajectory import load_trajectory
from experiments.surface._checks import LED_TO
from experiments.surface._files import summarize
from experiments.surface._layouts import is_sample, layouts, policy_loss
from lsgeo import geometry, runs
from lsgeo.operators.evaluation import evaluate
from lsgeo.results import entries

Report = Callable[[int, int, int], None]  # report(plane, rows done, rows)


class Side:
    """A network, the loss that its surfaces are of, and the networks that directions lead to."""

    def __init__(self, config: Any, path: str, prefix: str):
        """Loads all of them; `prefix` is that of the files."""
        self.config, self.prefix = config, prefix
        load = functools.partial(
            load_network, checkpoint=config.checkpoint, num_examples=config.num_examples
        )
        self.network = load(path)
        if config.directions == "pca":
            found = load_trajectory(path, config.num_examples)
            self.others, shas = found.points, [found.sha256]
        else:
            there = [load(getattr(config, name)) for name in LED_TO.get(config.directions, ())]
            self.others, shas = [n.params for n in there], [n.sha256 for n in there]
        self.loss = policy_loss(self.network, config.batch_stats)
        self.sha256 = " ".join([self.network.sha256, *shas])

    def measure(self, opened: runs.Run, report: Report | None) -> dict[str, Any]:
        """Evaluates the rows that are missing, and counts on all of them."""
        config, network, grid = self.config, self.network, axes(self.config)
        flat = config.dimensions == 1
        for k, layout in enumerate(layouts(config, network, self.loss, self.others)):
            name = f"{self.prefix}{'line' if flat else 'plane'}_{k}"
            facts = {**grid, "points": layout.points, **layout.facts}
            rows = Rows(opened, name, self.sha256, facts, single=flat)
            geometry.slice_along(
                self.loss,
                network.params,
                network.batch,
                layout.directions[::-1],
                axes=list(grid.values())[::-1],
                chunk=config.chunk,
                finished=rows.finished,
                on_row=rows.add,
                progress=report and functools.partial(report, k),
            )
        return {
            **summarize(opened, self.prefix, network.chance_loss, is_sample(config)),
            "centre_loss": float(evaluate(self.loss, network.params, network.batch)),
            **entries(network, ("chance_loss", "num_classes", "arm")),
            "checkpoint_step": network.step,
            "num_examples": len(network.batch["image"]),
            "batch_stats": config.batch_stats if network.constants.get("batch_stats") else "none",
        }


def axes(config: Any) -> dict[str, np.ndarray]:
    """The coordinates: xs and, of planes, ys."""
    found = {
        "xs": np.linspace(config.x_min, config.x_max, config.nx or config.resolution),
        "ys": np.linspace(config.y_min, config.y_max, config.ny or config.resolution),
    }
    return found if config.dimensions == 2 else {"xs": found["xs"]}
