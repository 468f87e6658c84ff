"""Every protocol once more, slowly: loops over points, patches and pixels, one picture at a time."""

import math

import cv2
import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torchvision.transforms import Normalize

from relprop.metrics import Protocol
from relprop.seeding import image_generator


def squares(height: int, width: int, patch: int) -> list[list[tuple[int, int]]]:
    """The pixels of every patch."""
    return [
        [(r, c) for r in range(top, min(top + patch, height)) for c in range(left, min(left + patch, width))]
        for top in range(0, height, patch)
        for left in range(0, width, patch)
    ]


def counts(protocol: Protocol, patches: int) -> list[int]:
    """How many patches have flipped at point 0, 1, 2, …"""
    step = protocol.step or max(1, round(patches * (protocol.share or 0)))
    numbers, t = [0], 0
    while numbers[-1] < patches and (protocol.steps is None or t < protocol.steps):
        t += 1
        if protocol.schedule == "growing":
            numbers.append(min(numbers[-1] + (2 * t - 1) * step, patches))
        elif protocol.schedule == "number":
            numbers.append(round(t * patches / min(protocol.steps, patches)))
        else:
            numbers.append(min(numbers[-1] + step, patches))
    return numbers


def flipped(protocol: Protocol, order: str, image: Tensor, heatmap: Tensor, seed: int) -> list[set[tuple[int, int]]]:
    """The pixels that have flipped at every point."""
    groups = squares(*heatmap.shape, protocol.patch)
    gather = max if protocol.patch_relevance == "max" else lambda values: np.float32(torch.tensor(list(values)).sum())
    value = [gather([heatmap[r, c].item() for r, c in group]) for group in groups]
    if order == "random":
        value = torch.rand(len(groups), generator=image_generator(image, seed, "order")).tolist()
    if order == "lerf":
        value = [-v for v in value]
    ranked = sorted(range(len(groups)), key=lambda i: (-value[i], i))
    numbers = counts(protocol, len(groups))
    if protocol.ties == "together":
        thresholds = [value[ranked[min(k, len(groups) - 1)]] for k in numbers[1:]]
        chosen = [[i for i in ranked if value[i] >= threshold] for threshold in thresholds]
        chosen = [[], *chosen]
    else:
        chosen = [ranked[:k] for k in numbers]
    points = [{pixel for i in patches for pixel in groups[i]} for patches in chosen]
    return points if protocol.begins else points[1:]


def filled(fill: str, image: Tensor, mean: Tensor, std: Tensor, seed: int) -> Tensor:
    """What pixels become, for fills that do not look at what is hidden: (C, H, W)."""
    if fill == "black":
        return ((0 - mean) / std).expand_as(image)
    if fill == "white":
        return ((1 - mean) / std).expand_as(image)
    if fill in ("zero", "mean"):
        return torch.zeros_like(image)
    if fill == "image_mean":
        return image.mean((1, 2), keepdim=True).expand_as(image)
    if fill == "uniform":
        return (torch.rand(image.shape, generator=image_generator(image, seed, "noise")) - mean) / std
    point = np.zeros((11, 11))
    point[5, 5] = 1
    kernel = torch.from_numpy(gaussian_filter(point, 5)).float()
    padded, blurred = torch.zeros(len(image), image.shape[1] + 10, image.shape[2] + 10), torch.zeros_like(image)
    padded[:, 5:-5, 5:-5] = image
    for r in range(image.shape[1]):
        for c in range(image.shape[2]):
            blurred[:, r, c] = (padded[:, r : r + 11, c : c + 11] * kernel).sum((1, 2))
    return blurred


def inpainted(image: Tensor, pixels: set[tuple[int, int]], mean: Tensor, std: Tensor) -> Tensor:
    """As Bermúdez Schettino's code: cut to 8 bits, inpaint, normalise."""
    m, s = mean.double().flatten().tolist(), std.double().flatten().tolist()
    m, s = [round(v, 6) for v in m], [round(v, 6) for v in s]  # the caller's decimals
    denormalised = Normalize([-a / b for a, b in zip(m, s, strict=True)], [1 / b for b in s])(image)
    eight = (denormalised.clamp(0, 1) * 255).to(torch.uint8).permute(1, 2, 0).numpy()
    mask = np.zeros(image.shape[1:], dtype=np.uint8)
    for r, c in pixels:
        mask[r, c] = 1
    done = cv2.inpaint(np.ascontiguousarray(eight), mask, 3, cv2.INPAINT_TELEA)
    return (torch.from_numpy(done).permute(2, 0, 1).float() / 255 - mean) / std


def score(protocol: Protocol, model: nn.Module, picture: Tensor, target: int) -> float:
    with torch.no_grad():
        logits = model(picture.unsqueeze(0))[0].double()
    if protocol.score == "logit":
        return logits[target].item()
    p = logits.softmax(0)[target].item()
    return p if protocol.score == "probability" else math.log(p) - math.log(1 - p)


def curve(
    protocol: Protocol, name: str, model: nn.Module, images: Tensor, i: int, heatmap: Tensor, target: int, **options
) -> list[float]:
    """The curve `name` of image i of a batch; options: mean, std (C, 1, 1), seed."""
    image, fill = images[i], protocol.fills[name]
    order = name if name in ("lerf", "random") else "morf"
    mean, std, seed = options["mean"], options["std"], options["seed"]
    everything, values, now = {(r, c) for group in squares(*heatmap.shape, 1) for r, c in group}, [], image
    for pixels in flipped(protocol, order, image, heatmap, seed):
        hidden = everything - pixels if name == "insertion" else pixels
        if fill == "telea_chain":
            now = picture = inpainted(now, hidden, mean, std) if hidden else image
        else:
            if fill == "telea":
                other = torch.zeros_like(image) if hidden == everything else inpainted(image, hidden, mean, std)
            else:
                other = filled(fill, image, mean, std, seed)
            picture = image.clone()
            for r, c in hidden:
                picture[:, r, c] = other[:, r, c]
        values.append(score(protocol, model, picture, target))
    if protocol.ends:
        middle = (images.min() + images.max()) / 2
        values.append(score(protocol, model, middle.expand_as(image), target))
    return values


def area(protocol: Protocol, values: list[float], patches: int) -> float:
    if protocol.area == "aopc":
        return sum(values[0] - value for value in values) / len(values)
    if protocol.area == "points":
        return (sum(values) - values[0] / 2 - values[-1] / 2) / (len(values) - 1)
    x = [k / patches for k in counts(protocol, patches)]
    x += [1.0] if protocol.ends else []
    steps = range(len(values) - 1)
    return sum((values[i] + values[i + 1]) / 2 * (x[i + 1] - x[i]) for i in steps) / (x[-1] - x[0])
