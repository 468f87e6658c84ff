"""What the scripts do: build from a config, run, write results."""

from relprop.experiment.explaining import visualize
from relprop.experiment.photographs import explain_photos
from relprop.experiment.training import train

__all__ = ["explain_photos", "train", "visualize"]
