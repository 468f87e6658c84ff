"""Perturbation metrics: rank pixels, hide or show them step by step, watch the classifier's answer."""

from relprop.metrics.perturbation.metric import PerturbationMetric
from relprop.metrics.perturbation.protocol import PROTOCOLS, Protocol

__all__ = ["PROTOCOLS", "PerturbationMetric", "Protocol"]
