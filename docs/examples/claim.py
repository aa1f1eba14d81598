"""The claim about confidence (C24); save as lsgeo/study/claims/confidence.py."""

from lsgeo.study.claims.records import Claim, Hypothesis, Published
from lsgeo.study.contrasts.paired import Difference

C24 = Claim(
    "C24",
    "Confidence",
    "Skip connections make networks surer of their answers",
    (
        Hypothesis(
            "C24a",
            "At the same training loss a network with skips is surer on test examples",
            Difference("test_confidence", larger="with"),
            "mean of the largest class probability on test examples",
            "confidence is not higher with skips",
            readings=("matched", "end"),
            published=(
                Published(
                    "confidence of ResNet-110 lies far above its accuracy, that of LeNet does not (CIFAR-100)",
                    "Guo et al. 2017",
                ),
            ),
        ),
    ),
    protocol="Twins at the same training loss, on the test examples.",
    contested="Depth, width and weight decay change confidence too, without any skip.",
)
