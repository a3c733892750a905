"""Robot arms."""

from __future__ import annotations

import numpy as np

from reel2sim.generation.scripted.family import Bench, Family, Noun, X, Y, Z
from reel2sim.generation.scripted.solids import Solid, block, box, capsule, cylinder


def _gripper(b: Bench, parent: str, at: np.ndarray, way: np.ndarray) -> None:
    """Two fingers on a palm at ``at``, pointing along ``way`` in the plane of x and z."""
    s = b.size
    across = np.array(Y)
    for k, e in enumerate((-1.0, 1.0)):
        root = at + e * 0.018 * s * across
        finger = capsule(root, root + 0.07 * s * way, 0.009 * s, "dark", 12)
        pad = capsule(root + 0.05 * s * way, root + 0.075 * s * way, 0.011 * s, "rubber", 12)
        b.slide(
            f"finger_{k}",
            parent,
            finger,
            pad,
            axis=e * across,
            travel=0.03 * s,
            pivot=root,
            noun="gripper",
            index=0,
        )


def _arm(b: Bench) -> None:
    """A serial arm of three to seven turning joints: yaw, pitch, pitch, roll and so on."""
    n, s = b.count("joint"), b.size
    r = 0.045 * s * b.wide
    b.root(
        "base",
        cylinder((0, 0, 0), (0, 0, 0.03 * s), 2.0 * r, "dark", 32),
        cylinder((0, 0, 0.03 * s), (0, 0, 0.09 * s), 1.4 * r, "base", 32),
        *(
            cylinder(
                (1.65 * r * np.cos(a), 1.65 * r * np.sin(a), 0.03 * s),
                (1.65 * r * np.cos(a), 1.65 * r * np.sin(a), 0.036 * s),
                0.15 * r,
                "steel",
                8,
            )
            for a in np.arange(6) * np.pi / 3 + 0.3
        ),
    )
    # What each joint does, its share of the reach, and how the link bends against the last.
    plan = [("yaw", 0.10, 0.0), ("pitch", 0.30, 0.2), ("pitch", 0.26, 0.8)]
    plan += [("roll", 0.08, 0.0), ("pitch", 0.13, 0.5), ("roll", 0.06, 0.0), ("pitch", 0.08, 0.2)]
    reach = b.vary(0.95, 0.06) * s * b.high / sum(share for _, share, _ in plan[:n]) ** 0.5
    at, lean, parent = np.array([0, 0, 0.09 * s]), 0.0, "base"
    for k, (kind, share, bend) in enumerate(plan[:n]):
        lean += bend
        way = np.array([np.sin(lean), 0, np.cos(lean)])
        end = at + share * reach * way
        thick = r * (1.0 - 0.09 * k)
        solids: list[Solid] = []
        if kind == "pitch":
            wide = np.array([0, 1.15 * thick, 0])
            solids.append(cylinder(at - wide, at + wide, 1.1 * thick, "accent", 28))
            solids.append(cylinder(at - 1.12 * wide, at + 1.12 * wide, 0.6 * thick, "dark", 20))
            solids.append(capsule(at, end, 0.72 * thick, "base" if k % 2 else "front", 20))
        else:
            solids.append(cylinder(at, end, 0.95 * thick, "base", 28))
            solids.append(cylinder(end - 0.3 * (end - at), end, 1.02 * thick, "dark", 28))
            spot = at + 0.4 * (end - at) + 0.95 * thick * np.array([np.cos(lean), 0, -np.sin(lean)])
            solids.append(block(spot, (0.35 * thick, 0.5 * thick, 0.35 * thick), "accent"))
        axis = Y if kind == "pitch" else way
        travel = {"yaw": 1.2, "pitch": 0.45, "roll": 1.4}[kind]
        b.hinge(
            f"link_{k + 1}", parent, *solids, axis=axis, pivot=at, travel=travel, noun="joint",
            index=k, both=True,
        )  # fmt: skip
        at, parent = end, f"link_{k + 1}"
    way = np.array([np.sin(lean), 0, np.cos(lean)])
    palm = [cylinder(at, at + 0.025 * s * way, 0.8 * r * (1 - 0.09 * n), "steel", 24)]
    if b.count("gripper"):
        palm.append(
            cylinder(
                at + 0.02 * s * way - [0, 0.05 * s, 0],
                at + 0.02 * s * way + [0, 0.05 * s, 0],
                0.014 * s,
                "dark",
            )
        )
    b.fix("tool", parent, *palm, pivot=at)
    if b.count("gripper"):
        _gripper(b, "tool", at + 0.03 * s * way, way)


def _scara(b: Bench) -> None:
    """Two arms that turn about upright axes and a quill that goes up and down."""
    s = b.size
    high, long = b.vary(0.34) * s * b.high, b.vary(0.24) * s * b.wide
    r = 0.05 * s
    b.root(
        "base",
        box((-0.11 * s, -0.10 * s, 0), (0.09 * s, 0.10 * s, 0.025 * s), "dark"),
        cylinder((0, 0, 0.025 * s), (0, 0, high), 1.1 * r, "base", 32),
    )
    z, x, parent = high, 0.0, "base"
    for k in range(2):
        z0 = z + k * 0.075 * s
        b.hinge(
            f"arm_{k}",
            parent,
            cylinder((x, 0, z0), (x, 0, z0 + 0.07 * s), 1.15 * r, "accent", 32),
            box((x, -0.8 * r, z0 + 0.008 * s), (x + long, 0.8 * r, z0 + 0.062 * s), "front"),
            cylinder(
                (x + long, 0, z0 + 0.005 * s), (x + long, 0, z0 + 0.066 * s), 0.9 * r, "front", 28
            ),
            axis=Z,
            pivot=(x, 0, z0),
            travel=0.9,
            noun="arm",
            index=k,
            both=True,
        )
        x, parent = x + long, f"arm_{k}"
    top = z + 0.075 * s
    b.slide(
        "quill",
        parent,
        cylinder((x, 0, top - 0.12 * s), (x, 0, top + 0.16 * s), 0.014 * s, "steel"),
        cylinder((x, 0, top + 0.15 * s), (x, 0, top + 0.165 * s), 0.024 * s, "dark"),
        axis=(0, 0, -1),
        travel=0.08 * s,
        pivot=(x, 0, top),
        noun="quill",
    )
    low = top - 0.12 * s
    b.hinge(
        "tool",
        "quill",
        cylinder((x, 0, low - 0.02 * s), (x, 0, low), 0.026 * s, "dark"),
        *(
            box(
                (x - 0.01 * s, e * 0.02 * s - 0.005 * s, low - 0.07 * s),
                (x + 0.01 * s, e * 0.02 * s + 0.005 * s, low - 0.02 * s),
                "accent",
            )
            for e in (-1, 1)
        ),
        axis=Z,
        pivot=(x, 0, low),
        travel=1.5,
        noun="tool",
        both=True,
    )


def _gantry(b: Bench) -> None:
    """Three rails across one another, as in a 3D printer."""
    s = b.size
    half, high = b.vary(0.2) * s * b.wide, b.vary(0.38) * s * b.high
    t = 0.015 * s
    b.root(
        "frame",
        box((-half, -half, 0), (half, half, 0.02 * s), "dark"),
        *(box((-t, e * half - t, 0.02 * s), (t, e * half + t, high), "base") for e in (-1, 1)),
        box((-t, -half - t, high), (t, half + t, high + 2 * t), "base"),
    )
    b.slide(
        "bed",
        "frame",
        box((-0.7 * half, -0.7 * half, 0.035 * s), (0.7 * half, 0.7 * half, 0.045 * s), "accent"),
        box((-0.8 * half, -t, 0.021 * s), (0.8 * half, t, 0.035 * s), "steel"),
        axis=X,
        travel=0.5 * half,
        noun="bed",
        both=True,
        pivot=(0, 0, 0.04 * s),
    )
    z = 0.35 * high
    b.slide(
        "bridge",
        "frame",
        cylinder((1.6 * t, -0.93 * half, z), (1.6 * t, 0.93 * half, z), 0.008 * s, "steel"),
        *(block((0.6 * t, e * half, z), (4 * t, 3.2 * t, 3 * t), "front") for e in (-1, 1)),
        axis=Z,
        travel=0.5 * high,
        noun="bridge",
        pivot=(0, 0, z),
    )
    b.slide(
        "carriage", "bridge", block((2.4 * t, 0, z), (3 * t, 0.06 * s, 0.05 * s), "accent"),
        cylinder((2.4 * t, 0, z - 0.05 * s), (2.4 * t, 0, z - 0.025 * s), 0.008 * s, "steel"),
        axis=Y, travel=0.7 * half, noun="carriage", both=True, pivot=(2.4 * t, 0, z),
    )  # fmt: skip


FAMILIES = (
    Family(
        "robotarm", "robots", _arm, (Noun("joint", 3, 7, 6, "travel"), Noun("gripper", 0, 1, 0)),
        "paint", ("robot arm", "robotic arm"), (),
        "an orange robot arm with five joints and a gripper, the second joint turns", tabletop=True,
    ),
    Family(
        "scara", "robots", _scara, (Noun("arm", 2, 2, 2), Noun("quill"), Noun("tool")), "paint",
        ("scara robot",), (), "a white scara, the arms turn, then the quill lowers", tabletop=True,
    ),
    Family(
        "printer", "robots", _gantry,
        (Noun("bed", manner="wave"), Noun("bridge"), Noun("carriage", manner="wave")), "metal",
        ("gantry",), (), "a printer, the carriage moves and the bridge rises", tabletop=True,
    ),
)  # fmt: skip
