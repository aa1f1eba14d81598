"""What training costs beyond its compiled step, and how fast the step is.

    python -m benchmarks.train_overhead
    JAX_PLATFORMS=cuda python -m benchmarks.train_overhead --depth=56 --steps=390 --peak=67e12

The same steps are run by a bare loop over the compiled update and by `fit`, in turns, on random images of
CIFAR's size with padding, cropping and flipping inside the step, momentum, weight decay and a piecewise
schedule. `fit` draws an epoch's order, looks up the rate, and looks at every loss; its share of the time beyond
the bare loop is the overhead. FLOP are those of XLA's cost analysis of the compiled step.
"""

import argparse
import os
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import data, models
from lsgeo.training import Recipe, fit, start
from lsgeo.training._steps import Plan, epoch_order, update_function
from lsgeo.training.recipes.optimizers import direction_of


class Problem:
    """A ResNet, its data and its recipe, with two ways to run the same steps."""

    def __init__(self, depth: int, batch_size: int, steps: int, examples: int):
        rng = np.random.default_rng(0)
        self.data = {
            "image": jnp.asarray(rng.normal(size=(examples, 32, 32, 3)), jnp.float32),
            "label": jnp.asarray(rng.integers(0, 10, examples), jnp.int32),
        }
        model = models.create("resnet", depth=depth)
        variables = models.init(model, self.data["image"], key=jax.random.key(0))
        self.params = variables.pop("params")
        self.loss = models.CrossEntropy(model, variables, train=True)
        self.recipe = Recipe(
            optimizer="momentum",
            learning_rate=0.01,
            weight_decay=1e-4,
            schedule="piecewise",
            boundaries=(steps // 2 + 1,),
            factors=(0.1,),
            batch_size=batch_size,
            max_steps=steps,
            eval_every=steps,
        )
        plan = Plan(direction_of(self.recipe), batch_size, augment=data.augment)
        self.update = update_function(plan)

    def arguments(self, params, opt_state, step):
        """The arguments of one compiled update, all of them on the device."""
        key = jax.random.key(1)
        order = epoch_order(key, len(self.data["label"]), np.int32(0))
        rate = np.float32(0.01)
        at = (order, np.int32(0), key, np.int32(step))
        return params, opt_state, None, self.loss, self.data, rate, *at

    def bare(self) -> float:
        """Seconds of the compiled updates in a loop that does nothing else."""
        state = start(self.params, self.recipe)
        params, opt_state = state.params, state.opt_state
        _, _, average, loss, data, rate, order, first, key, step = self.arguments(
            params, opt_state, 0
        )
        jax.block_until_ready((params, opt_state, order))
        begin = time.perf_counter()
        for _ in range(self.recipe.max_steps):
            params, opt_state, average, value = self.update(
                params, opt_state, average, loss, data, rate, order, first, key, step
            )
        jax.block_until_ready((params, value))
        return time.perf_counter() - begin

    def fitted(self) -> float:
        """Seconds of `fit` for the same number of updates; measuring all examples is left out."""
        state = jax.block_until_ready(start(self.params, self.recipe))
        begin = time.perf_counter()
        result = fit(
            self.loss,
            state,
            self.data,
            self.recipe,
            key=jax.random.key(1),
            evaluate=lambda p: 1.0,
            augment=data.augment,
            devices=jax.local_devices()[:1],
        )
        jax.block_until_ready(result.params)
        return time.perf_counter() - begin

    def flops(self) -> float:
        """Floating point operations of one update, as XLA counts them."""
        state = start(self.params, self.recipe)
        lowered = self.update.lower(*self.arguments(state.params, state.opt_state, 0))
        return lowered.compile().cost_analysis()["flops"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--examples", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peak", type=float, default=0.0, help="peak FLOP/s of the device")
    options = parser.parse_args()
    problem = Problem(options.depth, options.batch_size, options.steps, options.examples)
    flops = problem.flops()
    problem.bare(), problem.fitted()
    pairs = [(problem.bare(), problem.fitted()) for _ in range(options.repeats)]
    bare, fitted = (statistics.median(side) for side in zip(*pairs, strict=True))
    overhead = statistics.median(b / a - 1 for a, b in pairs)
    per_second = options.steps / fitted
    device = jax.devices()[0].device_kind
    print(
        f"{device}, load {os.getloadavg()[0]:.2f}, ResNet-{options.depth}, batch {options.batch_size}"
    )
    print(f"bare {1e3 * bare / options.steps:.2f} ms a step, fit {1e3 / per_second:.2f} ms")
    print(f"overhead {overhead:.2%}; compilations of the step: {problem.update._cache_size()}")
    print(f"{options.batch_size * per_second:.0f} images/s, {flops * per_second / 1e9:.1f} GFLOP/s")
    if options.peak:
        print(f"{flops * per_second / options.peak:.1%} of the peak of {options.peak:g} FLOP/s")


if __name__ == "__main__":
    main()
