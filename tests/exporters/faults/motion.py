"""Faults of ``motion.json``."""

from __future__ import annotations

import math

from .seeding import Inapplicable, fault, in_motion, pick


def _moved(record, *types):
    """Entries of joints that move over the reel."""
    kinds = types or ("revolute", "continuous", "prismatic")
    return [
        entry
        for entry in record["joints"].values()
        if entry["type"] in kinds and max(entry["position"]) - min(entry["position"]) > 1e-3
    ]


def _index(record, rng):
    """Any instant but the first."""
    if len(record["times_s"]) < 2:
        raise Inapplicable
    return int(rng.integers(1, len(record["times_s"])))


@fault("motion", "MOT001", seen="an env does not load it")
def motion_without_base(folder, rng):
    with in_motion(folder) as record:
        record.pop("base_pose")


@fault("motion", "MOT002", seen="a reward of NaN")
def motion_nan(folder, rng):
    with in_motion(folder) as record:
        entry = pick(rng, _moved(record))
        entry["position"][_index(record, rng)] = math.nan


@fault("motion", "MOT003", seen="the replay jumps back")
def times_not_ascending(folder, rng):
    with in_motion(folder) as record:
        k = _index(record, rng)
        record["times_s"][k] = record["times_s"][k - 1]


@fault("motion", "MOT004", seen="an index error at the end")
def times_too_many(folder, rng):
    with in_motion(folder) as record:
        record["times_s"].append(record["times_s"][-1] + 1)


@fault("motion", "MOT005", seen="a joint is never driven")
def motion_of_another_joint(folder, rng):
    with in_motion(folder) as record:
        name = pick(rng, list(record["joints"]))
        record["joints"]["elbow"] = record["joints"].pop(name)


@fault("motion", "MOT006", seen="metres are taken for radians")
def motion_of_another_type(folder, rng):
    with in_motion(folder) as record:
        entry = pick(rng, list(record["joints"].values()))
        entry["type"] = "prismatic" if entry["type"] != "prismatic" else "revolute"


@fault("motion", "MOT007", seen="a doubtful joint passes for sure")
def confidence_above_one(folder, rng):
    with in_motion(folder) as record:
        pick(rng, list(record["joints"].values()))["confidence"] = 1.5


@fault("motion", "MOT007", seen='"false" is true')
def observed_is_text(folder, rng):
    with in_motion(folder) as record:
        pick(rng, list(record["joints"].values()))["observed"] = "false"


@fault("motion", "MOT008", seen="the object shears")
def base_quaternion_not_unit(folder, rng):
    with in_motion(folder) as record:
        record["base_pose"][_index(record, rng)][3:] = [1, 1, 0, 0]


@fault("motion", "KIN004", "KIN005", seen="the object is turned")
def base_quaternions_xyzw(folder, rng):
    with in_motion(folder) as record:
        for row in record["base_pose"]:
            row[3:] = [*row[4:], row[3]]


@fault("motion", "KIN004", "KIN005", seen="the base is turned at one instant")
def base_turned_once(folder, rng):
    with in_motion(folder) as record:
        record["base_pose"][_index(record, rng)][3:] = [0.6, 0.8, 0, 0]


@fault("motion", "KIN004", "KIN005", seen="the reward asks for another motion")
def motion_scaled(folder, rng):
    with in_motion(folder) as record:
        entry = pick(rng, _moved(record))
        entry["position"] = [1.002 * q for q in entry["position"]]


@fault("motion", "KIN004", "KIN005", seen="hinges spin")
def motion_in_degrees(folder, rng):
    with in_motion(folder) as record:
        entry = pick(rng, _moved(record, "revolute", "continuous"))
        entry["position"] = [math.degrees(q) for q in entry["position"]]


@fault("motion", "KIN004", "KIN005", seen="it moves a thousand times too slowly")
def times_in_milliseconds(folder, rng):
    with in_motion(folder) as record:
        if not _moved(record):
            raise Inapplicable
        record["times_s"] = [1e3 * t for t in record["times_s"]]


@fault("motion", "KIN004", "KIN005", seen="a joint opens where it should shut")
def motion_of_the_other_sign(folder, rng):
    with in_motion(folder) as record:
        entry = pick(rng, _moved(record))
        entry["position"] = [-q for q in entry["position"]]


@fault("motion", "MOT009", seen="the motion cannot be followed")
def motion_beyond_limits(folder, rng):
    with in_motion(folder) as record:
        entry = pick(rng, _moved(record, "revolute", "prismatic"))
        entry["position"][_index(record, rng)] = 50.0


@fault("motion", "MOT010", seen="the follower follows another")
def motion_follows_another(folder, rng):
    with in_motion(folder) as record:
        entry = pick(rng, [e for e in record["joints"].values() if "mimic" in e])
        entry["mimic"]["joint"] += "_2"


@fault("motion", "MOT010", seen="a policy drives what it cannot drive")
def motion_follows_nobody(folder, rng):
    with in_motion(folder) as record:
        pick(rng, [e for e in record["joints"].values() if "mimic" in e]).pop("mimic")


@fault("motion", "MOT011", seen="a constraint fights the reference")
def follower_out_of_step(folder, rng):
    with in_motion(folder) as record:
        entry = pick(rng, [e for e in record["joints"].values() if "mimic" in e])
        entry["position"] = [q + 0.01 for q in entry["position"]]


@fault("motion", "MOT012", seen="an empty range of what was seen")
def observed_range_swapped(folder, rng):
    with in_motion(folder) as record:
        pick(rng, list(record["joints"].values()))["observed_range"] = [0.5, -0.5]
