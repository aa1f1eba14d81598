"""Packaging of lsgeo: metadata, dependencies and extras."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
# The only place of the version; importing it would need JAX.
PACKAGE = (HERE / "lsgeo" / "__init__.py").read_text(encoding="utf-8")

setup(
    name="lsgeo",
    version=re.search(r'^__version__ = "(.+)"$', PACKAGE, re.MULTILINE)[1],
    description="How skip connections change the geometry of the loss landscape, measured in JAX",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["lsgeo", "lsgeo.*"]),
    package_data={"lsgeo": ["py.typed"], "lsgeo.study.page": ["*.jinja"]},
    python_requires=">=3.11",
    install_requires=[
        "jax>=0.10",
        "flax>=0.12",
        "optax>=0.2.5",
        "numpy>=2.0",
        "scipy>=1.14",
        "statsmodels>=0.14.4",
        "matplotlib>=3.9",
        "absl-py>=2.1",
        "ml_collections>=1.0",
        "orbax-checkpoint>=0.11",
        "scikit-learn>=1.5",
        "tqdm>=4.66",
        "jinja2>=3.1",
    ],
    extras_require={
        "data": [
            "datasets>=5.0",
            "grain>=0.2.16",
            "mlxtend>=0.25",
            "mnist1d>=0.0.2.post1",
            "pillow>=11",
        ],
        "export": ["h5py>=3.12", "plotly>=6.1", "vtk>=9.4"],
        "test": [
            "chex>=0.1.90",
            "datasets>=5.0",
            "equinox>=0.11",
            "grain>=0.2.16",
            "h5py>=3.12",
            "mlxtend>=0.25",
            "mnist1d>=0.0.2.post1",
            "plotly>=6.1",
            "pytest>=8",
            "pytest-xdist>=3.6",
            "hypothesis>=6.100",
            "pillow>=11",
            "playwright>=1.50",
            "ruff>=0.9",
            "setuptools",
            "tensorboardX>=2.6",
            "vtk>=9.4",
        ],
        "bench": [
            "torch>=2.13",
            "PyHessian>=0.1",
            "curvlinops-for-pytorch>=3.0",
            "hessian-eigenthings>=1.0.0a5",
            "matfree>=0.6.3",
            "traceax>=1.0.2",
        ],
        "tensorboard": ["tensorboardX>=2.6"],
        "cuda": ["jax[cuda13]>=0.10"],
        "tpu": ["jax[tpu]>=0.10"],
    },
)
