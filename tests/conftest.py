"""Every test session is strict: float64, no rank promotion, and (pyproject.toml) warnings are errors."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
