"""A network's blocks one by one, whether it runs them in a compiled loop or not."""

from typing import Any

import flax.linen as nn

from lsgeo import models
from lsgeo.study.measures.subject import Subject


def unscanned(subject: Subject) -> tuple[nn.Module, dict[str, Any]]:
    """The subject's module and variables with every block by its own name, "block_0" or "stage_1_block_0".

    Args:
      subject: a network, scanned or not.

    Returns:
      (model, variables), the same function.
    """
    variables = subject.variables
    changed = {n: False for n in ("scan", "remat") if getattr(subject.model, n, False)}
    if "scan" in changed:
        variables = models.unstack(variables)
    return subject.model.clone(**changed) if changed else subject.model, variables
