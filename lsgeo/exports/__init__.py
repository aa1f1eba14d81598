"""Surfaces as files of other programs: functions (path, result) that write one file, whole or not at all.

| function | file | for |
|---|---|---|
| `write_csv` | .csv | spreadsheets, R, pandas |
| `write_li`, `read_li` | .h5 | the tools around Li et al.'s code |
| `write_vtp` | .vtp | ParaView |
| `write_html` | .html | a browser, without a network |

All but CSV need the extra `export`: pip install 'lsgeo[export]'.

>>> import numpy as np, pathlib, tempfile
>>> from lsgeo import exports
>>> from lsgeo.geometry import Surface
>>> plane = Surface(np.array([0.0, 1.0]), np.array([5.0]), np.array([[0.1, np.nan]]))
>>> path = pathlib.Path(tempfile.mkdtemp(), "plane.csv")
>>> exports.write_csv(path, plane)
>>> path.read_text().split()
['x,y,loss', '0.0,5.0,0.1', '1.0,5.0,nan']
"""

from lsgeo.exports.li import read_li, read_li_directions, write_li, write_li_directions
from lsgeo.exports.pages import write_html
from lsgeo.exports.paraview import HEIGHTS, write_vtp
from lsgeo.exports.tables import write_csv

__all__ = [
    "HEIGHTS",
    "read_li",
    "read_li_directions",
    "write_csv",
    "write_html",
    "write_li",
    "write_li_directions",
    "write_vtp",
]
