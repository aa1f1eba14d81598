"""The laws: what a study's rows say over depth, over rates and over thresholds, in five curves."""

from collections.abc import Sequence

from lsgeo.study.contrasts import Row
from lsgeo.study.decisions.verdicts import Design
from lsgeo.study.laws import directions, sharpness, speed, stand_ins, stream
from lsgeo.study.laws._plain import plain as plain
from lsgeo.study.laws.records import VERDICTS as VERDICTS
from lsgeo.study.laws.records import Check as Check
from lsgeo.study.laws.records import Curve as Curve
from lsgeo.study.laws.records import Fitted as Fitted
from lsgeo.study.laws.records import Law as Law
from lsgeo.study.laws.records import LawResult as LawResult

LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        sharpness.SHARPNESS,
        speed.SPEED,
        stream.STREAM,
        directions.DIRECTIONS,
        stand_ins.STAND_INS,
    )
}


def measured(rows: Sequence[Row], designs: Sequence[Design]) -> list[LawResult]:
    """What a study says of each law.

    Args:
      rows: of the study, see `lsgeo.study.table`; also as they stand in results.csv, all of them text.
      designs: of the study.

    Returns:
      One result for each of `LAWS`, in order.
    """
    return [law.measure(law, rows, designs) for law in LAWS.values()]
