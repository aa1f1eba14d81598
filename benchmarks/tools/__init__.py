"""One adapter for each tool; `load(name, problem)` makes it, or raises ImportError where it is missing."""

import importlib

TOOLS = ("lsgeo", "matfree", "traceax", "pyhessian", "curvlinops", "eigenthings")


def load(name, problem):
    return importlib.import_module(f"benchmarks.tools.{name}").Adapter(problem)
