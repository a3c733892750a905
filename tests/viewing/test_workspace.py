"""Edits are undone, made again, and saved with what made them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reel2sim.editing import MakeOf, Recolor, Remove, Scale, SetGravity, scene_digest
from reel2sim.pipeline.opening import open_scene
from reel2sim.scene.errors import BundleError, ConflictError, NotFoundError, UsageError
from reel2sim.viewing.workspace import Workspace

EDITS = (
    Recolor(target="chest/link1", color=(0.9, 0.1, 0.1)),
    Scale(target="chest", factor=1.5),
    MakeOf(target="chest", material="steel"),
    SetGravity(gravity=(0.0, 0.0, -1.6)),
)


def test_undo_restores_and_redo_repeats(bundle: Path) -> None:
    work = Workspace.open([bundle])
    scenes = [work.scene, *(work.make(edit) for edit in EDITS)]
    assert len({scene_digest(scene) for scene in scenes}) == len(scenes)
    for before in reversed(scenes[:-1]):
        assert work.undo() is before
    assert work.edits == ()
    assert work.undo() is scenes[0]
    for after in scenes[1:]:
        assert work.redo() is after
    assert work.redo() is scenes[-1]
    assert work.edits == EDITS


def test_a_new_edit_forgets_what_was_undone(bundle: Path) -> None:
    work = Workspace.open([bundle])
    work.make(EDITS[0])
    work.undo()
    work.make(EDITS[1])
    assert work.undone == ()
    assert work.edits == (EDITS[1],)


def test_an_edit_that_cannot_be_made_changes_nothing(bundle: Path) -> None:
    work = Workspace.open([bundle])
    before = work.scene
    with pytest.raises(NotFoundError):
        work.make(Remove(target="nobody"))
    assert work.scene is before
    assert work.edits == ()


def test_what_is_saved_opens_as_what_was_seen(bundle: Path, tmp_path: Path) -> None:
    work = Workspace.open([bundle])
    for edit in EDITS[:2]:
        work.make(edit)
    out = work.save(tmp_path, "larger")
    assert out == tmp_path / "larger"
    for time_s in (0.0, 0.7):
        seen, saved = (scene.surfels_at(time_s) for scene in (work.scene, open_scene(out)))
        np.testing.assert_allclose(saved.means, seen.means, atol=1e-6)
        np.testing.assert_allclose(saved.sh, seen.sh, atol=1e-5)
    record = json.loads((out / "manifest.json").read_text())["edited"]
    assert record["edits"] == [edit.record() for edit in EDITS[:2]]
    with pytest.raises(ConflictError):
        work.save(tmp_path, "larger")


@pytest.mark.parametrize("name", ["../out", "a/b", "", ".", "..", ".hidden", "a\\b", "x\0", " x"])
def test_names_lead_nowhere_else(bundle: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        Workspace.open([bundle]).save(tmp_path, name)
    assert not any(tmp_path.iterdir())


def test_several_bundles_stand_beside_each_other(bundle: Path, tmp_path: Path) -> None:
    work = Workspace.open([bundle, bundle])
    assert len(work.scene.names) == len(set(work.scene.names)) == 2
    assert work.undo().names == work.scene.names
    saved = work.save(tmp_path, "pair")
    assert open_scene(saved).names == work.scene.names


def test_a_folder_that_is_no_bundle_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="has neither"):
        Workspace.open([tmp_path])
