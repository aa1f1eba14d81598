"""MNIST-1D (Greydanus and Kobak 2024): signals of 40 numbers, made by the functions of the package mnist1d."""

import ast
import pathlib
import types

import numpy as np

from lsgeo.data.sources._files import packaged
from lsgeo.data.sources._pool import Pool, Signals

_FORM = {"source": "mnist-1d", "features": 40, "num_classes": 10}
_MAKERS = ("get_dataset_args", "get_templates", "make_dataset")


def mnist_1d(*, seed: int, num_samples: int = 5000) -> Pool:
    """Makes the data set as the package does; the official split is its first four fifths.

    Args:
      seed: 0 is the published data set; any other one draws anew by the same rule, with the generator's
        seed 42 + `seed`.
      num_samples: of both parts together, a multiple of 10; published is 5000.

    Raises:
      ImportError: without mnist1d.
      ValueError: for another number of samples, or a version of the package without these functions.
    """
    if type(num_samples) is not int or num_samples < 10 or num_samples % 10:
        raise ValueError(
            f"`num_samples` must be a multiple of 10, one or more of each class; got {num_samples!r}."
        )
    make = _generator(packaged("mnist1d", "'mnist-1d'"))
    args = make["get_dataset_args"]()
    args.seed, args.num_samples = args.seed + seed, num_samples
    made = make["make_dataset"](args)
    train, test = (
        Signals.of(made[f"x{part}"], made[f"y{part}"], **_FORM) for part in ("", "_test")
    )
    return Pool(train, test, 10)


def _generator(folder: pathlib.Path) -> dict:
    """The package's functions, by name, with a random generator that is theirs alone.

    Importing the package would load requests and pyplot, and its functions draw from the generator that all
    of NumPy's users share.
    """
    from scipy.interpolate import interp1d
    from scipy.ndimage import gaussian_filter

    generator = np.random.RandomState()
    namespace = {
        "np": types.SimpleNamespace(**{**vars(np), "random": generator}),
        "interp1d": interp1d,
        "gaussian_filter": gaussian_filter,
        "set_seed": generator.seed,
        "ObjectView": lambda fields: types.SimpleNamespace(**fields),
    }
    for file, names in (("transform.py", None), ("data.py", _MAKERS)):
        path = folder / file
        functions = [
            node
            for node in ast.parse(path.read_bytes(), str(path)).body
            if isinstance(node, ast.FunctionDef) and (names is None or node.name in names)
        ]
        exec(compile(ast.Module(functions, []), str(path), "exec"), namespace)
    lacking = [name for name in ("transform", *_MAKERS) if name not in namespace]
    if lacking:
        raise ValueError(
            f"The installed mnist1d has no function {lacking[0]}. Install the version that has: "
            "pip install mnist1d==0.0.2.post1."
        )
    return namespace
