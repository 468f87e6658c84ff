"""Keep images and heatmaps as they are, for pictures of many runs together."""

import json
from collections.abc import Sequence
from pathlib import Path

import lightning as L
import torch
from safetensors.torch import save_file
from torch import Tensor

from relprop.callbacks.explain import Explain
from relprop.rows import Row, RowFile

PICTURES = "pictures.safetensors"
KINDS = ("best", "worst", "same")


class KeepPictures(L.Callback):
    """After the test: images and heatmaps in `folder`/pictures.safetensors.

    Three groups: "best" and "worst" are the `count` images with the best and the worst of the metric's last score, the
    very best and the very worst first; "same" are those of `explain`, evenly spread, the same for every method. Each
    has `GROUP.images`, uint8 (k, 3, H, W), `GROUP.heatmaps`, float32 (k, H, W), and `GROUP.indices`, positions in the
    test split, int64 (k,). A score that is neither good nor bad leaves the first two empty. The file's metadata have
    `class_names`, a JSON list.
    """

    def __init__(self, explain: Explain, rows: RowFile, folder: Path, count: int = 3) -> None:
        self.explain, self.rows, self.folder, self.count = explain, rows, folder, count

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Explain the chosen images once more."""
        rows = self.rows.read()
        metric = self.explain.metric
        score = metric.scores[-1]
        ranked = ranking(rows, score, metric.better[score])
        places = {
            "best": ranked[: self.count],
            "worst": ranked[::-1][: self.count],
            "same": [picture.position for picture in self.explain.pictures],
        }
        kept = {}
        for kind, group in places.items():
            for name, values in self._explained([rows[place] for place in group], pl_module.device).items():
                kept[f"{kind}.{name}"] = values
        names = json.dumps(self.explain.data.class_names)
        save_file(kept, self.folder / PICTURES, metadata={"class_names": names})

    def _explained(self, rows: Sequence[Row], device: torch.device) -> dict[str, Tensor]:
        data = self.explain.data
        if not rows:
            size = data.image_size
            empty = {"images": torch.zeros(0, 3, size, size, dtype=torch.uint8), "heatmaps": torch.zeros(0, size, size)}
            return {**empty, "indices": torch.zeros(0, dtype=torch.int64)}
        batch = data.split("test").__getitems__([row["index"] for row in rows])
        moved = batch._replace(images=batch.images.to(device), indices=batch.indices.to(device))
        images = data.on_after_batch_transfer(moved).images
        target = torch.tensor([row["target"] for row in rows], device=device)
        heatmaps = self.explain.explain(images, target, moved.indices)
        shown = (data.denormalize(images) * 255).round().byte()
        return {"images": shown.cpu(), "heatmaps": heatmaps.float().cpu().contiguous(), "indices": batch.indices}


def ranking(rows: Sequence[Row], score: str, better: str) -> list[int]:
    """Places of the rows that have this score, the best first, equal ones in their order.

    Of a score that is neither good nor bad there are none.
    """
    sign = {"higher": -1, "lower": 1}.get(better)
    if sign is None:
        return []
    there = [place for place, row in enumerate(rows) if row[score] is not None]
    return sorted(there, key=lambda place: sign * rows[place][score])
