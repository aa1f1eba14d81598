"""Traces, diagonals and norms from random probes."""

from lsgeo.spectra.traces.diagonal import Diagonal, diagonal
from lsgeo.spectra.traces.layer_traces import layer_traces
from lsgeo.spectra.traces.norms import frobenius_norm
from lsgeo.spectra.traces.trace import trace

__all__ = [
    "Diagonal",
    "diagonal",
    "frobenius_norm",
    "layer_traces",
    "trace",
]
