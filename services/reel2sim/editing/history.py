"""What a bundle remembers of the edits it was made by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reel2sim.editing.edits import Edit, edit_from
from reel2sim.editing.sources import scene_digest
from reel2sim.exporters.manifest import MANIFEST
from reel2sim.exporters.media import Edited, Provenance, StageRecord
from reel2sim.scene import Scene
from reel2sim.scene.errors import InputError


def read_edits(path: Path, *, base: Scene | None = None) -> list[Edit]:
    """Edits of a JSON file: a list of records, or the manifest of an edited bundle.

    Args:
        path: the file, or the bundle whose manifest it is.
        base: what they are to be made to; a manifest's must have been made to just that.

    Raises:
        InputError: if the file holds no edits, or those of another base.
        UsageError: if a record is no edit.
    """
    path = path / MANIFEST if path.is_dir() else path
    record = _json(path)
    if isinstance(record, dict):
        edited = record.get("edited")
        if not isinstance(edited, dict) or not isinstance(edited.get("edits"), list):
            raise InputError("records no edits", source=path, field="edited")
        if base is not None and edited.get("sha256") != scene_digest(base):
            raise InputError(
                f"its edits were made to {edited.get('source') or 'another scene'}",
                source=path,
                remedy="give what they were made to, or a plain list of edits",
            )
        record = edited["edits"]
    if not isinstance(record, list):
        raise InputError("is neither a list of edits nor a manifest", source=path)
    return [edit_from(entry) for entry in record]


def provenance_after(path: Path, base: Scene, edits: Sequence[Edit]) -> Provenance:
    """Provenance of what ``edits`` make of ``base``, which was opened from ``path``.

    What is known of where the base came from stays. If it was made by edits itself, these go
    before the new ones, and the origin of all is theirs.
    """
    manifest = path / MANIFEST if path.is_dir() else path.parent / MANIFEST
    known = _json(manifest) if manifest.is_file() and path.is_dir() else {}
    origin = _provenance(known if isinstance(known, dict) else {})
    new = tuple(edit.record() for edit in edits)
    before = origin.edited
    if before is None:
        edited = Edited(path.resolve().name, scene_digest(base), new)
    else:
        edited = replace(before, edits=(*before.edits, *new))
    return replace(origin, edited=edited)


def _provenance(record: Mapping[str, Any]) -> Provenance:
    """Of a manifest; what it lacks, or has in another form, is taken as unknown."""
    try:
        source, edited = record.get("input") or {}, record.get("edited")
        stages = [
            StageRecord(x["name"], x["version"], x["config"], metrics=x["metrics"])
            for x in record.get("stages", [])
        ]
        return Provenance(
            str(source.get("source") or ""),
            str(source.get("sha256") or ""),
            source.get("prompt"),
            int(record.get("seed") or 0),
            str(record.get("preset") or ""),
            tuple(stages),
            None
            if edited is None
            else Edited(edited["source"], edited["sha256"], tuple(edited["edits"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return Provenance()


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise InputError(f"is not JSON: {cause}", source=path) from cause
