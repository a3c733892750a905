"""Faults of ``scene.urdf``."""

from __future__ import annotations

import copy
import math
from xml.etree import ElementTree as ET

from .seeding import child, fault, in_mjcf, in_urdf, moving, pick, scaled, swap


def _link(root, rng):
    return pick(rng, root.findall("link"))


def _moved_link(root, rng):
    """A link that a joint moves."""
    name = child(pick(rng, moving(root)), "child").get("link")
    return next(e for e in root.findall("link") if e.get("name") == name)


def _set_moments(link, ixx, iyy, izz):
    tensor = {"ixx": ixx, "iyy": iyy, "izz": izz, "ixy": 0, "ixz": 0, "iyz": 0}
    for key, value in tensor.items():
        child(link, "inertial/inertia").set(key, repr(float(value)))


@fault("URDF", "URDF001", seen="nothing loads it")
def not_xml(folder, rng):
    (folder / "scene.urdf").write_text("<robot")


@fault("URDF", "URDF001", seen="nothing loads it")
def joint_without_child(folder, rng):
    with in_urdf(folder) as root:
        joint = pick(rng, root.findall("joint"))
        joint.remove(child(joint, "child"))


@fault("URDF", "URDF002", seen="MuJoCo refuses it, the others keep one of the two")
def two_joints_of_one_name(folder, rng):
    with in_urdf(folder) as root:
        joints = root.findall("joint")
        pick(rng, joints[1:]).set("name", joints[0].get("name"))


@fault("URDF", "URDF002", seen="a link hides another")
def two_links_of_one_name(folder, rng):
    with in_urdf(folder) as root:
        links = root.findall("link")
        pick(rng, links[2:]).set("name", links[1].get("name"))


@fault("URDF", "URDF003", seen="USD and file systems cannot keep the name")
def joint_with_spaces(folder, rng):
    with in_urdf(folder) as root:
        pick(rng, root.findall("joint")).set("name", "left door/1")


@fault("URDF", "LOAD005", seen="PyBullet loads it and gives no states of it")
def more_links_than_pybullet_holds(folder, rng):
    with in_urdf(folder) as root:
        leaf = copy.deepcopy(_moved_link(root, rng))
        for tag in ("visual", "collision"):
            for shape in leaf.findall(tag):
                leaf.remove(shape)
        base = root.findall("link")[0].get("name")
        for i in range(130):
            more = copy.deepcopy(leaf)
            more.set("name", f"more_{i}")
            joint = ET.SubElement(root, "joint", name=f"weld_{i}", type="fixed")
            ET.SubElement(joint, "parent", link=base)
            ET.SubElement(joint, "child", link=f"more_{i}")
            root.append(more)


@fault("URDF", "URDF003", seen="USD cannot keep the name")
def link_that_begins_with_a_digit(folder, rng):
    with in_urdf(folder) as root:
        link = _moved_link(root, rng)
        old, new = link.get("name"), "2nd-link"
        link.set("name", new)
        for joint in root.findall("joint"):
            for end in (child(joint, "parent"), child(joint, "child")):
                if end.get("link") == old:
                    end.set("link", new)


@fault("URDF", "URDF004", seen="half of it falls off, or nothing loads")
def two_roots(folder, rng):
    with in_urdf(folder) as root:
        root.remove(pick(rng, root.findall("joint")))


@fault("URDF", "URDF004", seen="PyBullet hangs or refuses")
def loop(folder, rng):
    with in_urdf(folder) as root:
        joint = pick(rng, root.findall("joint"))
        child(joint, "parent").set("link", child(joint, "child").get("link"))


@fault("URDF", "URDF004", seen="a part is missing")
def unknown_parent(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, root.findall("joint")), "parent").set("link", "nobody")


@fault("URDF", "URDF005", seen="the object vanishes at the first step")
def origin_nan(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, root.findall("joint")), "origin").set("xyz", "nan 0 0")


@fault("URDF", "URDF005", seen="the object vanishes")
def origin_of_two_numbers(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, root.findall("joint")), "origin").set("rpy", "0 0")


@fault("URDF", "URDF005", seen="loaders take the mass for 0 or 1")
def mass_not_a_number(folder, rng):
    with in_urdf(folder) as root:
        child(_link(root, rng), "inertial/mass").set("value", "heavy")


@fault("URDF", "URDF005", seen="the mesh is drawn nowhere")
def visual_origin_infinite(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, root.findall("link/visual")), "origin").set("xyz", "0 inf 0")


@fault("URDF", "URDF006", seen="the joint does not move, MuJoCo refuses it")
def axis_zero(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, moving(root)), "axis").set("xyz", "0 0 0")


@fault("URDF", "URDF006", "KIN001", seen="PyBullet slides twice as far as MuJoCo")
def axis_of_length_two(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, moving(root, "prismatic")), "axis").set("xyz", "0 0 2")


@fault("URDF", "KIN002", "KIN003", "LIM004", seen="opens to the other side in URDF")
def axis_sign_flipped(folder, rng):
    with in_urdf(folder) as root:
        axis = child(pick(rng, moving(root)), "axis")
        axis.set("xyz", scaled(axis.get("xyz"), -1))


@fault("URDF", "URDF007", seen="PyBullet refuses it, in MuJoCo it turns without end")
def limit_dropped(folder, rng):
    with in_urdf(folder) as root:
        joint = pick(rng, moving(root, "revolute", "prismatic"))
        joint.remove(child(joint, "limit"))


@fault("URDF", "URDF008", "LIM001", "LIM002", "LIM003", seen="the joint is locked, or free")
def limits_swapped(folder, rng):
    with in_urdf(folder) as root:
        limit = child(pick(rng, moving(root, "revolute", "prismatic")), "limit")
        low, high = limit.get("lower"), limit.get("upper")
        limit.set("lower", high)
        limit.set("upper", low)


@fault("URDF", "LIM002", "LIM003", "URDF019", seen="the hinge never meets a stop")
def limits_in_degrees(folder, rng):
    with in_urdf(folder) as root:
        limit = child(pick(rng, moving(root, "revolute")), "limit")
        for key in ("lower", "upper"):
            limit.set(key, repr(math.degrees(float(limit.get(key)))))


@fault("URDF", "URDF009", "LIM002", "LIM003", seen="no motor moves it")
def effort_zero(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, moving(root)), "limit").set("effort", "0")


@fault("URDF", "URDF009", seen="a planner never moves it")
def velocity_negative(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, moving(root)), "limit").set("velocity", "-1")


@fault("URDF", "URDF010", seen="1 kg in PyBullet, from its shape elsewhere")
def inertial_dropped(folder, rng):
    with in_urdf(folder) as root:
        link = _link(root, rng)
        link.remove(child(link, "inertial"))


@fault("URDF", "URDF011", seen="static in PyBullet, refused by MuJoCo")
def mass_zero(folder, rng):
    with in_urdf(folder) as root:
        child(_link(root, rng), "inertial/mass").set("value", "0")


@fault("URDF", "MASS002", "MASS003", "URDF018", seen="a door of tonnes")
def mass_in_grams(folder, rng):
    with in_urdf(folder) as root:
        mass = child(_link(root, rng), "inertial/mass")
        mass.set("value", scaled(mass.get("value"), 1e3))


@fault("URDF", "URDF018", seen="a door of tonnes, in every engine")
def mass_in_grams_everywhere(folder, rng):
    from .usd import body_mass

    with in_urdf(folder) as root:
        link = _link(root, rng)
        for element, keys in (("inertial/mass", ["value"]), ("inertial/inertia", None)):
            entry = child(link, element)
            for key in keys or list(entry.attrib):
                entry.set(key, scaled(entry.get(key), 1e3))
        name = link.get("name")
    with in_mjcf(folder) as root:
        body = next(e for e in root.iter("body") if e.get("name") == name)
        for key in ("mass", "fullinertia"):
            child(body, "inertial").set(key, scaled(child(body, "inertial").get(key), 1e3))
    body_mass(folder, name, 1e3)


@fault("URDF", "MASS002", "MASS003", "URDF018", seen="a link that cannot be turned")
def inertia_in_other_units(folder, rng):
    with in_urdf(folder) as root:
        tensor = child(_link(root, rng), "inertial/inertia")
        for key in list(tensor.attrib):
            tensor.set(key, scaled(tensor.get(key), 1e6))


@fault("URDF", "URDF012", seen="PyBullet silently takes zero, MuJoCo refuses it")
def inertia_negative(folder, rng):
    with in_urdf(folder) as root:
        tensor = child(_moved_link(root, rng), "inertial/inertia")
        tensor.set("ixx", "-" + tensor.get("ixx"))


@fault("URDF", "URDF013", "MASS001", seen="PyBullet and Newton replace it, MuJoCo refuses it")
def inertia_of_no_body(folder, rng):
    with in_urdf(folder) as root:
        _set_moments(_moved_link(root, rng), 1, 1, 5)


@fault("URDF", "MASS002", "MASS003", seen="it tips over on another side")
def centre_of_mass_moved(folder, rng):
    with in_urdf(folder) as root:
        child(_link(root, rng), "inertial/origin").set("xyz", "0.3 0.3 0.3")


@fault("URDF", "URDF014", "TREE001", seen="read in as many ways as there are loaders")
def joint_floating(folder, rng):
    with in_urdf(folder) as root:
        pick(rng, moving(root, "prismatic", "revolute")).set("type", "floating")


@fault("URDF", "URDF015", seen="the joint gains energy")
def damping_negative(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, moving(root)), "dynamics").set("damping", "-0.1")


@fault("URDF", "DYN002", "DYN003", seen="swings in one engine and creeps in another")
def damping_of_another_value(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, moving(root)), "dynamics").set("damping", "0.7")


@fault("URDF", "DYN002", "DYN003", seen="stays open in one engine and falls shut in another")
def friction_dropped(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, moving(root)), "dynamics").set("friction", "0.0123")


@fault("URDF", "URDF020", "LOAD003", seen="MuJoCo refuses it, PyBullet takes one of the two")
def dynamics_twice(folder, rng):
    with in_urdf(folder) as root:
        joint = pick(rng, moving(root))
        more = ET.SubElement(joint, "dynamics")
        more.attrib.update(damping="0.9", friction="0.01")


@fault("URDF", "MAT002", "MAT003", seen="slides in PyBullet, sticks in MuJoCo")
def contact_friction_of_another_value(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, root.findall("link/contact")), "lateral_friction").set("value", "0.05")


@fault("URDF", "URDF020", seen="another friction in PyBullet than the file says")
def contact_twice(folder, rng):
    with in_urdf(folder) as root:
        link = next(e for e in root.findall("link") if e.find("contact") is not None)
        more = ET.SubElement(ET.SubElement(link, "contact"), "lateral_friction")
        more.set("value", "0.9")


@fault("URDF", "MAT001", seen="0.5 in PyBullet, whatever the material")
def contact_dropped(folder, rng):
    with in_urdf(folder) as root:
        solid = [e for e in root.findall("link") if e.find("collision") is not None]
        link = pick(rng, solid)
        link.remove(child(link, "contact"))


@fault("URDF", "URDF005", "SIM001", seen="the joint is stuck, or NaN")
def damping_infinite(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, moving(root)), "dynamics").set("damping", "inf")


@fault("URDF", "DYN001", seen="10 for Python, 1 for PyBullet")
def damping_with_an_underscore(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, moving(root)), "dynamics").set("damping", "1_0")


@fault("URDF", "MAT003", seen="bounces in PyBullet alone")
def restitution_of_another_value(folder, rng):
    with in_urdf(folder) as root:
        contacts = [x for x in root.findall("link") if x.find("collision") is not None]
        child(pick(rng, contacts), "contact/restitution").set("value", "0.95")


@fault("URDF", "LOOK001", seen="another colour in PyBullet than in MuJoCo")
def color_of_another_value(folder, rng):
    with in_urdf(folder) as root:
        pick(rng, root.findall("link/visual/material/color")).set("rgba", "1 0 1 1")


@fault("URDF", "LOAD001", seen="yourdfpy refuses it, the others draw it white")
def color_by_name(folder, rng):
    with in_urdf(folder) as root:
        pick(rng, root.findall("link/visual/material/color")).set("rgba", "red")


@fault("URDF", "URDF005", seen="the follower is not a number")
def mimic_not_a_number(folder, rng):
    with in_urdf(folder) as root:
        pick(rng, root.findall("joint/mimic")).set("multiplier", "twice")


@fault("URDF", "URDF016", "MIM001", seen="the follower stands still")
def mimic_of_nobody(folder, rng):
    with in_urdf(folder) as root:
        pick(rng, root.findall("joint/mimic")).set("joint", "nobody")


@fault("URDF", "URDF016", seen="the follower stands still")
def mimic_of_itself(folder, rng):
    with in_urdf(folder) as root:
        joint = pick(rng, [e for e in root.findall("joint") if e.find("mimic") is not None])
        child(joint, "mimic").set("joint", joint.get("name"))


@fault("URDF", "URDF016", "MOT010", seen="metres follow radians")
def hinge_that_follows_a_slide(folder, rng):
    with in_urdf(folder) as root:
        mimics = [e for e in moving(root, "revolute") if e.find("mimic") is not None]
        slide = pick(rng, moving(root, "prismatic"))
        child(pick(rng, mimics), "mimic").set("joint", slide.get("name"))


@fault("URDF", "URDF016", seen="the follower is held")
def mimic_that_stands_still(folder, rng):
    with in_urdf(folder) as root:
        pick(rng, root.findall("joint/mimic")).set("multiplier", "0")


@fault("URDF", "URDF017", seen="the follower blocks its leader")
def follower_stops_first(folder, rng):
    with in_urdf(folder) as root:
        mimics = [e for e in root.findall("joint") if e.find("mimic") is not None]
        limit = child(pick(rng, mimics), "limit")
        limit.set("lower", repr(0.5 * float(limit.get("lower"))))


@fault("URDF", "LOAD003", "URDF020", seen="MuJoCo refuses it")
def mimic_twice(folder, rng):
    with in_urdf(folder) as root:
        joint = pick(rng, [e for e in root.findall("joint") if e.find("mimic") is not None])
        joint.append(copy.deepcopy(child(joint, "mimic")))


@fault("URDF", "MIM002", "MIM003", "MOT010", "MOT011", seen="two gears that slip")
def mimic_of_another_ratio(folder, rng):
    with in_urdf(folder) as root:
        pick(rng, root.findall("joint/mimic")).set("multiplier", "-0.123")


@fault("URDF", "KIN002", "KIN003", "KIN004", "KIN005", seen="a part sits elsewhere")
def origin_moved(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, root.findall("joint")), "origin").set("xyz", "0.4321 0 0")


@fault("URDF", "KIN002", "KIN003", "KIN004", "KIN005", seen="a part is turned")
def origin_turned(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, root.findall("joint")), "origin").set("rpy", "0 0 1.5708")


@fault("URDF", "SIM001", seen="PyBullet's numbers stop being numbers")
def moved_origin_nan(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, moving(root)), "origin").set("xyz", "nan 0 0")


@fault("URDF", "URDF018", "MASS002", "MASS003", seen="it flies off at the first contact")
def inertia_tiny(folder, rng):
    with in_urdf(folder) as root:
        link = _moved_link(root, rng)
        child(link, "inertial/mass").set("value", "1e-9")
        _set_moments(link, 1e-12, 1e-12, 1e-12)


@fault("URDF", "SIM002", seen="it flies off at the first step")
def carrier_of_nothing(folder, rng):
    """A link of no weight to speak of that carries another, and whose centre is far away."""
    with in_urdf(folder) as root:
        held = moving(root, "revolute", "prismatic")
        carriers, carried = ({e.find(end).get("link") for e in held} for end in ("parent", "child"))
        links = [e for e in root.findall("link") if e.get("name") in carriers & carried]
        link = pick(rng, links)
        child(link, "inertial/mass").set("value", "1e-9")
        child(link, "inertial/origin").set("xyz", "1000 1000 1000")
        _set_moments(link, 1e-12, 1e-12, 1e-12)


@fault("URDF", "MAN005", seen="two names for one object")
def robot_of_another_name(folder, rng):
    swap(folder / "scene.urdf", r'<robot name="', '<robot name="other_')
