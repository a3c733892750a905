"""Which links never collide: laws on random assets, judged by MuJoCo's own collision pipeline."""

# MuJoCo fills its module at run time.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from pathlib import Path
from tempfile import TemporaryDirectory

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pxr import Usd, UsdPhysics

from reel2sim.exporters.mjcf import write_mjcf
from reel2sim.exporters.srdf import write_srdf
from reel2sim.exporters.urdf import write_meshes
from reel2sim.exporters.usd import write_usd
from reel2sim.rigging.physics.overlap import depths_between, disentangled, seen_states
from reel2sim.scene import JointType
from reel2sim.scene.contacts import held_links, loose_links, meeting_links
from reel2sim.scene.errors import InputError

from .conftest import build_asset

MOVING = (JointType.REVOLUTE, JointType.PRISMATIC, JointType.CONTINUOUS)


@st.composite
def assets(draw, least: int = 2):
    kinds = draw(st.lists(st.sampled_from((*MOVING, JointType.FIXED)), min_size=least, max_size=5))
    parents = [draw(st.integers(0, i)) for i in range(len(kinds))]
    return build_asset(kinds, parents, seed=draw(st.integers(0, 10_000)))


def contacts_of(asset) -> dict[tuple[str, str], float]:
    """The deepest contact of each pair of links in any state seen, with no pair excluded."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "scene.xml"
        write_meshes(asset, path.parent)
        write_mjcf(asset, path)
        spec = mujoco.MjSpec.from_file(str(path))
        for exclude in list(spec.excludes):
            spec.delete(exclude)
        spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_FILTERPARENT
        model = spec.compile()
    data = mujoco.MjData(model)
    motion, found = asset.motion, {}
    names = [link.name for link in asset.links]
    q = [{}, *(motion.sample(float(t))[1] for t in np.linspace(*motion.times_s[[0, -1]], 16))]
    for state in q:
        for name, at in state.items():
            if name in moving_names(asset):
                data.joint(name).qpos[0] = at
        mujoco.mj_forward(model, data)
        for contact in data.contact:
            bodies = (model.geom_bodyid[g] for g in (contact.geom1, contact.geom2))
            pair = tuple(sorted((model.body(b).name for b in bodies), key=names.index))
            found[pair] = max(found.get(pair, 0.0), -float(contact.dist))
    return found


def moving_names(asset) -> set[str]:
    return {joint.name for joint in asset.joints if joint.type is not JointType.FIXED}


@settings(max_examples=25, deadline=None)
@given(assets())
def test_what_may_collide_is_apart_in_every_state_seen(asset) -> None:
    found = disentangled(asset)
    kept = set(meeting_links(found))
    size = float(np.linalg.norm(np.ptp(asset.surfels.means, axis=0)))
    deepest = [depth for pair, depth in contacts_of(asset).items() if pair not in kept]
    assert max(deepest, default=0.0) <= 2e-4 * size


@settings(max_examples=25, deadline=None)
@given(assets())
def test_only_what_is_in_each_other_is_named(asset) -> None:
    found = disentangled(asset)
    contacts = contacts_of(asset)
    assert all(contacts.get(pair, 0.0) > 0 for pair in found.interpenetrating)
    assert not set(held_links(asset)) & set(found.interpenetrating)
    assert bool(found.interpenetrating) == (len(found.notes) > len(asset.notes))


@pytest.mark.parametrize("axes", [5, 6])
def test_a_link_that_nothing_holds_collides(axes) -> None:
    """The base, a link on a chain of one-axis joints with bare hubs, and one that it carries."""
    kinds = [JointType.PRISMATIC, JointType.REVOLUTE] * 3
    asset = build_asset([*kinds[:axes], JointType.REVOLUTE], list(range(axes + 1)), seed=2)
    bare = [x if i in (0, axes, axes + 1) else dataclasses.replace(x, collision=())
            for i, x in enumerate(asset.links)]  # fmt: skip
    joints = [dataclasses.replace(joint, origin=np.zeros(3)) for joint in asset.joints]
    asset = dataclasses.replace(asset, links=tuple(bare), joints=tuple(joints))
    loose = {f"link{axes}", f"link{axes + 1}"} if axes == 6 else set()
    assert loose_links(asset) == loose
    named = {name for pair in disentangled(asset).interpenetrating for name in pair}
    assert not named & loose
    assert (("link0", f"link{axes}") in held_links(asset)) is (axes < 6)
    deep = depths_between(asset, seen_states(asset))
    assert deep[0, axes] > 0  # or there would be nothing to leave out


@settings(max_examples=10, deadline=None)
@given(assets())
def test_depths_are_symmetric_and_grow_with_the_states_looked_at(asset) -> None:
    states = seen_states(asset)
    some, all_of_them = depths_between(asset, states[:1]), depths_between(asset, states)
    np.testing.assert_array_equal(some, some.T)
    assert (all_of_them >= some).all()


def test_a_pair_is_kept_apart_in_mjcf_and_usd(tmp_path) -> None:
    asset = build_asset([JointType.REVOLUTE] * 3, [0, 0, 2], seed=4)
    pair = ("link1", "link3")
    assert pair not in meeting_links(asset)
    apart = dataclasses.replace(asset, interpenetrating=(pair,))
    write_meshes(apart, tmp_path)
    write_mjcf(apart, tmp_path / "scene.xml")
    spec = mujoco.MjSpec.from_file(str(tmp_path / "scene.xml"))
    assert pair in {(x.bodyname1, x.bodyname2) for x in spec.excludes}
    stage = Usd.Stage.Open(str(write_usd(apart, tmp_path).interface))
    bodies = [p for p in stage.Traverse() if p.HasAPI(UsdPhysics.FilteredPairsAPI)]
    told = {
        (p.GetName(), target.name)
        for p in bodies
        for target in UsdPhysics.FilteredPairsAPI(p).GetFilteredPairsRel().GetTargets()
    }
    assert told == {pair}


@settings(max_examples=25, deadline=None)
@given(assets(least=0), st.booleans())
def test_srdf_says_what_the_asset_does(asset, fixed) -> None:
    asset = dataclasses.replace(disentangled(asset), fixed_base=fixed)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "scene.srdf"
        write_srdf(asset, path)
        robot = ET.parse(path).getroot()
    told = [(e.get("link1"), e.get("link2")) for e in robot.findall("disable_collisions")]
    assert told == meeting_links(asset)
    default = robot.findall("disable_collisions[@reason='Default']")
    assert [(e.get("link1"), e.get("link2")) for e in default] == list(asset.interpenetrating)
    root = robot.find("virtual_joint")
    assert root is not None
    assert root.get("child_link") == asset.links[0].name
    assert root.get("type") == ("fixed" if fixed else "floating")
    assert {e.get("name") for e in robot.findall("group/joint")} == moving_names(asset)


def test_the_srdf_begins_where_the_reel_does(tmp_path) -> None:
    """Robots read from elsewhere need not stand at zero."""
    asset = build_asset([JointType.REVOLUTE, JointType.PRISMATIC], [0, 1], seed=3)
    motion = asset.motion
    moved = {name: q + 0.2 for name, q in motion.positions.items()}
    motion = dataclasses.replace(motion, positions=moved)
    write_srdf(dataclasses.replace(asset, motion=motion), tmp_path / "scene.srdf")
    state = ET.parse(tmp_path / "scene.srdf").getroot().findall("group_state/joint")
    assert {e.get("name"): float(e.get("value", "")) for e in state} == {
        name: q[0] for name, q in moved.items()
    }


@pytest.mark.parametrize(
    ("pair", "said"),
    [(("link1", "nothing"), "'nothing' is not a link"), (("link2", "link1"), "earlier one first")],
)
def test_a_pair_of_no_links_is_refused(pair, said) -> None:
    asset = build_asset([JointType.REVOLUTE] * 2, [0, 0])
    with pytest.raises(InputError, match=said):
        dataclasses.replace(asset, interpenetrating=(pair,))
