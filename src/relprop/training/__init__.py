"""Train classifiers with Lightning."""

from relprop.training.classifier import Classifier
from relprop.training.optimizers import OPTIMIZERS, SCHEDULERS
from relprop.training.precision import resolve_precision
from relprop.training.predictor import Predictor

__all__ = ["OPTIMIZERS", "SCHEDULERS", "Classifier", "Predictor", "resolve_precision"]
