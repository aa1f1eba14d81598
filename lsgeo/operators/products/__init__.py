"""Products: how they are made of examples, of batches that pass by, and of derivatives."""

from lsgeo.operators.products import counts as counts
from lsgeo.operators.products import examples as examples
from lsgeo.operators.products import means as means
from lsgeo.operators.products import modes as modes
from lsgeo.operators.products import product as product
from lsgeo.operators.products import streaming as streaming
