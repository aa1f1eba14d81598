"""Krylov spaces: Lanczos, where its basis lies, random probes, and what fits into memory."""

from lsgeo.spectra.krylov.planning import MemoryPlan, memory_plan

__all__ = [
    "MemoryPlan",
    "memory_plan",
]
