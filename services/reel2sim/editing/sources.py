"""What edits bring into a scene from outside, found again by its digest."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reel2sim.pipeline.opening import READABLE, open_scene
from reel2sim.scene import Scene
from reel2sim.scene.digest import digest_file
from reel2sim.scene.errors import NotFoundError
from reel2sim.scene.store import save_scene


@dataclass
class Sources:
    """Scenes and files by digest. An edit names what it needs so, and not by a path.

    Attributes:
        scenes: by :func:`scene_digest`.
        files: meshes and splats, by sha256 of their bytes.
    """

    scenes: dict[str, Scene] = field(default_factory=dict[str, Scene])
    files: dict[str, Path] = field(default_factory=dict[str, Path])

    @classmethod
    def of(
        cls,
        paths: Iterable[Path],
        *,
        roots: Sequence[Path] = (),
        packages: Mapping[str, Path] | None = None,
    ) -> Sources:
        """What is at ``paths``."""
        found = cls()
        for path in paths:
            found.add(path, roots=roots, packages=packages)
        return found

    def add(
        self,
        path: Path,
        *,
        roots: Sequence[Path] = (),
        packages: Mapping[str, Path] | None = None,
    ) -> str:
        """Take in what is at ``path`` and return its digest: a scene if it can be one."""
        if path.is_dir() or path.suffix.lower() in READABLE:
            return self.add_scene(path, roots=roots, packages=packages)
        return self.add_file(path)

    def add_scene(
        self,
        path: Path,
        *,
        roots: Sequence[Path] = (),
        packages: Mapping[str, Path] | None = None,
    ) -> str:
        """Open the scene at ``path`` and return its digest."""
        scene = open_scene(path, roots=roots, packages=packages)
        digest = scene_digest(scene)
        self.scenes[digest] = scene
        return digest

    def add_file(self, path: Path) -> str:
        """Remember the file at ``path`` and return its digest.

        Raises:
            NotFoundError: if there is none.
        """
        if not path.is_file():
            raise NotFoundError("is no file", source=path)
        digest = digest_file(path)
        self.files[digest] = path
        return digest

    def scene(self, digest: str, name: str) -> Scene:
        """The scene of a digest.

        Raises:
            NotFoundError: if it is not among the sources.
        """
        if digest not in self.scenes:
            raise _absent(digest, name)
        return self.scenes[digest]

    def file(self, digest: str, name: str) -> Path:
        """The file of a digest.

        Raises:
            NotFoundError: if it is not among the sources.
        """
        if digest not in self.files:
            raise _absent(digest, name)
        return self.files[digest]


def _absent(digest: str, name: str) -> NotFoundError:
    return NotFoundError(
        f"is not among the sources (sha256 {digest[:12]}…)",
        source=name or digest,
        remedy="give the file or bundle that the edit was made with",
    )


def scene_digest(scene: Scene) -> str:
    """sha256 of a scene's content, whatever file it came from."""
    with tempfile.TemporaryDirectory(prefix="reel2sim-") as scratch:
        path = Path(scratch) / "scene.npz"
        save_scene(path, scene)
        return digest_file(path)
