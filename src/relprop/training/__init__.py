"""Train classifiers with Lightning."""

from relprop.training.classifier import Classifier
from relprop.training.optimizers import OPTIMIZERS
from relprop.training.precision import resolve_precision
from relprop.training.predictor import Predictor
from relprop.training.recipe import Recipe
from relprop.training.schedulers import SCHEDULERS

__all__ = ["OPTIMIZERS", "SCHEDULERS", "Classifier", "Predictor", "Recipe", "resolve_precision"]
