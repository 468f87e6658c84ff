"""A network in two halves, so that the maps of the first and their gradients can be had without hooks."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Halves(nn.Module):
    """`body` gives maps (N, 6, 5, 5) of images (N, 3, 12, 12); an in-place activation and a head follow."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(True), nn.MaxPool2d(2), nn.BatchNorm2d(4))
        self.body.append(nn.Conv2d(4, 6, 3, padding=1))
        self.act, self.pool = nn.LeakyReLU(0.2, inplace=True), nn.AdaptiveAvgPool2d(2)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(24, 8), nn.ReLU(True), nn.Linear(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pool(self.act(self.body(x))))


class Case(NamedTuple):
    """A network, images and classes, and what CAMs combine: maps and the gradients of the classes' logits."""

    model: Halves
    images: Tensor
    target: Tensor
    activations: Tensor
    gradients: Tensor


def case(layer: str) -> Case:
    """In float64, for the layer "body" or "act"; both have values below zero, and slopes of both signs there."""
    torch.manual_seed(2)
    model, images, target = Halves().double().eval(), torch.randn(3, 3, 12, 12).double(), torch.tensor([2, 0, 3])
    with torch.no_grad():
        maps = model.body(images)
        maps = model.act(maps) if layer == "act" else maps
    maps.requires_grad_()
    behind = maps.clone() if layer == "act" else model.act(maps.clone())
    logits = model.head(model.pool(behind))
    (gradients,) = torch.autograd.grad(logits[torch.arange(3), target].sum(), maps)
    return Case(model, images, target, maps.detach(), gradients)
