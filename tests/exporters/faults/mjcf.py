"""Faults of ``scene.xml``."""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import numpy as np

from .meshes import lopsided
from .seeding import Inapplicable, child, fault, hinges, in_mjcf, pick, scaled, swap


def _joints(root):
    return [e for e in root.iter("joint") if e.get("axis")]


def _bodies(root):
    return list(root.find("worldbody").iter("body"))


def _geoms(root, *, solid):
    return [e for e in root.iter("geom") if (e.get("contype") != "0") == solid]


@fault("MJCF", "LOAD004", seen="MuJoCo does not load it")
def cut(folder, rng):
    path = folder / "scene.xml"
    path.write_text(path.read_text()[:400])


@fault("MJCF", "TREE002", seen="a lookup by name fails")
def body_renamed(folder, rng):
    with in_mjcf(folder) as root:
        name = pick(rng, _bodies(root)).get("name")
        for element in root.iter():
            for key in ("name", "body1", "body2"):
                if element.get(key) == name and element.tag in ("body", "exclude"):
                    element.set(key, "lid_9")


@fault("MJCF", "TREE002", seen="it turns where it should slide")
def joint_of_another_type(folder, rng):
    with in_mjcf(folder) as root:
        joint = pick(rng, _joints(root))
        joint.set("type", "slide" if joint.get("type") == "hinge" else "hinge")


@fault("MJCF", "KIN002", seen="a door opens downwards")
def axis_turned(folder, rng):
    with in_mjcf(folder) as root:
        pick(rng, _joints(root)).set("axis", "0 0.6 0.8")


@fault("MJCF", "KIN002", seen="opens to the other side in MuJoCo")
def axis_flipped(folder, rng):
    with in_mjcf(folder) as root:
        joint = pick(rng, _joints(root))
        joint.set("axis", scaled(joint.get("axis"), -1))


@fault("MJCF", "KIN002", seen="a hinge turns about another line")
def anchor_moved(folder, rng):
    with in_mjcf(folder) as root:
        pick(rng, hinges(root)).set("pos", "0.1 0.1 0.1")


@fault("MJCF", "KIN002", seen="a part is turned")
def body_quaternion_xyzw(folder, rng):
    """The identity in the other order is half a turn."""
    with in_mjcf(folder) as root:
        pick(rng, _bodies(root)[1:]).set("quat", "0 0 0 1")


@fault("MJCF", "BASE002", seen="the object stands elsewhere, or on its head")
def root_quaternion_xyzw(folder, rng):
    with in_mjcf(folder) as root:
        body = _bodies(root)[0]
        w, *rest = (body.get("quat") or "1 0 0 0").split()
        body.set("quat", " ".join([*rest, w]))


@fault("MJCF", "BASE002", seen="the object floats")
def root_moved(folder, rng):
    with in_mjcf(folder) as root:
        _bodies(root)[0].set("pos", "0.5 0 0.5")


@fault("MJCF", "BASE001", seen="it falls, or hangs in the air")
def base_of_the_other_kind(folder, rng):
    with in_mjcf(folder) as root:
        body = _bodies(root)[0]
        free = body.find("freejoint")
        if free is None:
            body.insert(0, ET.Element("freejoint", name="root"))
        else:
            body.remove(free)
        key = root.find("keyframe")
        if key is not None:
            root.remove(key)


@fault("MJCF", "MASS002", seen="a part of another weight")
def mass_of_another_value(folder, rng):
    with in_mjcf(folder) as root:
        inertial = pick(rng, list(root.iter("inertial")))
        inertial.set("mass", scaled(inertial.get("mass"), 1e-3))


@fault("MJCF", "MASS002", seen="it tumbles about another axis")
def inertia_off_diagonal_lost(folder, rng):
    with in_mjcf(folder) as root:
        tensors = [
            e
            for e in root.iter("inertial")
            if np.abs(np.array(e.get("fullinertia").split()[3:], float)).max()
            > 5e-3 * float(e.get("fullinertia").split()[0])
        ]
        inertial = pick(rng, tensors)
        inertial.set("fullinertia", " ".join([*inertial.get("fullinertia").split()[:3], "0 0 0"]))


@fault("MJCF", "MASS002", seen="all masses come from meshes")
def inertia_from_geometry(folder, rng):
    swap(folder / "scene.xml", r'inertiafromgeom="false"', 'inertiafromgeom="true"')


@fault("MJCF", "LIM002", seen="a door that opens by a degree")
def limits_in_degrees(folder, rng):
    with in_mjcf(folder) as root:
        if not any(e.get("range") for e in hinges(root)):
            raise Inapplicable
        root.find("compiler").set("angle", "degree")


@fault("MJCF", "LIM002", "MJCF004", seen="a door without a stop")
def range_written_in_degrees(folder, rng):
    with in_mjcf(folder) as root:
        joint = pick(rng, [e for e in hinges(root) if e.get("range")])
        joint.set("range", scaled(joint.get("range"), math.degrees(1)))


@fault("MJCF", "LIM002", seen="a joint without a stop")
def range_dropped(folder, rng):
    with in_mjcf(folder) as root:
        pick(rng, [e for e in _joints(root) if e.get("range")]).attrib.pop("range")


@fault("MJCF", "LIM002", seen="a motor that is too strong")
def effort_of_another_value(folder, rng):
    with in_mjcf(folder) as root:
        pick(rng, _joints(root)).set("actuatorfrcrange", "-999 999")


@fault("MJCF", "DYN002", seen="swings on in MuJoCo alone")
def damping_dropped(folder, rng):
    with in_mjcf(folder) as root:
        pick(rng, [e for e in _joints(root) if float(e.get("damping"))]).attrib.pop("damping")


@fault("MJCF", "DYN002", seen="57 times as stiff as elsewhere")
def damping_per_degree(folder, rng):
    with in_mjcf(folder) as root:
        joint = pick(rng, [e for e in hinges(root) if float(e.get("damping"))])
        joint.set("damping", scaled(joint.get("damping"), math.degrees(1)))


@fault("MJCF", "DYN002", seen="falls shut in MuJoCo alone")
def friction_dropped(folder, rng):
    with in_mjcf(folder) as root:
        rubbing = [e for e in _joints(root) if float(e.get("frictionloss"))]
        pick(rng, rubbing).attrib.pop("frictionloss")


@fault("MJCF", "DYN002", seen="a drawer that shuts by itself")
def spring_added(folder, rng):
    with in_mjcf(folder) as root:
        pick(rng, _joints(root)).set("stiffness", "5")


@fault("MJCF", "MIM002", seen="the follower hangs loose")
def mimic_dropped(folder, rng):
    with in_mjcf(folder) as root:
        root.remove(child(root, "equality"))


@fault("MJCF", "MIM002", seen="the follower hangs loose")
def mimic_inactive(folder, rng):
    with in_mjcf(folder) as root:
        pick(rng, root.findall("equality/joint")).set("active", "false")


@fault("MJCF", "MIM002", seen="gears whose ratio changes")
def mimic_bent(folder, rng):
    with in_mjcf(folder) as root:
        mimic = pick(rng, root.findall("equality/joint"))
        offset, ratio, *_ = mimic.get("polycoef").split()
        mimic.set("polycoef", f"{offset} {ratio} 0.5 0 0")


@fault("MJCF", "PAIR002", seen="a drawer explodes out of its case")
def exclude_dropped(folder, rng):
    with in_mjcf(folder) as root:
        contact = child(root, "contact")
        contact.remove(pick(rng, contact.findall("exclude")))


@fault("MJCF", "PAIR002", seen="links pass through each other")
def exclude_added(folder, rng):
    with in_mjcf(folder) as root:
        contact = child(root, "contact")
        have = {frozenset((e.get("body1"), e.get("body2"))) for e in contact}
        solid = [
            e.get("name")
            for e in _bodies(root)
            if any(g.get("contype") != "0" for g in e.findall("geom"))
        ]
        free = [(a, b) for i, a in enumerate(solid) for b in solid[i + 1 :] if {a, b} not in have]
        first, second = pick(rng, free)
        ET.SubElement(contact, "exclude", body1=first, body2=second)


@fault("MJCF", "WORLD001", seen="things fall sideways")
def gravity_along_y(folder, rng):
    with in_mjcf(folder) as root:
        root.find("option").set("gravity", "0 -9.81 0")


@fault("MJCF", "WORLD001", seen="nothing falls")
def gravity_off(folder, rng):
    with in_mjcf(folder) as root:
        ET.SubElement(root.find("option"), "flag", gravity="disable")


@fault("MJCF", "WORLD001", seen="things fall through each other")
def contacts_off(folder, rng):
    with in_mjcf(folder) as root:
        ET.SubElement(root.find("option"), "flag", contact="disable")


@fault("MJCF", "MJCF001", seen="things fall through it")
def colliders_off(folder, rng):
    with in_mjcf(folder) as root:
        for geom in _geoms(root, solid=True):
            geom.set("contype", "0")
            geom.set("conaffinity", "0")


@fault("MJCF", "MESH011", seen="it collides with what is only seen")
def visual_collides(folder, rng):
    with in_mjcf(folder) as root:
        geom = pick(rng, _geoms(root, solid=False))
        geom.attrib.pop("contype")
        geom.set("pos", "0.01 0 0")


@fault("MJCF", "MESH011", seen="a part of another size")
def mesh_scaled(folder, rng):
    with in_mjcf(folder) as root:
        pick(rng, root.findall("asset/mesh")).set("scale", "1.1 1 1")


@fault("MJCF", "MESH011", seen="a collider that is mirrored")
def mesh_mirrored(folder, rng):
    with in_mjcf(folder) as root:
        names = [path.stem for path in lopsided(folder)]
        meshes = [e for e in root.findall("asset/mesh") if e.get("name") in names]
        pick(rng, meshes).set("scale", "1 1 -1")


@fault("MJCF", "MJCF002", seen="an action of 1 does nothing, or too much")
def motor_range_of_another_value(folder, rng):
    with in_mjcf(folder) as root:
        pick(rng, root.findall("actuator/motor")).set("ctrlrange", "-1 1")


@fault("MJCF", "MJCF002", seen="a hundredfold torque")
def motor_geared(folder, rng):
    with in_mjcf(folder) as root:
        pick(rng, root.findall("actuator/motor")).set("gear", "100")


@fault("MJCF", "MJCF002", seen="a joint that no action moves")
def motor_dropped(folder, rng):
    with in_mjcf(folder) as root:
        actuator = child(root, "actuator")
        actuator.remove(pick(rng, actuator.findall("motor")))


@fault("MJCF", "MJCF003", seen="an episode starts elsewhere")
def keyframe_moved(folder, rng):
    with in_mjcf(folder) as root:
        key = pick(rng, [e for e in root.findall("keyframe/key") if e.get("qpos")])
        values = [float(x) for x in key.get("qpos").split()]
        values[-1] += 0.1
        key.set("qpos", " ".join(map(repr, values)))


@fault("MJCF", "MJCF003", seen="an episode starts at another time")
def keyframe_of_another_time(folder, rng):
    with in_mjcf(folder) as root:
        pick(rng, root.findall("keyframe/key")).set("time", "77")


@fault("MJCF", "MAT002", seen="slides in MuJoCo, sticks in PyBullet")
def friction_of_another_value(folder, rng):
    with in_mjcf(folder) as root:
        pick(rng, _geoms(root, solid=True)).set("friction", "0.01 0.005 0.0001")


@fault("MJCF", "LOOK001", seen="a part of another colour")
def color_of_another_value(folder, rng):
    with in_mjcf(folder) as root:
        pick(rng, _geoms(root, solid=False)).set("rgba", "1 0 1 1")


@fault("MJCF", "MAN005", seen="two names for one object")
def model_of_another_name(folder, rng):
    swap(folder / "scene.xml", r'<mujoco model="', '<mujoco model="other_')
