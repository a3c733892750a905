"""What is true of every picture: depth, parts, normals, flow, poses and joint positions.

On disk it is a folder ``truth`` beside ``truth.json``: ``index.json`` names a file for each picture
of the capture, in the order of its ``transforms.json``. All is exact, at the centres of pixels,
before any sensor effect. World frame, metres, radians.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from reel2sim.generation.archive import write_arrays
from reel2sim.generation.truth import Truth
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import InputError
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.transforms import apply, invert

if TYPE_CHECKING:
    from reel2sim.rendering import Geometry, Model

FOLDER = "truth"
_INDEX = "index.json"
_VERSION = 1
_NEARER = 3e-3
"""What hides a point is nearer than it by this share of its depth."""


@dataclass(frozen=True, eq=False)
class ViewTruth:
    """What is true of one picture.

    Attributes:
        depth: along the optical axis ``(h, w)`` float32, metres; 0 where nothing is.
        part: 1 + the index of the part in ``parts`` ``(h, w)``; 0 on scenery and where nothing is.
        normals: of the surface, towards the camera ``(h, w, 3)`` float16, world; zero where nothing
            is.
        flow: where the point seen here is in the stream's next picture, minus where it is here
            ``(h, w, 2)`` float32, pixels to the right and down; NaN where nothing is, where the
            point goes behind the camera, and in the last picture of a stream.
        hidden: whether the next picture does not show that point, as it leaves the picture or
            something else comes before it ``(h, w)`` bool; false where the flow is NaN.
    """

    depth: Array
    part: Array
    normals: Array
    flow: Array
    hidden: Array


@dataclass(frozen=True, eq=False)
class StoredView(ViewTruth):
    """What a file says of one picture.

    Attributes:
        part_poses: ``T_world_part`` by part ``(4, 4)``, metres.
        joint_positions: by joint, radians or metres, relative to the first instant.
    """

    part_poses: Mapping[str, Array]
    joint_positions: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Take:
    """How a picture was taken.

    Attributes:
        stream: name of its camera stream.
        instant: index of its time.
        camera: from where.
    """

    stream: str
    instant: int
    camera: Camera


class ViewTruths(Protocol):
    """What is true of the pictures of a reel, in the order of its frames."""

    @property
    def takes(self) -> Sequence[Take]:
        """How each picture was taken."""
        ...

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts, in the order of their numbers, which start at 1."""
        ...

    def view(self, index: int) -> ViewTruth:
        """What is true of the picture of that index."""
        ...


class FilmedTruth:
    """What is true of pictures of a model that moves rigidly; worked out on demand."""

    def __init__(
        self, model: Model, poses: Sequence[Array], takes: Sequence[Take], parts: tuple[str, ...]
    ) -> None:
        """Keep what pictures were made of.

        Args:
            model: what was drawn; its meshes number parts from 1, scenery is 0, and what moves
                besides has negative numbers, each its own.
            poses: ``T_world_part`` of each mesh ``(t, 4, 4)``; scenery stands still.
            takes: one for each picture.
            parts: their names.
        """
        self._model = model
        self._poses = tuple(poses)
        self._of_part = {m.part: T for m, T in zip(model.meshes, poses, strict=True)}
        self._kept: dict[int, Geometry] = {}
        self.takes: Sequence[Take] = tuple(takes)
        self.parts = parts

    def view(self, index: int) -> ViewTruth:
        """Depth, parts, normals and flow of a picture."""
        here, seen = self.takes[index], self._geometry(index)
        flow = np.full((*seen.depth.shape, 2), np.nan)
        hidden = np.zeros(seen.depth.shape, bool)
        follower = self._next(index)
        if follower is not None:
            rows, columns = np.nonzero(seen.depth)
            pixels = np.stack([columns, rows], axis=1) + 0.5
            points = here.camera.unproject(pixels, seen.depth[rows, columns])
            there = self.takes[follower]
            moved = self._moved(points, seen.part[rows, columns], here.instant, there.instant)
            uv, depth = there.camera.project(moved)
            ahead = depth > 0
            flow[rows, columns] = np.where(ahead[:, None], uv - pixels, np.nan)
            hidden[rows, columns] = ahead & _covered(uv, depth, self._geometry(follower).depth)
        return ViewTruth(
            seen.depth.astype(np.float32),
            np.maximum(seen.part, 0).astype(np.uint8 if len(self.parts) < 256 else np.uint16),
            seen.normals.astype(np.float16),
            flow.astype(np.float32),
            hidden,
        )

    def _next(self, index: int) -> int | None:
        stream = self.takes[index].stream
        later = (k for k in range(index + 1, len(self.takes)) if self.takes[k].stream == stream)
        return next(later, None)

    def _moved(self, points: Array, parts: Array, start: int, stop: int) -> Array:
        """Where points ``(n, 3)`` of parts ``(n,)`` at one instant are at another."""
        moved = points.copy()
        for part in np.unique(parts):
            own, T = parts == part, self._of_part[int(part)]
            moved[own] = apply(T[stop] @ invert(T[start]), points[own])
        return moved

    def depth(self, camera: Camera, instant: int) -> Array:
        """Depth ``(h, w)`` as any camera sees it, metres; infinite where nothing is."""
        depth = self._seen(camera, instant).depth
        return np.where(depth > 0, depth, np.inf)

    def _geometry(self, index: int) -> Geometry:
        if index not in self._kept:
            take = self.takes[index]
            while len(self._kept) > 1:
                self._kept.pop(next(iter(self._kept)))
            self._kept[index] = self._seen(take.camera, take.instant)
        return self._kept[index]

    def _seen(self, camera: Camera, instant: int) -> Geometry:
        from reel2sim.rendering import Lights

        dark = Lights((), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
        return self._model.posed([T[instant] for T in self._poses], dark).geometry(camera)


def _covered(uv: Array, depth: Array, shown: Array) -> Array:
    """Whether points at ``uv`` ``(n, 2)`` are outside a picture or behind all that it shows there.

    Args:
        uv: pixels.
        depth: of the points ``(n,)``, metres.
        shown: depth of the picture ``(h, w)``; 0 where nothing is.
    """
    height, width = shown.shape
    outside = (uv < 0).any(axis=1) | (uv[:, 0] >= width) | (uv[:, 1] >= height)
    behind = ~outside
    near = np.where(shown > 0, shown, np.inf)
    corner = np.floor(np.where(outside[:, None], 0.0, uv) - 0.5).astype(int)
    for dx in (0, 1):
        for dy in (0, 1):
            column = np.clip(corner[:, 0] + dx, 0, width - 1)
            row = np.clip(corner[:, 1] + dy, 0, height - 1)
            behind &= near[row, column] < depth * (1 - _NEARER)
    return outside | behind


def write_views(
    truth: Truth, views: ViewTruths, folder: Path, *, progress: Progress = silent
) -> None:
    """Write ``folder/truth`` with a file for each picture; the same truth gives the same bytes.

    Args:
        truth: of the same reel.
        views: what is true of its pictures.
        folder: of the capture.
        progress: told after each.
    """
    root = folder / FOLDER
    root.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    entries: list[dict[str, Any]] = []
    for index, take in enumerate(views.takes):
        number = counts.setdefault(take.stream, 0)
        counts[take.stream] += 1
        file = f"{take.stream}/{number:04d}.npz"
        (root / take.stream).mkdir(exist_ok=True)
        view = views.view(index)
        arrays = {name: getattr(view, name) for name in ViewTruth.__dataclass_fields__}
        poses = [truth.link_poses[name][take.instant] for name in truth.parts]
        arrays["part_poses"] = np.stack(poses)
        arrays["joint_positions"] = np.array([j.positions[take.instant] for j in truth.joints])
        write_arrays(root / file, arrays)
        entries.append(
            {"file": file, "stream": take.stream, "time": float(truth.times_s[take.instant])}
        )
        progress("truth", (index + 1) / len(views.takes), file)
    record = {
        "version": _VERSION,
        "index_parts": list(views.parts),
        "pose_parts": list(truth.parts),
        "joints": [joint.name for joint in truth.joints],
        "views": entries,
    }
    (root / _INDEX).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True, eq=False)
class TruthFolder:
    """What is true of the pictures of a capture, read when asked for.

    Attributes:
        root: the folder ``truth``.
        parts: names of the parts in the order of their numbers in ``part``, which start at 1.
        pose_parts: names of the parts that have poses.
        joints: names of the joints.
        files: of each picture, in the order of the capture's frames.
        streams: of each picture.
        times_s: of each picture, seconds.
    """

    root: Path
    parts: tuple[str, ...]
    pose_parts: tuple[str, ...]
    joints: tuple[str, ...]
    files: tuple[str, ...]
    streams: tuple[str, ...]
    times_s: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[StoredView]:
        return (self.view(index) for index in range(len(self)))

    def view(self, index: int) -> StoredView:
        """What is true of the picture of that index.

        Raises:
            InputError: if its file is missing or malformed.
        """
        path = self.root / self.files[index]
        try:
            with np.load(path, allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in ViewTruth.__dataclass_fields__}
                poses, positions = arrays["part_poses"], arrays["joint_positions"]
            shape = found["depth"].shape
            if len(shape) != 2 or any(a.shape[:2] != shape for a in found.values()):
                raise ValueError("its pictures differ in size")
            return StoredView(
                **found,
                part_poses=dict(zip(self.pose_parts, poses, strict=True)),
                joint_positions=dict(zip(self.joints, positions.tolist(), strict=True)),
            )
        except OSError as cause:
            raise InputError(f"cannot be read: {cause}", source=path) from cause
        except (ValueError, KeyError, TypeError, zipfile.BadZipFile) as cause:
            raise InputError(f"is not the truth of a picture: {cause}", source=path) from cause


def load_views(folder: Path) -> TruthFolder:
    """Open what :func:`write_views` wrote into a capture folder.

    Raises:
        InputError: if it is missing or malformed.
    """
    root = folder / FOLDER
    path = root / _INDEX
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["version"] != _VERSION:
            raise ValueError(f"version {record['version']}, expected {_VERSION}")
        files = tuple(str(view["file"]) for view in record["views"])
        if any(not (root / file).resolve().is_relative_to(root.resolve()) for file in files):
            raise ValueError("it names a file outside of its folder")
        return TruthFolder(
            root,
            tuple(map(str, record["index_parts"])),
            tuple(map(str, record["pose_parts"])),
            tuple(map(str, record["joints"])),
            files,
            tuple(str(view["stream"]) for view in record["views"]),
            tuple(float(view["time"]) for view in record["views"]),
        )
    except OSError as cause:
        raise InputError(f"cannot be read: {cause}", source=path) from cause
    except (ValueError, KeyError, TypeError) as cause:
        raise InputError(f"is not an index of truths: {cause}", source=path) from cause
