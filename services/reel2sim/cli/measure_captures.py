"""Capture folders of a bench, each under a label of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reel2sim.scene.digest import digest_tree
from reel2sim.scene.errors import UsageError


@dataclass(frozen=True)
class Capture:
    """A capture folder under a label that no other one has."""

    label: str
    folder: Path
    digest: str


def name_captures(
    folders: Sequence[Path], *, needs: Sequence[str], remedy: str, parents: int = 0
) -> tuple[Capture, ...]:
    """Label capture folders by their names, with their parents' where names are not enough.

    Args:
        folders: capture folders.
        needs: files that each must hold.
        remedy: how to make captures that hold them.
        parents: folders above it that every label names.

    Raises:
        UsageError: if a folder comes twice or lacks a file.
    """
    whole = [folder.resolve() for folder in folders]
    for folder, path in zip(folders, whole, strict=True):
        if whole.count(path) > 1:
            raise UsageError("comes twice", source=folder, field="captures")
        for name in needs:
            if not (path / name).is_file():
                raise UsageError(f"has no {name}", source=folder, remedy=remedy)
    depth = 1 + parents
    while len({path.parts[-depth:] for path in whole}) < len(whole):
        depth += 1
    return tuple(Capture("/".join(p.parts[-depth:]), p, digest_tree(p)) for p in whole)
