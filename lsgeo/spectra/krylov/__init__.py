"""Krylov spaces: Lanczos, where its basis lies, random probes, and what fits into memory."""

from lsgeo.spectra.krylov import basis as basis
from lsgeo.spectra.krylov import lanczos as lanczos
from lsgeo.spectra.krylov import probes as probes
from lsgeo.spectra.krylov.planning import MemoryPlan, memory_plan

__all__ = [
    "MemoryPlan",
    "memory_plan",
]
