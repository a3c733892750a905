"""Laptops and phones that fold."""

from __future__ import annotations

from reel2sim.generation.scripted.family import Bench, Family, Noun
from reel2sim.generation.scripted.solids import box, cylinder, plate


def _laptop(b: Bench) -> None:
    """A base with a keyboard and a lid with a screen; opens towards +x, hinge along y behind."""
    width, depth = b.vary(0.34, 0.05) * b.size * b.wide, b.vary(0.24, 0.05) * b.size
    thick, lid = 0.020 * b.size * b.high, 0.010 * b.size
    x0, x1, y, gap = -depth / 2, depth / 2, width / 2, 0.003
    keys = b.surface("keyboard", b.thing.material, b.thing.colour, pattern="keyboard")
    screen = b.surface("screen", "glass", None, pattern="screen")
    # Whoever sits before it looks along −x: to the right is −y... of a reader at +x, it is +y.
    b.root(
        "base",
        box((x0, -y, 0), (x1, y, thick), "base"),
        plate((0, 0, thick), (0, 0.96 * y, 0), (-0.96 * depth / 2, 0, 0), keys),
    )
    z = thick + gap
    b.hinge(
        "lid", "base",
        box((x0, -y, z), (x1, y, z + lid), "base"),
        plate((0, 0, z), (0, 0.96 * y, 0), (0.96 * depth / 2, 0, 0), screen),
        box((x0 - 0.006 * b.size, -0.7 * y, thick * 0.5), (x0, 0.7 * y, z), "dark"),
        axis=(0, -1, 0), pivot=(x0, 0, thick + gap / 2), travel=2.1, noun="lid",
    )  # fmt: skip


def _phone(b: Bench) -> None:
    """A flip phone lying on its back, hinge behind."""
    s = b.size
    w, long, t = 0.025 * s * b.wide, b.vary(0.045) * s, 0.008 * s * b.high
    keys = b.surface("keypad", "plastic", (0.25, 0.26, 0.28), pattern="keypad")
    screen = b.surface("screen", "glass", None, pattern="screen")
    r, gap = t, 0.0012
    b.root(
        "base",
        box((-long, -w, 0), (long, w, t), "base"),
        plate((0.1 * long, 0, t), (0, 0.85 * w, 0), (-0.85 * long, 0, 0), keys, thickness=0.0005),
        *(cylinder((-long, e * w, t), (-long, e * 0.5 * w, t), r, "dark") for e in (-1, 1)),
    )
    z = t + gap
    b.hinge(
        "lid", "base",
        box((-long, -w, z), (long, w, z + t), "front"),
        plate((0.1 * long, 0, z), (0, 0.8 * w, 0), (0.8 * long, 0, 0), screen, thickness=0.0005),
        cylinder((-long, -0.49 * w, t), (-long, 0.49 * w, t), r, "accent"),
        cylinder((0.55 * long, 0, z + t), (0.55 * long, 0, z + t + 0.001), 0.3 * w, "accent"),
        axis=(0, -1, 0), pivot=(-long, 0, t), travel=2.5, noun="lid",
    )  # fmt: skip


def _handheld(b: Bench) -> None:
    """A music box: a crank turns a drum, under a lid."""
    s = b.size
    x, y, high = 0.06 * s, b.vary(0.09) * s * b.wide, b.vary(0.06) * s * b.high
    w = 0.008 * s
    b.root(
        "case",
        box((-x, -y, 0), (x, y, w), "base"),
        box((-x, -y, w), (x, -y + w, high), "base"),
        box((-x, y - w, w), (x, y, high), "base"),
        box((-x, -y + w, w), (-x + w, y - w, high), "base"),
        box((x - w, -y + w, w), (x, y - w, high), "base"),
    )
    z = 0.6 * high
    reach = z - 0.008 * s
    pins = [
        cylinder((0, 0.7 * y * t, z), (0, 0.7 * y * t + 0.003 * s, z), 0.42 * high, "accent", 12)
        for t in (-0.8, -0.5, -0.1, 0.2, 0.6)
    ]
    b.spin(
        "crank",
        "case",
        cylinder((0, -0.8 * y, z), (0, 0.8 * y, z), 0.34 * high, "steel"),
        *pins,
        cylinder((0, 0.8 * y, z), (0, y + 0.02 * s, z), 0.005 * s, "steel"),
        box(
            (-0.006 * s, y + 0.014 * s, z - 0.006 * s),
            (0.006 * s, y + 0.022 * s, z + reach),
            "steel",
        ),
        cylinder(
            (0, y + 0.02 * s, z + reach - 0.005 * s),
            (0, y + 0.06 * s, z + reach - 0.005 * s),
            0.01 * s,
            "dark",
        ),
        axis=(0, 1, 0),
        pivot=(0, 0, z),
        noun="crank",
        turns=2.0,
    )
    top = high + 0.001
    b.hinge(
        "lid",
        "case",
        box((-x, -y, top), (x, y, top + w), "front"),
        box((-0.6 * x, -0.6 * y, top + w), (0.6 * x, 0.6 * y, top + 1.3 * w), "accent"),
        axis=(0, -1, 0),
        pivot=(-x, 0, top),
        travel=1.8,
        noun="lid",
    )


FAMILIES = (
    Family(
        "laptop", "devices", _laptop, (Noun("lid", ajar=0.15),), "metal", ("notebook",),
        ("push", "drop"), "a laptop, the lid opens half way", tabletop=True,
    ),
    Family(
        "phone", "devices", _phone, (Noun("lid", ajar=0.12),), "plastic",
        ("flip phone", "telephone"), ("push", "drop"), "a pink flip phone opens", tabletop=True,
    ),
    Family(
        "musicbox", "devices", _handheld, (Noun("lid"), Noun("crank", manner="spin")), "wood",
        ("music box",), ("push", "drop"), "a music box, the lid opens and the crank turns",
        tabletop=True,
    ),
)  # fmt: skip
