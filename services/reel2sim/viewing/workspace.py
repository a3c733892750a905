"""A scene with the edits that were made to it: undone, made again, and saved."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reel2sim.editing.edits import Add, Edit
from reel2sim.scene import Progress, Scene, silent
from reel2sim.scene.errors import UsageError

if TYPE_CHECKING:
    from reel2sim.editing.sources import Sources

_NAME = re.compile(r"[\w][\w .+-]{0,99}\Z")


class Workspace:
    """Edits of one scene, in order.

    Args:
        base: what the edits are made to.
        path: where it was opened from.
        first: edits that belong to it and are not undone, such as what was opened beside it.
        sources: what edits bring in.
    """

    def __init__(
        self,
        base: Scene,
        path: Path,
        *,
        first: Sequence[Edit] = (),
        sources: Sources | None = None,
    ) -> None:
        self._base, self._path, self._sources = base, path, sources
        self._first = tuple(first)
        self._scenes = [self._after(base, self._first) if self._first else base]
        self._edits: list[Edit] = []
        self._undone: list[tuple[Edit, Scene]] = []

    @classmethod
    def open(cls, paths: Sequence[Path]) -> Workspace:
        """The scene at the first path, with what is at the others beside it.

        Raises:
            NotFoundError: if there is nothing at a path.
            BundleError: if a folder is no bundle.
            InputError: if a file holds no asset or scene.
        """
        from reel2sim.pipeline.opening import open_scene

        base = open_scene(paths[0])
        if len(paths) == 1:
            return cls(base, paths[0])
        from reel2sim.editing.sources import Sources

        sources = Sources()
        added = [Add(source=sources.add_scene(path), name=path.name) for path in paths[1:]]
        return cls(base, paths[0], first=added, sources=sources)

    @property
    def scene(self) -> Scene:
        """The scene after all edits."""
        return self._scenes[-1]

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What was changed, and not undone."""
        return tuple(self._edits)

    @property
    def undone(self) -> tuple[Edit, ...]:
        """What can be made again, the next one last."""
        return tuple(edit for edit, _ in self._undone)

    def make(self, edit: Edit) -> Scene:
        """The scene after one more edit; what was undone before is forgotten.

        Raises:
            UsageError: if the edit cannot be made; nothing changes then.
            NotFoundError: if it names what is not there.
        """
        scene = self._after(self.scene, [edit])
        self._edits.append(edit)
        self._scenes.append(scene)
        self._undone.clear()
        return scene

    def undo(self) -> Scene:
        """The scene without its last edit; as it is if there is none."""
        if self._edits:
            self._undone.append((self._edits.pop(), self._scenes.pop()))
        return self.scene

    def redo(self) -> Scene:
        """The scene with the last undone edit made again; as it is if there is none."""
        if self._undone:
            edit, scene = self._undone.pop()
            self._edits.append(edit)
            self._scenes.append(scene)
        return self.scene

    def save(self, folder: Path, name: str, *, progress: Progress = silent) -> Path:
        """Write the scene as a bundle called ``name`` in ``folder``; its manifest has the edits.

        Raises:
            UsageError: if ``name`` is more than the name of a folder.
            ConflictError: if something of that name is there.
            ExportError: if it cannot be written.
        """
        from reel2sim.editing.history import provenance_after
        from reel2sim.pipeline.publish import publish_scene

        # Whoever reaches the port types this name: it must not lead out of the folder.
        if not _NAME.match(name) or name.strip(" .") != name:
            raise UsageError(
                f"{name!r} is no name of a bundle", field="name", remedy="use letters and digits"
            )
        out = folder / name
        edits = (*self._first, *self._edits)
        provenance = provenance_after(self._path, self._base, edits)
        publish_scene(self.scene, out, provenance=provenance, progress=progress)
        return out

    def _after(self, scene: Scene, edits: Sequence[Edit]) -> Scene:
        from reel2sim.editing.apply import edited

        return edited(scene, edits, sources=self._sources)
