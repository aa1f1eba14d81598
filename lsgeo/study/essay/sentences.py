"""The testable sentences of "How Do Skip Connections Change Loss Landscape Geometry" (Logic Nest), in order."""

from lsgeo.study.essay.records import Part, Sentence

SENTENCES = (
    Sentence(
        "E1",
        "skip connections offer smoother surfaces",
        "The loss around a trained network is closer to convex, and its gradient changes more slowly.",
        (
            Part("C1a", "smooth means that fewer points of random planes curve downwards"),
            Part("C1f", "smooth means nearer to convex"),
            Part("C1d", "smooth means that the gradient changes slowly"),
        ),
    ),
    Sentence(
        "E2",
        "rugged terrain with steep cliffs and deep valleys",
        "Without skips the region around the network that is better than chance shrinks with depth.",
        (Part("C1e"),),
    ),
    Sentence(
        "E3",
        "can effectively bypass problematic saddle points",
        "Fewer directions are degenerate with skips, and fewer curve downwards.",
        (
            Part("C2a", "degenerate directions are counted relative to the largest eigenvalue"),
            Part("C2f", "degenerate directions are counted at an absolute threshold"),
            Part("C2b", "downward directions are counted relative to the largest eigenvalue"),
            Part("C2h", "downward directions are counted at an absolute threshold"),
        ),
        figure="L4",
    ),
    Sentence(
        "E4",
        "a reduced likelihood of encountering these detrimental areas",
        "Training spends less time on the plateau around a uniform guess with skips.",
        (Part("C2d"),),
    ),
    Sentence(
        "E5",
        "wider basins of attraction in the loss surface",
        "At equal training loss the loss stays low further away from the network with skips.",
        (
            Part("C3a", "width is measured in steps that move each filter by its own length"),
            Part("C3d", "width is measured so that no rescaling of weights can change it"),
        ),
    ),
    Sentence(
        "E6",
        "sharp minima and plateaus",
        "At equal training loss the largest curvature is higher without skips.",
        (
            Part("C4a", "sharpness is the largest eigenvalue"),
            Part("C4c", "sharpness is the rise of the loss in a small box"),
        ),
        figure="L1",
    ),
    Sentence(
        "E7",
        "alleviate … vanishing gradients",
        "Skips keep the gradient of the first block as large as that of the last.",
        (Part("C5d"),),
        (
            Part(
                "L3", "branches are scaled by 1 / sqrt(depth), for with bare skips it grows instead"
            ),
        ),
        figure="L3",
    ),
    Sentence(
        "E8",
        "the gradients can become increasingly small as they propagate backward",
        "Without skips the gradient of the stream vanishes on its way back.",
        (Part("C5a", "there is no norm"), Part("C5e", "there is a norm")),
        figure="L3",
    ),
    Sentence(
        "E9",
        "the acceleration of convergence rates during optimization",
        "Training reaches the same loss in fewer steps with skips.",
        (
            Part("C6a", "each network has its own best learning rate"),
            Part("C6b", "the plain network starts near the identity, too"),
        ),
        (Part("L2", "the learning rate may grow by what the skip allows"),),
        figure="L2",
    ),
    Sentence(
        "E10",
        "diminish the chances of the optimizer getting trapped in local minima",
        "Training ends in a bad minimum or on a plateau less often with skips.",
        (
            Part("C7e", "ordinary training is meant"),
            Part("C7a", "training starts in a bad minimum that was built"),
        ),
    ),
    Sentence(
        "E11",
        "excel in escaping local minima",
        "SGD leaves a bad local minimum that was built more often with scaled skips, and sooner.",
        (
            Part("C7a", "how often is meant"),
            Part("C7c", "how soon is meant"),
            Part("C7b", "the optimiser has momentum"),
        ),
    ),
    Sentence(
        "E12",
        "facilitate feature reuse",
        "Early features are still there in late blocks, and late layers need them.",
        (
            Part("C8a", "reuse means that they are still there"),
            Part("C8f", "reuse means that a DenseNet errs more when it is retrained without them"),
            Part("C8e", "reuse means that late layers of a DenseNet weigh them"),
        ),
    ),
    Sentence(
        "E13",
        "superior performance",
        "A DenseNet has a lower test error than a plain network of as many parameters.",
        (Part("C8c"),),
    ),
    Sentence(
        "E14",
        "reducing the risk of overfitting",
        "At equal training loss the gap between test and training error is smaller with skips.",
        (Part("C9b"),),
    ),
    Sentence(
        "E15",
        "lower training and validation loss values",
        "After training the test loss is lower with skips.",
        (Part("C9c"),),
    ),
    Sentence(
        "E16",
        "improved generalization capabilities",
        "At equal training loss the test error is lower with skips.",
        (Part("C9a"),),
    ),
    Sentence(
        "E17",
        "By combining paths of different lengths … the network gains a more robust representation",
        "Deleting one block hurts less with skips.",
        (Part("C10c"),),
    ),
    Sentence(
        "E18",
        "how different types of skip connections influence various datasets",
        "The further a shortcut's derivative is from 1, the larger is the test error.",
        (
            Part("C11a", "shortcuts differ by a constant factor"),
            Part("C11c", "shortcuts are of different types"),
        ),
    ),
    Sentence(
        "E19",
        "adaptive skip connections or learnable connections, could push the boundaries",
        "Learned skips are flatter or train faster than the scaled one.",
        (Part("C12a", "flatter minima are meant"), Part("C12b", "faster training is meant")),
        figure="L5",
    ),
    Sentence(
        "E20",
        "the interplay between skip connections and other architectural elements—such as attention mechanisms "
        "and normalization layers",
        "What skips do to the largest curvature depends on the norm, and on attention.",
        (
            Part("C13a", "the norm in MLPs is meant"),
            Part("C13b", "the norm in vision transformers is meant"),
            Part("C13c", "attention in place of an MLP is meant"),
        ),
        figure="L5",
    ),
    Sentence(
        "E21",
        "a more structured optimization problem",
        "The tangent kernel's eigenvalues are less spread the stronger the skip.",
        (Part("C16a"),),
    ),
    Sentence(
        "E22",
        "better informed weight adjustments",
        "With skips the gradients of examples oppose each other less.",
        (Part("C18a", "there is a norm"), Part("C18b", "there is none")),
    ),
)
