"""The linear map of the picture readout: ridge regression from the pooled picture feature to text.

Rows are captioned pictures and, so that photographs are not forgotten among drawings, the classifier's own weight rows:
the direction of a class, laid at the distance from the mean at which pictures lie, with the text of that class.
"""

import torch
from torch import Tensor


def class_rows(classifier: Tensor, features: Tensor) -> Tensor:
    """One made-up feature for each class: the mean picture, moved along its weights as far as pictures spread."""
    mean = features.mean(dim=0)
    spread = (features - mean).norm(dim=1).mean()
    directions = classifier - classifier.mean(dim=0)
    return mean + spread * directions / directions.norm(dim=1, keepdim=True)


def ridge(features: Tensor, targets: Tensor, weights: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Weight (outputs, inputs) and bias of the least squares fit; ``penalty`` is in units of the mean variance."""
    features, targets, weights = features.double(), targets.double(), weights.double().unsqueeze(1)
    mean, target_mean = ((part * weights).sum(dim=0) / weights.sum() for part in (features, targets))
    centred = (features - mean) * weights.sqrt()
    gram = centred.T @ centred
    gram += penalty * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.double)
    weight = torch.linalg.solve(gram, centred.T @ ((targets - target_mean) * weights.sqrt())).T
    return weight.float(), (target_mean - weight @ mean).float()
