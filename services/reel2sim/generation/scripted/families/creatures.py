"""Bodies that walk or slither.

Legs are parts ``hip_k`` and ``knee_k`` (and ``ankle_k``) that turn about y and hang straight down
at zero state; a snake is a chain of ``segment_k`` that turn about z.
"""

from __future__ import annotations

import numpy as np

from reel2sim.generation.scripted.family import Bench, Family, Noun, X, Y, Z, v3
from reel2sim.generation.scripted.solids import Solid, block, box, capsule, cone, cylinder, sphere


def _leg(
    b: Bench, k: int, x: float, y: float, hip: float, thigh: float, r: float, foot: float
) -> None:
    """Thigh and shank of leg ``k``, whose hip is at (x, y, hip); the foot's ball touches z = 0."""
    knee = hip - thigh
    out = np.sign(y) * 0.3 * r
    b.hinge(
        f"hip_{k}", "body", sphere((x, y, hip), 1.25 * r, "dark", 16),
        capsule((x, y, hip), (x, y, knee), r, "accent", 16),
        axis=Y, pivot=(x, y, hip), travel=-0.9, noun="leg", index=k, both=True,
    )  # fmt: skip
    b.hinge(
        f"knee_{k}", f"hip_{k}",
        cylinder((x, y - 1.1 * r, knee), (x, y + 1.1 * r, knee), 0.9 * r, "dark", 16),
        capsule((x, y + out, knee), (x, y + out, foot), 0.75 * r, "base", 16),
        sphere((x, y + out, foot), foot, "rubber", 16),
        axis=Y, pivot=(x, y, knee), travel=1.4, noun="leg", index=k,
    )  # fmt: skip


def _quadruped(b: Bench) -> None:
    """A robot dog with a head and a tail."""
    s = b.size
    x, y = b.vary(0.20) * s, b.vary(0.085) * s * b.wide
    thigh, foot = b.vary(0.14, 0.06) * s * b.high, 0.02 * s
    hip = 2 * thigh + foot
    z, r = hip + 0.02 * s, 0.022 * s
    b.root(
        "body",
        box((-x, -y, z - 0.045 * s), (x, y, z + 0.05 * s), "base"),
        box((-0.8 * x, -0.75 * y, z + 0.05 * s), (0.8 * x, 0.75 * y, z + 0.066 * s), "dark"),
        *(
            block((t * x, e * (y + 0.001), z), (0.18 * x, 0.003, 0.05 * s), "accent")
            for t in (-0.4, 0, 0.4)
            for e in (-1, 1)
        ),
        capsule((x, 0, z + 0.02 * s), (x + 0.06 * s, 0, z + 0.08 * s), 0.022 * s, "dark"),
    )
    # Legs: front left, front right, hind left, hind right, seen from the front.
    for k in range(4):
        _leg(
            b,
            k,
            (1 if k < 2 else -1) * 0.82 * x,
            (-1, 1)[k % 2] * (y + 1.3 * r),
            hip,
            thigh,
            r,
            foot,
        )
    neck = np.array([x + 0.06 * s, 0, z + 0.09 * s])
    b.hinge(
        "head",
        "body",
        box(
            (neck[0] - 0.02 * s, -0.055 * s, neck[2] - 0.01 * s),
            (neck[0] + 0.11 * s, 0.055 * s, neck[2] + 0.07 * s),
            "base",
        ),
        box(
            (neck[0] + 0.11 * s, -0.03 * s, neck[2] - 0.005 * s),
            (neck[0] + 0.15 * s, 0.03 * s, neck[2] + 0.03 * s),
            "dark",
        ),
        *(
            sphere(
                (neck[0] + 0.108 * s, e * 0.028 * s, neck[2] + 0.045 * s), 0.012 * s, "steel", 12
            )
            for e in (-1, 1)
        ),
        *(
            cone(
                (neck[0] + 0.01 * s, e * 0.04 * s, neck[2] + 0.065 * s),
                (neck[0] - 0.005 * s, e * 0.045 * s, neck[2] + 0.12 * s),
                0.018 * s,
                0.004 * s,
                "accent",
                12,
            )
            for e in (-1, 1)
        ),
        axis=Z,
        pivot=neck,
        travel=0.7,
        noun="head",
        both=True,
    )
    back = np.array([-x, 0, z + 0.03 * s])
    b.hinge(
        "tail",
        "body",
        capsule(back, back + np.array([-0.11, 0, 0.09]) * s, 0.013 * s, "accent", 12),
        axis=X,
        pivot=back,
        travel=0.6,
        noun="tail",
        both=True,
    )


def _biped(b: Bench) -> None:
    """A walking robot with arms and a head."""
    s = b.size
    thigh, foot = b.vary(0.20, 0.06) * s * b.high, 0.03 * s
    hip, y = 2 * thigh + foot, b.vary(0.075) * s * b.wide
    r = 0.035 * s
    chest = hip + 0.30 * s
    b.root(
        "body",
        box((-0.06 * s, -1.5 * y, hip + 0.02 * s), (0.06 * s, 1.5 * y, hip + 0.09 * s), "dark"),
        box((-0.08 * s, -1.9 * y, hip + 0.09 * s), (0.08 * s, 1.9 * y, chest), "base"),
        block((0.081 * s, 0, chest - 0.08 * s), (0.006 * s, 0.09 * s, 0.06 * s), "accent"),
        cylinder((0, 0, chest), (0, 0, chest + 0.03 * s), 0.03 * s, "dark"),
    )
    for k, e in enumerate((-1, 1)):
        _leg(b, k, 0.0, e * y, hip, thigh, r, foot)
        ankle = (0.0, e * y, foot)
        b.hinge(
            f"ankle_{k}",
            f"knee_{k}",
            box((-0.05 * s, e * y - 0.04 * s, 0), (0.10 * s, e * y + 0.04 * s, foot), "rubber"),
            axis=Y,
            pivot=ankle,
            travel=1.0,
            noun="",
            index=k,
            both=True,
        )
        at = np.array([0, e * (1.9 * y + 0.035 * s), chest - 0.05 * s])
        down = np.array([0, 0, -0.15 * s])
        b.hinge(
            f"shoulder_{k}",
            "body",
            sphere(at, 0.036 * s, "dark", 16),
            capsule(at, at + down, 0.026 * s, "accent"),
            axis=(0, -1, 0),
            pivot=at,
            travel=1.4,
            noun="arm",
            index=k,
            both=True,
        )
        b.hinge(
            f"elbow_{k}",
            f"shoulder_{k}",
            sphere(at + down, 0.03 * s, "dark", 16),
            capsule(at + down, at + 1.9 * down, 0.022 * s, "base"),
            sphere(at + 1.95 * down, 0.032 * s, "rubber", 16),
            axis=(0, -1, 0),
            pivot=at + down,
            travel=1.3,
            noun="arm",
            index=k,
        )
    top = chest + 0.03 * s
    b.hinge(
        "head",
        "body",
        box((-0.065 * s, -0.075 * s, top), (0.065 * s, 0.075 * s, top + 0.13 * s), "base"),
        block((0.066 * s, 0, top + 0.075 * s), (0.006 * s, 0.12 * s, 0.05 * s), "dark"),
        *(
            sphere(
                (0.07 * s, e * 0.03 * s, top + 0.075 * s),
                0.013 * s,
                b.surface("eye", "glass", (0.85, 0.95, 0.98)),
                12,
            )
            for e in (-1, 1)
        ),
        cylinder((0, 0, top + 0.13 * s), (0, 0, top + 0.17 * s), 0.006 * s, "steel"),
        sphere((0, 0, top + 0.175 * s), 0.014 * s, "accent", 12),
        axis=Z,
        pivot=(0, 0, top),
        travel=0.8,
        noun="head",
        both=True,
    )


def _snake(b: Bench) -> None:
    """A chain of segments, head first, lying along −x."""
    n, s = b.count("segment"), b.size
    long, r = b.vary(0.075) * s * b.wide, b.vary(0.028) * s
    stripe = b.surface("stripe", "paint", b.accent)
    b.root(
        "head",
        capsule((-0.2 * long, 0, r), (0.35 * long, 0, r), 1.15 * r, "base", 20),
        cone((0.35 * long, 0, r), (0.95 * long, 0, 0.8 * r), 1.0 * r, 0.35 * r, "base", 20),
        *(sphere((0.45 * long, e * 0.6 * r, 1.8 * r), 0.3 * r, "dark", 12) for e in (-1, 1)),
        box((0.9 * long, -0.12 * r, 0.7 * r), (1.3 * long, 0.12 * r, 0.8 * r), "accent"),
    )
    parent = "head"
    for k in range(n):
        x = -(k + 0.5) * long
        thin = r * (1 if k < n - 3 else 0.88 ** (k - n + 4))
        body: list[Solid] = [
            capsule(
                (x - 0.12 * long, 0, r),
                (x - 0.88 * long, 0, r),
                thin,
                "base" if k % 2 else stripe,
                20,
            ),
            cylinder((x, 0, 0.5 * r), (x, 0, 1.5 * r), 0.55 * r, "dark", 16),
        ]
        b.hinge(
            f"segment_{k}", parent, *body, axis=Z, pivot=(x, 0, r), travel=0.8, noun="segment",
            index=k, both=True,
        )  # fmt: skip
        parent = f"segment_{k}"


def _crab(b: Bench) -> None:
    """A beetle of six legs and claws that open."""
    s = b.size
    thigh, foot = b.vary(0.07) * s * b.high, 0.014 * s
    hip, y, r = 2 * thigh + foot, b.vary(0.09) * s * b.wide, 0.014 * s
    z = hip + 0.01 * s
    b.root(
        "body",
        capsule((-0.10 * s, 0, z), (0.08 * s, 0, z), 0.062 * s, "base", 28),
        sphere((0.15 * s, 0, z), 0.05 * s, "accent", 20),
        *(sphere((0.185 * s, e * 0.024 * s, z + 0.03 * s), 0.012 * s, "dark", 12) for e in (-1, 1)),
        box((-0.13 * s, -y + r, z - 0.02 * s), (0.11 * s, y - r, z + 0.01 * s), "dark"),
    )
    for k in range(6):
        _leg(b, k, (0.09, 0.0, -0.10)[k // 2] * s, (-1, 1)[k % 2] * y, hip, thigh, r, foot)
    for k, e in enumerate((-1, 1)):
        at = np.array([0.185 * s, e * 0.02 * s, z - 0.01 * s])
        tip = at + np.array([0.07 * s, e * 0.012 * s, -0.01 * s])
        b.hinge(
            f"claw_{k}",
            "body",
            capsule(at, tip, 0.009 * s, "dark", 12),
            cone(tip, tip + v3(0.03 * s, -e * 0.015 * s, 0), 0.009 * s, 0.001, "dark", 12),
            axis=(0, 0, e),
            pivot=at,
            travel=0.7,
            noun="claw",
            index=k,
        )


FAMILIES = (
    Family(
        "quadruped",
        "creatures",
        _quadruped,
        (Noun("leg", 4, 4, 4), Noun("head", manner="wave"), Noun("tail", manner="wave")),
        "paint",
        ("robot dog", "dog"),
        ("walk", "push", "drop"),
        "a yellow robot dog walks",
    ),
    Family(
        "biped",
        "creatures",
        _biped,
        (
            Noun("arm", 2, 2, 2),
            Noun("leg", 2, 2, 2),
            Noun("head", manner="wave"),
        ),
        "paint",
        ("robot", "humanoid"),
        ("walk", "push", "drop"),
        "a white robot walks slowly, the head turns",
    ),
    Family(
        "snake",
        "creatures",
        _snake,
        (Noun("segment", 5, 12, 8, "wave"),),
        "paint",
        (),
        ("slither",),
        "a green snake with ten segments slithers",
        tabletop=True,
    ),
    Family(
        "beetle",
        "creatures",
        _crab,
        (Noun("leg", 6, 6, 6), Noun("claw", 2, 2, 2)),
        "paint",
        ("hexapod",),
        ("walk", "push", "drop"),
        "a purple beetle walks and the claws open",
        tabletop=True,
    ),
)
