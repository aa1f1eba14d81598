"""Users' functions as compiled code takes them: found by what they compute, not by who they are."""

from lsgeo.programs._boundary import CAUSES, is_traced, outputs, traced, untraced
from lsgeo.programs._program import Program

__all__ = ["CAUSES", "Program", "is_traced", "outputs", "traced", "untraced"]
