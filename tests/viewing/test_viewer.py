"""A viewer on a port, and a client that is no browser."""

from __future__ import annotations

import re
import socket
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reel2sim.editing import AddCamera, Remove
from reel2sim.scene import Scene
from reel2sim.scene.errors import UnavailableError, UsageError
from reel2sim.scene.transforms import vector_to_pose
from reel2sim.viewing.viewer import Viewer, ViewerOptions, all_layers
from reel2sim.viewing.workspace import Workspace

pytest.importorskip("viser", reason="needs the extra [view]")

from viser import _messages
from websockets.exceptions import InvalidStatus

from tests.exporters.conftest import skinned
from tests.viewing.conftest import chest
from tests.viewing.helpers.wire import Wire, connected


@pytest.fixture(scope="module")
def viewer(bundle: Path, tmp_path_factory):
    options = ViewerOptions(port=0, save_to=tmp_path_factory.mktemp("saved"))
    with Viewer(Workspace.open([bundle]), options=options) as made:
        yield made


@pytest.fixture(autouse=True)
def _at_rest(viewer: Viewer):
    yield
    while viewer.session.workspace.edits:
        viewer.session.undo()
    viewer.session.seek(0.0)


def shown_poses(wire: Wire, viewer: Viewer) -> np.ndarray:
    """Poses of links as the client has been told ``(l, 4, 4)``."""
    links = viewer.session.assets["chest"].links
    at = {m["name"]: m["position"] for m in wire.of("SetPositionMessage")}
    turned = {m["name"]: m["wxyz"] for m in wire.of("SetOrientationMessage")}
    names = [f"/scene/chest/{link.name}" for link in links]
    rest = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0))
    vectors = [[*at.get(n, rest[0]), *turned.get(n, rest[1])] for n in names]
    return vector_to_pose(np.array(vectors))


def test_a_client_gets_all_splats_and_where_their_links_are(viewer: Viewer) -> None:
    asset = viewer.session.assets["chest"]
    with connected(viewer.port) as wire:
        nodes = {m["name"] for m in wire.of("GaussianSplatsMessage")}
        assert nodes == {f"/scene/chest/{link.name}/splats" for link in asset.links}
        np.testing.assert_allclose(
            shown_poses(wire, viewer), viewer.session.link_poses()["chest"], atol=1e-6
        )


def test_a_slider_sends_poses_and_nothing_else_that_is_large(viewer: Viewer) -> None:
    control = viewer.session.controls[0]
    with connected(viewer.port) as wire:
        uuid, before = wire.control(control.joint), wire.bytes
        wire.forget()
        wire.set(uuid, 0.25)
        wire.until("SetOrientationMessage")
        assert viewer.session.position(control) == pytest.approx(0.25)
        assert wire.bytes - before < 20_000
        assert not wire.of("GaussianSplatsMessage")


def test_a_slider_cannot_leave_the_limits(viewer: Viewer) -> None:
    control = viewer.session.controls[0]
    with connected(viewer.port) as wire:
        wire.set(wire.control(control.joint), 77.0)
        wire.until("SetOrientationMessage")
    assert viewer.session.position(control) == control.upper


def test_every_layer_can_be_seen_and_hidden(viewer: Viewer) -> None:
    for layer in all_layers():
        viewer.stage.show(layer.name, True)
    with connected(viewer.port) as wire:
        kinds = {m["type"] for m in wire.received}
    assert {"GlbMessage", "MeshMessage", "LineSegmentsMessage", "ArrowMessage"} <= kinds
    usual = {layer.name for layer in all_layers() if layer.shown}
    for layer in all_layers():
        viewer.stage.show(layer.name, layer.name in usual)
    assert viewer.stage.shown == usual


def test_the_page_is_ours_and_may_load_nothing(viewer: Viewer) -> None:
    with urllib.request.urlopen(viewer.address) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Encoding"] == "gzip"
    assert "default-src 'none'" in policy
    sources = re.findall(r"(?:https?|wss?)://\S+", policy)
    assert sources == [f"ws://127.0.0.1:{viewer.port}"]


def test_other_sites_are_sent_away(viewer: Viewer) -> None:
    with pytest.raises(InvalidStatus) as refused, connected(viewer.port, origin="http://evil.test"):
        pass
    assert refused.value.response.status_code == 403
    own = f"http://127.0.0.1:{viewer.port}"
    with connected(viewer.port, origin=own) as wire:
        assert wire.received
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(viewer.address + "etc/passwd")


def test_physics_moves_what_is_seen(viewer: Viewer) -> None:
    with connected(viewer.port) as wire:
        wire.set(wire.control("Physics"), True)
        wire.until("MeshMessage")  # what can be taken hold of
        wire.set(wire.control("Drop a ball"), True)
        ball = wire.until("IcosphereMessage")
        first = wire.until("SetPositionMessage", name=ball["name"])
        second = wire.until("SetPositionMessage", name=ball["name"])
        assert second["position"][2] < first["position"][2]
        wire.set(wire.control("Back to the motion"), True)
        wire.until("RemoveSceneNodeMessage", name=ball["name"])
    np.testing.assert_allclose(
        viewer.session.link_poses()["chest"],
        viewer.session.assets["chest"].link_poses_at(0.0),
    )


def test_an_edit_from_the_page_is_made_undone_and_saved(viewer: Viewer) -> None:
    work = viewer.session.workspace
    with connected(viewer.port) as wire:
        wire.set(wire.control("Recolour"), True)
        wire.until("GaussianSplatsMessage")
        assert [edit.op for edit in work.edits] == ["recolor"]
        wire.set(wire.control("name"), "from the page")
        wire.set(wire.control("Save as bundle"), True)
        wire.until("NotificationShowMessage", timeout=60.0)
        wire.set(wire.control("Undo"), True)
        wire.until("GaussianSplatsMessage")
    assert work.edits == ()
    assert (viewer.options.save_to / "from the page" / "manifest.json").is_file()


def test_a_dragged_handle_moves_its_asset(viewer: Viewer) -> None:
    with connected(viewer.port) as wire:
        wire.set(wire.control("Move with the mouse"), True)
        handle = wire.until("TransformControlsMessage")["name"]
        foot = wire.until("SetPositionMessage", name=handle)["position"]
        goal = tuple(v + 1.0 for v in foot)
        before = viewer.session.link_poses()["chest"]
        wire.send(_messages.TransformControlsDragStartMessage(handle))
        wire.send(_messages.TransformControlsUpdateMessage(handle, (1.0, 0.0, 0.0, 0.0), goal))
        wire.send(_messages.TransformControlsDragEndMessage(handle))
        wire.until("SetPositionMessage", name="/scene/chest/link0")
        wire.set(wire.control("Move with the mouse"), False)
        wire.until("RemoveSceneNodeMessage", name=handle)
    moved = viewer.session.link_poses()["chest"][:, :3, 3] - before[:, :3, 3]
    np.testing.assert_allclose(moved, np.ones_like(moved), atol=1e-6)
    assert [edit.op for edit in viewer.session.workspace.edits] == ["move"]


def test_an_edit_that_cannot_be_made_is_told_on_the_page(viewer: Viewer) -> None:
    with connected(viewer.port) as wire:
        wire.set(wire.control("record"), '{"op": "density", "target": "nobody", "density": 3}')
        wire.set(wire.control("Make this edit"), True)
        note = wire.until("NotificationShowMessage")
    assert "nobody" in note["props"]["body"]
    assert viewer.session.workspace.edits == ()


def test_a_port_in_use_is_told_of(bundle: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options = ViewerOptions(port=taken.getsockname()[1])
        with pytest.raises(UnavailableError, match="--port"):
            Viewer(Workspace.open([bundle]), options=options)


def test_an_unknown_layer_is_told_of(bundle: Path) -> None:
    options = ViewerOptions(port=0, shown=("splats", "wallpaper"))
    with pytest.raises(UsageError, match="wallpaper"):
        Viewer(Workspace.open([bundle]), options=options)


def test_a_skin_bends_with_its_links() -> None:
    asset = skinned(chest())
    options = ViewerOptions(port=0, shown=("visual", "splats"))
    with Viewer(Workspace(Scene.of(asset), Path("chest")), options=options) as viewer:
        viewer.session.seek(0.8)
        with connected(viewer.port) as wire:
            assert [m["name"] for m in wire.of("SkinnedMeshMessage")] == ["/scene/chest/skin"]
            at = {m["bone_index"]: m["position"] for m in wire.of("SetBonePositionMessage")}
        poses = asset.link_poses_at(0.8)
        for index, position in at.items():
            np.testing.assert_allclose(position, poses[index][:3, 3], atol=1e-6)
        assert at


def test_what_is_around_assets_is_shown_and_what_is_removed_goes(bundle: Path) -> None:
    work = Workspace.open([bundle, bundle])
    work.make(AddCamera(name="side", at=(3.0, 0.0, 1.0), target=(0.0, 0.0, 0.0)))
    surfels = work.scene.assets[0].surfels
    scene = replace(work.scene, background=surfels)
    options = ViewerOptions(port=0, shown=("splats", "cameras", "ground"))
    with Viewer(Workspace(scene, bundle), options=options) as viewer:
        nodes = viewer.server.scene
        for name in ("/cameras/side", "/background/splats", "/ground"):
            assert nodes.get_handle_by_name(name) is not None
        gone = scene.names[1]
        assert nodes.get_handle_by_name(f"/scene/{gone}/link0/splats") is not None
        viewer.physics.start()
        viewer.session.make(Remove(target=gone))
        assert nodes.get_handle_by_name(f"/scene/{gone}") is None
        assert nodes.get_handle_by_name(f"/scene/{gone}/link0/splats") is None
        assert nodes.get_handle_by_name("/scene/chest/link0/splats") is not None
        viewer.session.undo()
        assert nodes.get_handle_by_name(f"/scene/{gone}/link0/splats") is not None


def test_time_moves_nothing_while_physics_decides(bundle: Path) -> None:
    with Viewer(Workspace.open([bundle]), options=ViewerOptions(port=0)) as viewer:
        session = viewer.session
        viewer.physics.start()
        before = session.link_poses()["chest"]
        session.seek(1.0)
        assert session.time_s == 1.0
        assert np.abs(session.link_poses()["chest"] - before).max() < 0.1
        viewer.physics.stop()
        session.seek(1.0)
        np.testing.assert_allclose(
            session.link_poses()["chest"], session.assets["chest"].link_poses_at(1.0)
        )
