"""What the scripts do: build from a config, run, write results."""

from relprop.experiment.explaining import visualize
from relprop.experiment.training import train

__all__ = ["train", "visualize"]
