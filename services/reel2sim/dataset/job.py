"""What a dataset is made of: one job for each object that can be found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reel2sim.dataset.recipe import Recipe
from reel2sim.exporters.bundle import ASSET_FILE
from reel2sim.exporters.scene_bundle import SCENE_FILE
from reel2sim.pipeline.opening import DESCRIPTIONS, READABLE
from reel2sim.scene.digest import digest_bytes, digest_config, digest_file
from reel2sim.scene.errors import UsageError

VERSION = 1
"""Raised when the same object and recipe give other files."""


@dataclass(frozen=True, kw_only=True)
class ObjectJob:
    """One object to draw.

    Attributes:
        id: of the object, without dots, so that it can be the key of a sample.
        source: bundle folder or file, absolute.
        content: sha256 of the file that describes it; "" if it cannot be read.
        recipe: of the dataset.
        roots: folders that a description may read besides its own.
        packages: folder of each ROS package that a URDF names.
    """

    id: str
    source: str
    content: str
    recipe: Recipe
    roots: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def digest(self) -> str:
        """sha256 of what is asked for."""
        return digest_config("object", VERSION, self.id, self.content, self.recipe)


def find_jobs(
    inputs: Sequence[Path],
    recipe: Recipe,
    *,
    roots: Sequence[Path] = (),
    packages: Mapping[str, Path] | None = None,
) -> tuple[tuple[ObjectJob, ...], tuple[Path, ...]]:
    """A job for each object, in the order of ids, and the inputs that are there twice.

    An object is named by its file or folder and by what is in it, so that it keeps its name
    whatever else is given and wherever it lies.

    Args:
        inputs: bundles, files, and folders that are searched for both; of ``.xml`` files in them
            only those of MuJoCo are taken.
        recipe: of the dataset.
        roots: folders that descriptions may read besides their own.
        packages: folder of each ROS package that a URDF names.

    Raises:
        UsageError: if there is no object.
    """
    jobs: dict[str, ObjectJob] = {}
    twice: list[Path] = []
    named = {name: str(folder.absolute()) for name, folder in (packages or {}).items()}
    for path in (found for given in inputs for found in _objects(given)):
        content = _content(path)
        # What cannot be read still gets a job, whose failure says why.
        mark = content or digest_bytes(str(path.absolute()).encode())
        name = re.sub(r"[^A-Za-z0-9_]+", "_", path.resolve().stem).strip("_")[:64] or "object"
        identity = f"{name}-{mark[:8]}"
        if identity in jobs:
            twice.append(path)
            continue
        jobs[identity] = ObjectJob(
            id=identity,
            source=str(path.absolute()),
            content=content,
            recipe=recipe,
            roots=tuple(str(root.absolute()) for root in roots),
            packages=named if path.suffix.lower() == ".urdf" else {},
        )
    if not jobs:
        raise UsageError(
            "holds no object",
            source="dataset",
            field="inputs",
            remedy=f"name bundles, files of {', '.join(READABLE)}, or folders of them",
        )
    return tuple(jobs[identity] for identity in sorted(jobs)), tuple(twice)


def _objects(given: Path) -> Iterator[Path]:
    """``given`` itself, or the objects under a folder that is no bundle, in order."""
    if not given.is_dir() or _is_bundle(given):
        yield given
        return
    for path in sorted(given.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _objects(path)
        elif path.suffix.lower() in DESCRIPTIONS and _is_model(path):
            yield path


def _is_bundle(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (SCENE_FILE, ASSET_FILE))


def _is_model(path: Path) -> bool:
    if path.suffix.lower() != ".xml":
        return True
    try:
        with path.open("rb") as stream:
            return b"<mujoco" in stream.read(65536)
    except OSError:
        return True


def _content(path: Path) -> str:
    """sha256 of the file itself, or of a bundle's asset."""
    if path.is_dir():
        path = next((path / n for n in (SCENE_FILE, ASSET_FILE) if (path / n).is_file()), path)
    try:
        return digest_file(path)
    except OSError:
        return ""
