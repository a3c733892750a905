"""Hand tools whose halves turn on pins."""

from __future__ import annotations

import numpy as np

from reel2sim.generation.scripted.family import Bench, Family, Noun, Z
from reel2sim.generation.scripted.solids import Solid, box, capsule, cylinder, extrusion, torus

X, Y = (1, 0, 0), (0, 1, 0)


def _scissors(b: Bench) -> None:
    """Two blades with rings on a screw, lying flat, points towards −y."""
    s, t = b.size, 0.004 * b.size
    long, back = b.vary(0.12) * s * b.wide, b.vary(0.085) * s
    grip = b.surface("grip", "plastic", b.thing.colour or b.accent)

    def half(side: int, z: float) -> list[Solid]:
        blade = np.array([(0.012, 0.02), (0.001, -1.0), (-0.006, -0.9), (-0.013, 0.02)])
        blade = blade * [s, long]
        shank = np.array([(0.010, 0.03), (-0.010, 0.03), (0.016, 1.0), (0.030, 0.95)]) * [s, back]
        flip = [-1, 1] if side < 0 else [1, 1]
        blade, shank = blade * flip, shank * [-1, 1] if side > 0 else shank
        order = slice(None, None, -1)
        made = [
            extrusion(_ccw(blade[order]), (0, 0, z), X, Y, t, "steel"),
            extrusion(_ccw(shank[order]), (0, 0, z), X, Y, 1.6 * t, grip),
        ]
        at = (-side * 0.030 * s, back + 0.016 * s, z)
        made.append(torus(at, Z, 0.021 * s, 0.006 * s, grip))
        return made

    z = 0.008 * s
    b.root("blade_a", *half(1, z), cylinder((0, 0, z), (0, 0, z + 3 * t), 0.006 * s, "dark"))
    b.hinge(
        "blade_b",
        "blade_a",
        *half(-1, z + 1.7 * t),
        axis=(0, 0, 1),
        pivot=(0, 0, z),
        travel=0.9,
        noun="blade",
    )


def _ccw(outline: np.ndarray) -> np.ndarray:
    """The outline, turned round if it runs clockwise."""
    x, y = outline.T
    area = np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)
    return outline if area > 0 else outline[::-1]


def _pliers(b: Bench) -> None:
    """Two crossed levers with jaws, lying flat, jaws towards −y."""
    s, t = b.size, 0.010 * b.size
    jaw, back = b.vary(0.05) * s, b.vary(0.13) * s * b.wide
    grip = b.surface("grip", "rubber", b.thing.colour or b.accent)

    def half(side: int, z: float) -> list[Solid]:
        mouth = np.array(
            [(0.001, -1.0), (0.007, -1.0), (0.016, -0.3), (0.014, 0.25), (0.001, 0.25)]
        )
        mouth = mouth * [s, jaw] * [side, 1]
        arm = [(0.0, 0.0, z), (-side * 0.022 * s, 0.35 * back, z), (-side * 0.026 * s, back, z)]
        return [
            extrusion(_ccw(mouth), (0, 0, z), X, Y, t, "base"),
            cylinder((0, 0, z - t / 2), (0, 0, z + t / 2), 0.016 * s, "base"),
            capsule(arm[0], arm[1], 0.006 * s, "base", 12),
            capsule(arm[1], arm[2], 0.008 * s, grip, 12),
        ]

    z = 0.009 * s
    b.root("lever_a", *half(1, z), cylinder((0, 0, z), (0, 0, z + 1.9 * t), 0.005 * s, "dark"))
    b.hinge(
        "lever_b",
        "lever_a",
        *half(-1, z + 1.05 * t),
        axis=(0, 0, 1),
        pivot=(0, 0, z),
        travel=0.7,
        noun="jaw",
    )


def _stapler(b: Bench) -> None:
    """A magazine and a cap that both turn on a pin at the back of the base."""
    s, long, w = b.size, b.vary(0.15) * b.size * b.wide, 0.018 * b.size
    x0, x1 = -long / 2, long / 2
    b.root(
        "base",
        box((x0, -w, 0), (x1, w, 0.008 * s), "base"),
        box((x0, -w, 0.008 * s), (x0 + 0.012 * s, w, 0.035 * s), "base"),
        box((x1 - 0.02 * s, -0.5 * w, 0.008 * s), (x1 - 0.005 * s, 0.5 * w, 0.011 * s), "steel"),
    )
    pivot = (x0 + 0.006 * s, 0, 0.032 * s)
    b.hinge(
        "magazine",
        "base",
        box((x0 + 0.014 * s, -0.7 * w, 0.022 * s), (x1, 0.7 * w, 0.036 * s), "steel"),
        axis=(0, -1, 0),
        pivot=pivot,
        travel=0.5,
        noun="magazine",
    )
    top = np.array([(0, 0.038), (1, 0.042), (1.01, 0.052), (0.6, 0.066), (0.08, 0.060)])
    outline = np.c_[x0 + 0.002 + top[:, 0] * long, top[:, 1] * s]
    cap = extrusion(_ccw(outline), (0, 0, 0), X, (0, 0, 1), 2 * w, "front")
    b.hinge(
        "cap",
        "magazine",
        cap,
        extrusion(
            _ccw(outline * [0.5, 1] + [0.02 * s, 0.004 * s]),
            (0, 0, 0),
            X,
            (0, 0, 1),
            1.5 * w,
            "accent",
        ),
        axis=(0, -1, 0),
        pivot=pivot,
        travel=0.6,
        noun="cap",
    )


def _rule(b: Bench) -> None:
    """A folding rule: flat members on pins at alternate ends, folded at zero state."""
    n = b.count("joint") + 1
    s, long = b.size, b.vary(0.2) * b.size * b.wide
    w, t = 0.012 * s, 0.005 * s

    def member(k: int) -> list[Solid]:
        z = (k + 0.5) * t
        made: list[Solid] = [
            box((-w, -long / 2, z - 0.42 * t), (w, long / 2, z + 0.42 * t), "front"),
        ]
        made += [
            cylinder((0, e * long / 2, z - 0.43 * t), (0, e * long / 2, z + 0.43 * t), w, "front")
            for e in (-1, 1)
        ]
        y = (-1) ** (k + 1) * long / 2
        made.append(cylinder((0, y, z), (0, y, z + 0.6 * t), 0.4 * w, "steel"))
        made += [
            box((w * 0.4, at - 0.0008, z - 0.45 * t), (w * 1.01, at + 0.0008, z + 0.45 * t), "dark")
            for at in np.linspace(-0.42, 0.42, 15) * long
        ]
        return made

    b.root("member_0", *member(0))
    for k in range(1, n):
        y = (-1) ** k * long / 2
        b.hinge(
            f"member_{k}", f"member_{k - 1}", *member(k), axis=(0, 0, (-1) ** k),
            pivot=(0, y, (k + 0.5) * t), travel=2.6, noun="joint", index=k - 1,
        )  # fmt: skip


def _knife(b: Bench) -> None:
    """A pocket knife whose blades turn out of the handle."""
    n = b.count("blade")
    s, long = b.size, b.vary(0.09) * b.size * b.wide
    w = 0.011 * s
    gap = 0.004 * s
    half = n * gap / 2 + 0.001 * s
    shell = np.array(
        [(-w, -long / 2), (w, -long / 2 + 0.3 * w), (w, long / 2 - 0.3 * w), (-w, long / 2)]
    )
    scale = b.surface("scale", b.thing.material, b.thing.colour or b.accent, metres=0.2)
    zs = half + 0.002 * s
    mid = zs + 0.002 * s
    b.root(
        "handle",
        *(extrusion(_ccw(shell), (0, 0, mid + e * zs), X, Y, 0.004 * s, scale) for e in (-1, 1)),
        *(
            cylinder(
                (0, e * (long / 2 - 0.6 * w), mid - zs),
                (0, e * (long / 2 - 0.6 * w), mid + zs),
                0.35 * w,
                "steel",
            )
            for e in (-1, 1)
        ),
        box((-w, -long / 2 + w, mid - half), (-0.7 * w, long / 2 - w, mid + half), "steel"),
    )
    for k in range(n):
        end = 1 if k % 2 == 0 else -1
        y = end * (long / 2 - 0.6 * w)
        reach = -end * 0.82 * long
        z = mid - half + (k + 0.5) * gap + 0.001 * s
        blade = np.array(
            [
                (-0.3 * w, y + end * 0.3 * w),
                (-0.3 * w, y + reach),
                (0.5 * w, y + 0.8 * reach),
                (1.25 * w, y + 0.5 * reach),
                (1.25 * w, y + 0.3 * end * w),
            ]
        )
        b.hinge(
            f"blade_{k}", "handle", extrusion(_ccw(blade), (0, 0, z), X, Y, 0.5 * gap, "steel"),
            axis=(0, 0, end), pivot=(0, y, z), travel=2.7 - 0.25 * (k // 2), noun="blade", index=k,
        )  # fmt: skip


FAMILIES = (
    Family(
        "scissors",
        "tools",
        _scissors,
        (Noun("blade", ajar=0.3),),
        "metal",
        (),
        ("push", "drop"),
        "red scissors open and close",
        tabletop=True,
    ),
    Family(
        "pliers",
        "tools",
        _pliers,
        (Noun("jaw", ajar=0.2),),
        "metal",
        (),
        ("push", "drop"),
        "large pliers open",
        tabletop=True,
    ),
    Family(
        "stapler",
        "tools",
        _stapler,
        (Noun("magazine"), Noun("cap")),
        "plastic",
        (),
        ("push", "drop"),
        "a blue stapler, the cap opens half way",
        tabletop=True,
    ),
    Family(
        "rule",
        "tools",
        _rule,
        (Noun("joint", 1, 6, 3, ajar=0.15),),
        "wood",
        ("folding rule", "ruler"),
        ("push", "drop"),
        "a yellow folding rule with four joints unfolds",
        tabletop=True,
    ),
    Family(
        "knife",
        "tools",
        _knife,
        (Noun("blade", 1, 4, 2, ajar=0.1),),
        "wood",
        ("pocket knife", "penknife"),
        ("push", "drop"),
        "a pocket knife with three blades, the first blade opens",
        tabletop=True,
    ),
)
