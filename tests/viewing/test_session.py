"""What is shown follows time, joints and edits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reel2sim.editing import Move, Recolor, Remove, SetJoint
from reel2sim.viewing.session import Session
from reel2sim.viewing.workspace import Workspace


def session_of(bundle: Path) -> Session:
    return Session(Workspace.open([bundle]))


def test_seeking_is_held_to_the_motion(bundle: Path) -> None:
    session = session_of(bundle)
    asset = session.assets["chest"]
    for wanted, held in ((-3.0, 0.0), (0.4, 0.4), (9.0, 1.0)):
        session.seek(wanted)
        assert session.time_s == held
        np.testing.assert_allclose(session.link_poses()["chest"], asset.link_poses_at(held))


def test_listeners_hear_of_every_move(bundle: Path) -> None:
    session, heard = session_of(bundle), []
    session.on_posed.append(lambda: heard.append("posed"))
    session.on_scene.append(lambda: heard.append("scene"))
    session.move_joint(session.controls[0], 0.2)
    session.seek(0.5)
    session.make(Recolor(target="chest", color=(0.0, 0.0, 1.0)))
    session.undo()
    assert heard == ["posed", "posed", "scene", "posed", "scene", "posed"]


def test_joints_stay_where_they_are_when_something_else_is_edited(bundle: Path) -> None:
    session = session_of(bundle)
    control = session.controls[0]
    session.move_joint(control, 0.3)
    session.make(Recolor(target="chest", color=(0.0, 0.0, 1.0)))
    assert session.position(control) == 0.3
    session.make(SetJoint(target=f"chest/{control.joint}", field="limits", value=(-0.1, 0.2)))
    assert session.position(session.controls[0]) == 0.2


def test_a_moved_asset_is_shown_where_it_went(bundle: Path) -> None:
    session = session_of(bundle)
    before = session.link_poses()["chest"]
    session.make(Move(target="chest", at=(3.0, 0.0, 0.0)))
    first = session.link_poses()["chest"]
    session.make(Move(target="chest", at=(4.0, 1.0, 0.0)))
    after = session.link_poses()["chest"]
    np.testing.assert_allclose(after[:, :3, 3] - first[:, :3, 3], [[1.0, 1.0, 0.0]] * len(before))
    session.undo()
    session.undo()
    np.testing.assert_allclose(session.link_poses()["chest"], before)


def test_a_joint_that_was_edited_away_is_not_moved(bundle: Path) -> None:
    session = Session(Workspace.open([bundle, bundle]))
    gone = session.controls[-1]
    session.make(Remove(target=gone.asset))
    session.move_joint(gone, 0.1)
    assert gone.asset not in session.assets
    assert len(session.surfels()) == len(session.assets["chest"].surfels)
