"""Faults of ``asset.glb``."""

from __future__ import annotations

import numpy as np

from .seeding import Inapplicable, fault, glb_values, in_glb, moves, pick


def _primitive(document, rng):
    """Of a mesh that is seen."""
    first = [mesh["primitives"][0] for mesh in document.get("meshes", [])]
    return pick(rng, [p for p in first if "NORMAL" in p["attributes"]])


def _link_facts(document, rng):
    return pick(
        rng, [n["extras"]["link"] for n in document["nodes"] if "link" in n.get("extras", {})]
    )


def _joint_facts(document):
    return [n["extras"]["joint"] for n in document["nodes"] if "joint" in n.get("extras", {})]


def _channels(document, path=None):
    """Channels of nodes that move."""
    animation = pick(np.random.default_rng(0), document.get("animations", []))
    found = [c for c in animation["channels"] if path in (None, c["target"]["path"])]
    return animation, found


@fault("GLB", "GLB001", seen="it does not open")
def cut(folder, rng):
    path = folder / "asset.glb"
    path.write_bytes(path.read_bytes()[:-100])


@fault("GLB", "GLB001", seen="it does not open")
def version_of_one(folder, rng):
    with in_glb(folder) as (document, _):
        document["asset"]["version"] = "1.0"


@fault("GLB", "GLB002", seen="a lookup by name fails")
def node_renamed(folder, rng):
    with in_glb(folder) as (document, _):
        pick(rng, [n for n in document["nodes"][1:] if "skin" not in n])["name"] = "lid_9"


@fault("GLB", "GLB002", seen="a part is missing")
def mesh_unhung(folder, rng):
    with in_glb(folder) as (document, _):
        if "skins" in document:
            raise Inapplicable
        pick(rng, [n for n in document["nodes"] if "mesh" in n]).pop("mesh")


@fault("GLB", "KIN005", seen="nothing moves")
def animation_dropped(folder, rng):
    with in_glb(folder) as (document, _):
        if not moves(folder) or not document.pop("animations", None):
            raise Inapplicable


@fault("GLB", "KIN005", seen="it lies on its side")
def root_not_turned(folder, rng):
    with in_glb(folder) as (document, _):
        document["nodes"][0].pop("rotation")


@fault("GLB", "KIN005", seen="the motion comes late")
def animation_shifted(folder, rng):
    with in_glb(folder) as (document, binary):
        animation, channels = _channels(document)
        moved = [
            c
            for c in channels
            if np.ptp(
                glb_values(document, binary, animation["samplers"][c["sampler"]]["output"]), axis=0
            ).max()
            > 1e-3
        ]
        index = animation["samplers"][pick(rng, moved)["sampler"]]["input"]
        times = glb_values(document, binary, index)
        times += np.float32(0.3)
        document["accessors"][index]["min"] = times.min(axis=0).tolist()
        document["accessors"][index]["max"] = times.max(axis=0).tolist()


@fault("GLB", "KIN005", seen="another part moves")
def animation_of_another_node(folder, rng):
    with in_glb(folder) as (document, _):
        _, channels = _channels(document)
        nodes = range(1, len(document["nodes"]))
        channel = pick(rng, channels)
        channel["target"]["node"] = pick(rng, [n for n in nodes if n != channel["target"]["node"]])


@fault("GLB", "KIN005", seen="parts turn about other axes")
def rotations_wxyz(folder, rng):
    with in_glb(folder) as (document, binary):
        animation, channels = _channels(document, "rotation")
        sampler = animation["samplers"][pick(rng, channels)["sampler"]]
        values = glb_values(document, binary, sampler["output"])
        values[:] = np.roll(values, 1, axis=1)


@fault("GLB", "GLB004", seen="parts shear in some viewers")
def rotations_not_unit(folder, rng):
    with in_glb(folder) as (document, binary):
        animation, channels = _channels(document, "rotation")
        sampler = animation["samplers"][pick(rng, channels)["sampler"]]
        glb_values(document, binary, sampler["output"])[:] *= 1.1


@fault("GLB", "GLB003", seen="a viewer stops at the keys")
def animation_times_not_ascending(folder, rng):
    with in_glb(folder) as (document, binary):
        animation, channels = _channels(document)
        index = animation["samplers"][pick(rng, channels)["sampler"]]["input"]
        times = glb_values(document, binary, index)
        if len(times) < 2:
            raise Inapplicable
        times[1] = times[0]


@fault("GLB", "GLB003", seen="a viewer crashes or refuses it")
def accessor_beyond_the_buffer(folder, rng):
    with in_glb(folder) as (document, _):
        pick(rng, document["accessors"])["count"] += 10_000


@fault("GLB", "GLB003", seen="a viewer crashes or refuses it")
def view_beyond_the_buffer(folder, rng):
    with in_glb(folder) as (document, _):
        pick(rng, document["bufferViews"])["byteOffset"] += 10_000_000


@fault("GLB", "GLB003", seen="spikes, or a crash")
def index_beyond_the_vertices(folder, rng):
    with in_glb(folder) as (document, binary):
        glb_values(document, binary, _primitive(document, rng)["indices"])[0] = 60_000


@fault("GLB", "GLB003", seen="a viewer refuses it")
def child_that_is_not_there(folder, rng):
    with in_glb(folder) as (document, _):
        pick(rng, document["nodes"])["children"] = [999]


@fault("GLB", "GLB004", seen="culled from view")
def bounds_of_other_values(folder, rng):
    with in_glb(folder) as (document, _):
        pick(rng, [a for a in document["accessors"] if "max" in a])["max"][0] += 1.0


@fault("GLB", "GLB004", seen="a part is not drawn")
def position_nan(folder, rng):
    with in_glb(folder) as (document, binary):
        index = _primitive(document, rng)["attributes"]["POSITION"]
        glb_values(document, binary, index)[0] = np.nan


@fault("GLB", "MESH014", seen="lit from the wrong side")
def normals_inverted(folder, rng):
    with in_glb(folder) as (document, binary):
        index = _primitive(document, rng)["attributes"]["NORMAL"]
        glb_values(document, binary, index)[:] *= -1


@fault("GLB", "MESH014", seen="seen through from the front")
def faces_inside_out(folder, rng):
    with in_glb(folder) as (document, binary):
        corners = glb_values(document, binary, _primitive(document, rng)["indices"])
        corners[:] = corners[::-1].copy()


@fault("GLB", "MESH011", seen="a part of another size")
def mesh_in_millimetres(folder, rng):
    with in_glb(folder) as (document, binary):
        if "skins" in document:
            raise Inapplicable
        index = _primitive(document, rng)["attributes"]["POSITION"]
        glb_values(document, binary, index)[:] *= 1000


@fault("GLB", "LOOK003", seen="a grey part")
def material_lost(folder, rng):
    with in_glb(folder) as (document, _):
        _primitive(document, rng).pop("material")


@fault("GLB", "GLB003", seen="a viewer refuses it")
def material_that_is_not_there(folder, rng):
    with in_glb(folder) as (document, _):
        _primitive(document, rng)["material"] = 99


@fault("GLB", "GLB003", seen="a grey part")
def texture_that_is_not_there(folder, rng):
    with in_glb(folder) as (document, _):
        material = pick(rng, document.get("materials", []))
        material["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 3}


@fault("GLB", "LOOK003", seen="a white part")
def colours_lost(folder, rng):
    with in_glb(folder) as (document, _):
        primitive = _primitive(document, rng)
        if primitive["attributes"].pop("COLOR_0", None) is None:
            raise Inapplicable


@fault("GLB", "LIM004", seen="who rebuilds the joint from the GLB gets another")
def joint_facts_of_other_values(folder, rng):
    with in_glb(folder) as (document, _):
        bounded = [
            f for f in _joint_facts(document) if f["limits"][0] is not None and f["type"] != "fixed"
        ]
        pick(rng, bounded)["limits"][1] += 0.5


@fault("GLB", "KIN005", seen="a part of a tenth")
def node_scaled(folder, rng):
    with in_glb(folder) as (document, _):
        pick(rng, [n for n in document["nodes"][1:] if "skin" not in n])["scale"] = [0.1] * 3


@fault("GLB", "LIM004", seen="a rebuilt joint opens to the other side")
def joint_axis_of_facts_flipped(folder, rng):
    with in_glb(folder) as (document, _):
        facts = pick(rng, [f for f in _joint_facts(document) if f["type"] != "fixed"])
        facts["axis"] = [-x for x in facts["axis"]]


@fault("GLB", "DYN004", seen="a rebuilt joint swings on")
def joint_damping_of_facts_dropped(folder, rng):
    with in_glb(folder) as (document, _):
        facts = [f for f in _joint_facts(document) if f["type"] != "fixed" and f["damping"]]
        pick(rng, facts)["damping"] = 0.0


@fault("GLB", "MIM004", seen="a rebuilt follower hangs loose")
def mimic_of_facts_dropped(folder, rng):
    with in_glb(folder) as (document, _):
        pick(rng, [f for f in _joint_facts(document) if "mimic" in f]).pop("mimic")


@fault("GLB", "MASS004", seen="a rebuilt link of another weight")
def mass_of_facts_in_grams(folder, rng):
    with in_glb(folder) as (document, _):
        _link_facts(document, rng)["mass"] *= 1000


@fault("GLB", "MASS004", seen="a rebuilt link that tumbles otherwise")
def inertia_of_facts_of_other_values(folder, rng):
    with in_glb(folder) as (document, _):
        _link_facts(document, rng)["inertia"][0][0] *= 1.5


@fault("GLB", "MAT004", seen="a rebuilt link that slides")
def friction_of_facts_of_another_value(folder, rng):
    with in_glb(folder) as (document, _):
        _link_facts(document, rng)["material"]["friction"] = 0.0123


@fault("GLB", "GLB002", seen="things fall through a rebuilt link")
def collision_of_facts_dropped(folder, rng):
    with in_glb(folder) as (document, _):
        facts = [n["extras"]["link"] for n in document["nodes"] if "link" in n.get("extras", {})]
        pick(rng, [f for f in facts if f["collision"]])["collision"] = []


@fault("GLB", "MESH011", seen="things touch a rebuilt link where it is not")
def collision_mesh_moved(folder, rng):
    with in_glb(folder) as (document, binary):
        solid = [m for m in document.get("meshes", []) if "/collision/" in m["name"]]
        index = pick(rng, solid)["primitives"][0]["attributes"]["POSITION"]
        glb_values(document, binary, index)[:, 0] += 0.05


@fault("GLB", "BASE001", seen="a rebuilt object falls, or hangs in the air")
def base_of_the_other_kind(folder, rng):
    with in_glb(folder) as (document, _):
        facts = document["scenes"][0]["extras"]["reel2sim"]
        facts["fixed_base"] = not facts["fixed_base"]
