"""Samples of a generated dataset as tensors, for PyTorch's ``DataLoader``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from reel2sim.dataset.loading import Item, Samples
from reel2sim.dataset.sample import JOINT_TYPES
from reel2sim.generation.truth import TrueJoint
from reel2sim.generation.view_truth import TruthFolder, ViewTruth
from reel2sim.pipeline.views import View, read_views
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import UsageError

LAYERS = tuple(ViewTruth.__dataclass_fields__)
_KINDS = {"part": np.int64, "hidden": np.bool_}


class TensorSamples(Dataset[dict[str, Any]]):
    """Samples as dictionaries of tensors of the same shape, so that they can be batched.

    Of each sample, with f pictures of the chosen streams in the order of the capture:

    - ``rgba`` ``(f, 4, h, w)`` float32, 0..1, straight alpha: the mask of the objects;
    - ``T_world_camera`` ``(f, 4, 4)``, ``K`` ``(f, 3, 3)``, ``times_s`` ``(f,)``: float32, OpenCV
      cameras, metres, seconds;
    - ``prompt``, ``index`` and ``motion`` of its row;
    - each layer of :class:`~reel2sim.generation.view_truth.ViewTruth` that is asked for, channels
      before rows: ``depth`` ``(f, h, w)``, ``part`` int64, ``normals`` ``(f, 3, h, w)``, ``flow``
      ``(f, 2, h, w)``, ``hidden`` bool;
    - with ``joints`` = n: ``joint_type`` ``(n,)`` int64, place in ``JOINT_TYPES`` or −1 where there
      is no further joint, ``joint_axis`` and ``joint_pivot`` ``(n, 3)``, ``joint_limits``
      ``(n, 2)``, ``joint_positions`` ``(n, t)`` at ``joint_times_s`` ``(t,)``, and
      ``joint_parent`` and ``joint_child`` ``(n,)`` int64, as numbers of the layer ``part``.
    """

    def __init__(
        self,
        samples: Samples,
        *,
        streams: Sequence[str] = (),
        layers: Sequence[str] = (),
        joints: int = 0,
    ) -> None:
        """Choose what to read.

        Args:
            samples: of one dataset.
            streams: of ``static``, ``orbit`` and ``front``; all if empty.
            layers: names of :class:`ViewTruth`'s fields.
            joints: most joints told of a sample; 0 tells none.

        Raises:
            UsageError: if there is no such layer.
        """
        for name in layers:
            if name not in LAYERS:
                raise UsageError(f"knows no {name!r}", field="layers", remedy=", ".join(LAYERS))
        self.samples = samples
        self.streams = tuple(streams)
        self.layers = tuple(layers)
        self.joints = joints

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.samples[index]
        views = read_views(item.folder)
        chosen = [i for i, view in enumerate(views) if self._wanted(view)]
        if not chosen:
            raise UsageError(f"has no pictures of {', '.join(self.streams)}", field="streams")
        return {
            **_pictures(item, [views[i] for i in chosen]),
            "prompt": item.row.prompt,
            "index": item.row.index,
            "motion": torch.tensor(item.row.motion, dtype=torch.float32),
            **(_layers(item.views, chosen, self.layers) if self.layers else {}),
            **(_joints(item, self.joints) if self.joints else {}),
        }

    def _wanted(self, view: View) -> bool:
        return not self.streams or view.name.split("/")[-2] in self.streams


def _pictures(item: Item, views: Sequence[View]) -> dict[str, Tensor]:
    pixels: list[Array] = []
    for view in views:
        with Image.open(item.folder / view.name) as picture:
            pixels.append(np.asarray(picture.convert("RGBA")).transpose(2, 0, 1))
    cameras = [view.camera for view in views]
    return {
        "rgba": torch.from_numpy(np.stack(pixels)).float() / 255.0,
        "T_world_camera": _float(np.stack([camera.T_world_camera for camera in cameras])),
        "K": _float(np.stack([camera.K for camera in cameras])),
        "times_s": _float(np.array([view.time_s for view in views])),
    }


def _layers(views: TruthFolder, chosen: Sequence[int], names: Sequence[str]) -> dict[str, Tensor]:
    shots = [views.view(i) for i in chosen]
    found: dict[str, Tensor] = {}
    for name in names:
        stacked = np.stack([getattr(shot, name) for shot in shots])
        stacked = np.moveaxis(stacked, 3, 1) if stacked.ndim == 4 else stacked
        kind = _KINDS.get(name, np.float32)
        found[name] = torch.from_numpy(np.ascontiguousarray(stacked, dtype=kind))
    return found


def _joints(item: Item, count: int) -> dict[str, Tensor]:
    truth = item.truth
    number = {name: i + 1 for i, name in enumerate(truth.parts)}
    some = truth.joints[:count]
    t = len(truth.times_s)

    def filled(rows: Sequence[Any], *shape: int, empty: float = 0.0) -> Array:
        full = np.full((count, *shape), empty)
        if rows:
            full[: len(rows)] = rows
        return full

    def whole(values: Sequence[int], empty: int) -> Tensor:
        return torch.from_numpy(filled(values, empty=empty).astype(np.int64))

    def kind(joint: TrueJoint) -> int:
        return JOINT_TYPES.index(joint.type.value)

    return {
        "joint_type": whole([kind(j) for j in some], -1),
        "joint_axis": _float(filled([j.axis for j in some], 3)),
        "joint_pivot": _float(filled([j.pivot for j in some], 3)),
        "joint_limits": _float(filled([j.limits for j in some], 2)),
        "joint_positions": _float(filled([j.positions for j in some], t)),
        "joint_times_s": _float(truth.times_s),
        "joint_parent": whole([number[j.parent] for j in some], 0),
        "joint_child": whole([number[j.child] for j in some], 0),
    }


def _float(values: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
