"""What the methods share that show masked copies of an image to the classifier."""

import torch
from torch import Tensor

from relprop.classifier import Classifier
from relprop.errors import UserError

MASKED_BATCH = 8  # on CPUs the fastest, since their caches hold the feature maps of so many pictures


def masked_logits(classifier: Classifier, image: Tensor, masks: Tensor) -> Tensor:
    """Logits (m, classes), float32, of x ⊙ M for every mask M (m, H, W) in [0, 1]; x (C, H, W) is a normalised image.

    Where a mask is 0, the picture is 0 after normalisation, the mean colour of the data set.
    """
    batch = image.unsqueeze(0).contiguous(memory_format=torch.channels_last)  # and the products with it
    return classifier(batch * masks.unsqueeze(1).to(image.dtype))


def check_finite(maps: Tensor, classifier: Classifier) -> Tensor:
    """The maps as they are. Raises `UserError` if answers of the classifier have made them NaN or infinite."""
    if not maps.isfinite().all():
        raise UserError(
            f"the classifier gives NaN or infinite answers in {classifier.dtype_name}; choose dtype=bfloat16 or "
            "float32, or mend the model"
        )
    return maps
