"""Models as Flax Linen modules; the only Flax code of lsgeo.

The rest of lsgeo sees a model as `loss(params, batch)`:

    model = create("mlp", depth=16, width=32, skip="none")
    variables = init(model, images, key=jax.random.key(0))
    loss = CrossEntropy(model, reestimate_batch_stats(model, variables, images))
"""

from lsgeo.models import initializers as initializers
from lsgeo.models import norms as norms
from lsgeo.models import skips as skips
from lsgeo.models import spelling as spelling
from lsgeo.models.blocks import BlockFunction as BlockFunction
from lsgeo.models.blocks import WithoutBlocks as WithoutBlocks
from lsgeo.models.blocks import block_inputs as block_inputs
from lsgeo.models.blocks import block_place as block_place
from lsgeo.models.blocks import blocks as blocks
from lsgeo.models.blocks import reorder as reorder
from lsgeo.models.blocks import stream_gradient as stream_gradient
from lsgeo.models.depth import stack as stack
from lsgeo.models.depth import unstack as unstack
from lsgeo.models.factory import create as create
from lsgeo.models.factory import is_random as is_random
from lsgeo.models.families.densenet import DenseNet as DenseNet
from lsgeo.models.families.mixer import Mixer as Mixer
from lsgeo.models.families.mlp import MLP as MLP
from lsgeo.models.families.resnet import ResNet as ResNet
from lsgeo.models.families.transformer import Decoder as Decoder
from lsgeo.models.families.transformer import ViT as ViT
from lsgeo.models.lesions import branch_names as branch_names
from lsgeo.models.lesions import lesioned_gradient as lesioned_gradient
from lsgeo.models.losses import CrossEntropy as CrossEntropy
from lsgeo.models.losses import Logits as Logits
from lsgeo.models.losses import SquaredError as SquaredError
from lsgeo.models.losses import accuracy as accuracy
from lsgeo.models.losses import check_labels as check_labels
from lsgeo.models.losses import cross_entropy as cross_entropy
from lsgeo.models.losses import squared_error as squared_error
from lsgeo.models.options import FIELDS as FIELDS
from lsgeo.models.options import fields_of as fields_of
from lsgeo.models.options import options_of as options_of
from lsgeo.models.published import PUBLISHED as PUBLISHED
from lsgeo.models.skips import sinkhorn as sinkhorn
from lsgeo.models.variables import activations as activations
from lsgeo.models.variables import count_parameters as count_parameters
from lsgeo.models.variables import init as init
from lsgeo.models.variables import reestimate_batch_stats as reestimate_batch_stats
from lsgeo.models.variables import set_gates as set_gates
from lsgeo.models.variables import shapes as shapes
