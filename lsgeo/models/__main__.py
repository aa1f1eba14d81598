"""Counts the parameters of every published network: python -m lsgeo.models.

Nothing is initialised, only shapes are computed. Ends with an error if a count is not the published one.
"""

import sys

import jax
import jax.numpy as jnp

from lsgeo import models


def row(name: str) -> tuple[str, bool]:
    """Returns a line of the table, and whether the count is the published one."""
    published = models.PUBLISHED[name]
    example = jax.ShapeDtypeStruct((1, *published.input_shape), jnp.float32)
    count = models.count_parameters(models.shapes(models.create(name), example)["params"])
    height, width, channels = published.input_shape
    right = count == published.num_parameters
    number = f"{count:,}" if right else f"{count:,} (published: {published.num_parameters:,})"
    return f"| `{name}` | {height} x {width} x {channels} | {number} | {published.source} |", right


def main() -> None:
    """Prints the table."""
    print("| network | image | parameters | source |\n| --- | --- | ---: | --- |")
    right = True
    for name in models.PUBLISHED:
        line, same = row(name)
        right = right and same
        print(line, flush=True)
    if not right:
        sys.exit("A count is not the published one.")


if __name__ == "__main__":
    main()
