"""Every test session is strict: float64, no rank promotion, and (pyproject.toml) warnings are errors."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Half of the session is compilation of programs that run once. Set XLA_FLAGS to test optimised code.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
)

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
