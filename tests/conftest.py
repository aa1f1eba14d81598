"""Every test session is strict: float64, no promotion, and (pyproject.toml) warnings are errors."""

import importlib.metadata
import os
import pathlib

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Half of the session is compilation of programs that run once. Set XLA_FLAGS to test optimised code.
FLAGS = "--xla_backend_optimization_level=0"
if importlib.metadata.version("jaxlib").startswith("0.10."):
    # A third less time; a version that does not know the flag ends the process.
    FLAGS += " --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("XLA_FLAGS", FLAGS)

import jax  # noqa: E402
import pytest  # noqa: E402

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

# A compiled program takes a few of the 65530 memory maps that Linux gives a process: without them XLA ends it.
MAPS = pathlib.Path("/proc/self/maps")
MOST_MAPS = 20_000


def drop_programs():
    """Forgets what is compiled, where it takes up much."""
    if MAPS.exists() and MAPS.read_text().count("\n") > MOST_MAPS:
        jax.clear_caches()


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    yield
    drop_programs()
