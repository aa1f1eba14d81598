"""Skip types: what a block adds to the stream, and how.

choice = parse("highway(bias=-4)")  # a type with its options
choice.skip.learned  # what the type says about itself, see `Skip`
"""

from lsgeo.models.skips import gates as gates
from lsgeo.models.skips import scales as scales
from lsgeo.models.skips import shortcuts as shortcuts
from lsgeo.models.skips.base import Skip as Skip
from lsgeo.models.skips.base import require as require
from lsgeo.models.skips.base import straight as straight
from lsgeo.models.skips.learned import Learned as Learned
from lsgeo.models.skips.learned import Mixing as Mixing
from lsgeo.models.skips.learned import Opening as Opening
from lsgeo.models.skips.learned import Weight as Weight
from lsgeo.models.skips.registry import SKIPS as SKIPS
from lsgeo.models.skips.registry import Choice as Choice
from lsgeo.models.skips.registry import merge as merge
from lsgeo.models.skips.registry import parse as parse
from lsgeo.models.skips.registry import split as split
from lsgeo.models.skips.shortcuts import Shortcut as Shortcut
from lsgeo.models.skips.streams import sinkhorn as sinkhorn
