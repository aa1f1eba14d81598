"""Published networks by name: a family, its options, and the number of parameters that it must have."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Published:
    """A network of a paper.

    Attributes:
      family: name of the model family.
      options: of the family.
      num_parameters: of the network with `input_shape`; batch norm's scale and bias counted, its running
        statistics not.
      source: the paper.
      input_shape: height, width and channels of an image.
    """

    family: str
    options: dict[str, Any]
    num_parameters: int
    source: str
    input_shape: tuple[int, int, int] = (32, 32, 3)


_HE = "He et al. 2016, section 4.2"
PUBLISHED: dict[str, Published] = {
    f"resnet-{depth}": Published("resnet", {"depth": depth}, count, _HE)
    for depth, count in {
        20: 269_722,
        32: 464_154,
        44: 658_586,
        56: 853_018,
        110: 1_727_962,
        1202: 19_421_274,
    }.items()
}
