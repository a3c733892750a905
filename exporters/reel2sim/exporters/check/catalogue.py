"""Every check: its stable id, what fails it, and what to do then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Check:
    """One promise.

    Attributes:
        id: stable name; numbers are never given twice.
        severity: how bad a failure is.
        what: what a failure means.
        remedy: what to do about it.
    """

    id: str
    severity: Severity
    what: str
    remedy: str


_EXPORT = "Export the bundle again."
_ROWS: tuple[tuple[str, Severity, str, str], ...] = (
    ("FILE001", "error", "A file of the bundle is missing or empty.", _EXPORT),
    (
        "FILE002",
        "warning",
        "A file is not the one that was exported: size or SHA-256 differ.",
        "Export again, or ignore this if you edited the file on purpose.",
    ),
    ("FILE003", "info", "A file that the manifest does not list.", "Remove it if it is not yours."),
    (
        "FILE004",
        "error",
        "The check itself could not go on with this file.",
        "Export the bundle again; if that does not help, report this finding.",
    ),
    ("MAN001", "error", "`manifest.json` is not JSON of the documented form.", _EXPORT),
    (
        "MAN002",
        "error",
        "`manifest.json` has a schema version this release does not know.",
        "Use the release that wrote the bundle, or export it again.",
    ),
    ("MAN003", "error", "`manifest.json` names other links or joints than the URDF.", _EXPORT),
    (
        "MOT001",
        "error",
        "`motion.json` is not JSON of the documented form.",
        "Compare it with the bundle's documentation.",
    ),
    ("MOT002", "error", "A number of `motion.json` is not finite.", "Replace it by a number."),
    (
        "MOT003",
        "error",
        "Times do not ascend strictly.",
        "Sort the samples by time and drop repetitions.",
    ),
    ("MOT004", "error", "A series has another length than `times_s`.", "Give one value per time."),
    (
        "MOT005",
        "error",
        "Joints of `motion.json` are not those of the URDF.",
        "Name exactly the URDF's joints.",
    ),
    ("MOT006", "error", "A joint's type is not the one in the URDF.", "Use the URDF's type."),
    (
        "MOT007",
        "error",
        "`confidence` is outside 0..1 or `observed` is no truth value.",
        "Correct the entry.",
    ),
    (
        "MOT008",
        "error",
        "A quaternion of `base_pose` is not of unit length.",
        "Normalise it; the order is wxyz.",
    ),
    (
        "MOT009",
        "warning",
        "The motion leaves the joint's limits.",
        "Widen the limits in all formats, or clip the motion.",
    ),
    (
        "MOT010",
        "error",
        "A joint's `mimic` is not that of the URDF.",
        "Name the URDF's leader, multiplier and offset.",
    ),
    (
        "MOT011",
        "warning",
        "A joint that follows another is not where its leader puts it.",
        "Set its positions to multiplier × the leader's + offset, or drop its mimic everywhere.",
    ),
    (
        "URDF001",
        "error",
        "`scene.urdf` is not XML with a `<robot>`, or an element lacks what it must have.",
        _EXPORT,
    ),
    ("URDF002", "error", "Two links or two joints share a name.", "Rename one; names must differ."),
    (
        "URDF003",
        "error",
        "A name is not an identifier, so USD and file systems cannot keep it.",
        "Use a letter, then letters, digits and underscores.",
    ),
    (
        "URDF004",
        "error",
        "Links and joints do not form one tree.",
        "Give every link but one exactly one parent joint.",
    ),
    ("URDF005", "error", "A number is missing, malformed or not finite.", "Write a finite number."),
    ("URDF006", "error", "A joint's axis is zero or not of unit length.", "Write a unit vector."),
    (
        "URDF007",
        "error",
        "A moving joint has no `<limit>`, or not all of it.",
        "Write lower, upper, effort and velocity.",
    ),
    ("URDF008", "error", "A lower limit is above the upper one.", "Swap them."),
    (
        "URDF009",
        "error",
        "Effort or velocity is not positive, so nothing can move the joint.",
        "Write the largest force and speed.",
    ),
    (
        "URDF010",
        "error",
        "A link has no `<inertial>`; loaders disagree on what that means.",
        "Write mass and inertia.",
    ),
    ("URDF011", "error", "A mass is not positive.", "Write the mass in kilograms."),
    (
        "URDF012",
        "error",
        "An inertia tensor is not positive definite.",
        "Compute it from the geometry.",
    ),
    (
        "URDF013",
        "error",
        "An inertia tensor breaks the triangle inequality: no body has it.",
        "Compute it from the geometry.",
    ),
    (
        "URDF014",
        "error",
        "A joint type that not every format has.",
        "Use fixed, revolute, continuous or prismatic.",
    ),
    ("URDF015", "error", "Joint damping or friction is negative.", "Write zero or more."),
    (
        "URDF016",
        "error",
        "A `<mimic>` that no loader can follow: its leader is missing, follows itself, or is of "
        "another kind.",
        "Follow a joint that moves by itself, and turns or slides as the follower does.",
    ),
    (
        "URDF017",
        "warning",
        "A follower's limits stop it before its leader's limits do.",
        "Set its limits to multiplier × the leader's + offset.",
    ),
    (
        "MESH001",
        "error",
        "A mesh path is a URL (such as `package://`) or absolute.",
        "Write it relative to the URDF.",
    ),
    ("MESH002", "error", "A mesh path leads out of the bundle.", "Copy the mesh into `meshes/`."),
    ("MESH003", "error", "A mesh file is missing.", _EXPORT),
    (
        "MESH004",
        "error",
        "A mesh cannot be read, is empty or holds numbers that are not finite.",
        _EXPORT,
    ),
    ("MESH005", "error", "A mesh format that not every loader reads.", "Convert it to OBJ."),
    (
        "MESH006",
        "error",
        "A collision piece is not convex, or flat.",
        "Decompose the shape into convex pieces.",
    ),
    (
        "MESH007",
        "warning",
        "A link has more than 32 collision pieces; contacts will be slow.",
        "Decompose more coarsely.",
    ),
    (
        "MESH008",
        "warning",
        "A link that is seen has nothing to collide with.",
        "Give it at least one convex piece.",
    ),
    (
        "MESH009",
        "warning",
        "A link has no geometry.",
        "Merge it into its parent if it stands for nothing.",
    ),
    ("MESH010", "warning", "A visual mesh is not watertight.", "Close its holes."),
    ("MESH011", "error", "Meshes in USD or GLB are not the URDF's: their bounds differ.", _EXPORT),
    ("LOAD001", "error", "yourdfpy cannot load the URDF.", "Mend what the other findings name."),
    ("LOAD002", "error", "PyBullet cannot load the URDF.", "Mend what the other findings name."),
    ("LOAD003", "error", "MuJoCo cannot load the URDF.", "Mend what the other findings name."),
    ("LOAD004", "error", "MuJoCo cannot load `scene.xml`.", _EXPORT),
    (
        "TREE001",
        "error",
        "A loader finds other links or joints in the URDF than it names.",
        "Mend what the other findings name.",
    ),
    ("TREE002", "error", "Bodies or joints of `scene.xml` are not the URDF's.", _EXPORT),
    ("TREE003", "error", "Bodies or joints of the USD stage are not the URDF's.", _EXPORT),
    (
        "KIN001",
        "error",
        "Loaders of the URDF disagree on where links are.",
        "Write origins and axes that all loaders read alike.",
    ),
    ("KIN002", "error", "`scene.xml` puts links elsewhere than the URDF.", _EXPORT),
    ("KIN003", "error", "The USD joints put links elsewhere than the URDF.", _EXPORT),
    ("KIN004", "error", "USD's time samples are not the URDF posed by `motion.json`.", _EXPORT),
    ("KIN005", "error", "The GLB's animation is not the URDF posed by `motion.json`.", _EXPORT),
    (
        "MASS001",
        "error",
        "A loader gets other masses or inertia from the URDF than it states.",
        "Write valid inertia for every link.",
    ),
    ("MASS002", "error", "Mass, centre or inertia in `scene.xml` differ from the URDF.", _EXPORT),
    ("MASS003", "error", "Mass, centre or inertia in USD differ from the URDF.", _EXPORT),
    (
        "LIM001",
        "error",
        "A loader gets other joint limits from the URDF than it states.",
        "Write finite limits, lower below upper.",
    ),
    (
        "LIM002",
        "error",
        "Joint limits or efforts in `scene.xml` differ from the URDF (radians, metres).",
        _EXPORT,
    ),
    (
        "LIM003",
        "error",
        "Joint limits, efforts or speeds in USD differ from the URDF (USD counts in degrees).",
        _EXPORT,
    ),
    (
        "MIM001",
        "error",
        "A loader finds other coupled joints in the URDF than it names.",
        "Mend what the other findings name.",
    ),
    ("MIM002", "error", "Coupled joints of `scene.xml` are not the URDF's.", _EXPORT),
    (
        "MIM003",
        "error",
        "Coupled joints of the USD stage are not the URDF's (offsets of hinges are in degrees).",
        _EXPORT,
    ),
    (
        "SIM001",
        "error",
        "Numbers stop being finite when PyBullet steps with the joints held.",
        "Look for bad inertia or limits.",
    ),
    (
        "SIM002",
        "error",
        "Links fly off when PyBullet steps with the joints held.",
        "Look for tiny inertia or overlapping colliders.",
    ),
    (
        "PAIR001",
        "error",
        "`scene.srdf` is no SRDF of the URDF: not XML, or names of other links or joints.",
        _EXPORT,
    ),
    ("PAIR002", "error", "Other links collide in `scene.xml` than in `scene.srdf`.", _EXPORT),
    ("PAIR003", "error", "Other links collide in the USD stage than in `scene.srdf`.", _EXPORT),
    ("USD001", "error", "The USD stage does not open.", _EXPORT),
    ("USD002", "error", "One of Pixar's validators objects.", "Do as its message says."),
    (
        "USD003",
        "error",
        "Up axis, metres per unit or kilograms per unit are not Z, 1 and 1.",
        "Set the stage's metadata.",
    ),
    (
        "USD004",
        "error",
        "The stage has no default prim, so it cannot be referenced.",
        "Set `defaultPrim`.",
    ),
    (
        "USD005",
        "error",
        "A body's transform scales, shears or is not finite.",
        "Bake the scale into points and masses.",
    ),
    (
        "USD006",
        "error",
        "A collider of a moving body is no convex hull.",
        "Set `physics:approximation` to `convexHull`.",
    ),
    ("USD007", "error", "A body has no collider though the URDF's link has.", _EXPORT),
    (
        "USD008",
        "error",
        "Splats are not finite, or scales, opacities or orientations are out of range.",
        _EXPORT,
    ),
    (
        "USD009",
        "error",
        "A layer or asset of the stage is missing or outside of the bundle.",
        "Copy it in and refer to it by a relative path.",
    ),
    ("USD010", "error", "`scene.usdz` cannot be read.", _EXPORT),
    ("USD011", "error", "`scene.usdz` holds other files than `usd/scene`.", _EXPORT),
    ("GLB001", "error", "`asset.glb` cannot be read.", _EXPORT),
    ("GLB002", "error", "Nodes of `asset.glb` are not the URDF's links.", _EXPORT),
    (
        "SKIN001",
        "error",
        "Only one of USD and GLB has a skin, or they differ.",
        _EXPORT,
    ),
    ("SKIN002", "error", "A skin's joints are not the URDF's links.", _EXPORT),
    (
        "SKIN003",
        "error",
        "A skin names a joint that is not there.",
        "Keep joint indices within the skeleton.",
    ),
    (
        "SKIN004",
        "error",
        "A skin's weights are negative, not finite or do not sum to 1.",
        "Normalise the weights of every vertex.",
    ),
    (
        "SKIN005",
        "error",
        "The USD skin is not where the URDF's links carry it over `motion.json`.",
        _EXPORT,
    ),
    (
        "SKIN006",
        "error",
        "The GLB skin is not where the URDF's links carry it over `motion.json`.",
        _EXPORT,
    ),
    ("PLY001", "error", "`splats.ply` has a wrong header, fields or size.", _EXPORT),
    ("PLY002", "error", "A number of `splats.ply` is not finite, or a rotation is zero.", _EXPORT),
    ("PLY003", "error", "`splats.ply` has another number of surfels than the manifest.", _EXPORT),
    ("PLY004", "error", "Splats of the stage are elsewhere than those of `splats.ply`.", _EXPORT),
    ("FILM001", "error", "`preview.mp4` does not decode.", _EXPORT),
    ("PAGE001", "error", "`report.html` cannot be read, is empty or breaks off.", _EXPORT),
    ("PAGE002", "error", "`report.html` needs files from elsewhere.", "Embed them as data."),
)

CHECKS: dict[str, Check] = {row[0]: Check(*row) for row in _ROWS}
"""All checks by id, in the order of the documentation."""

_HEAD = """\
# What `reel2sim check` checks

`reel2sim check BUNDLE` (in Python: `reel2sim.exporters.check.check_bundle`) reads a bundle with
other libraries than wrote it and compares what they understood. It exits with 1 if there is an
error. Kinematics are compared at 100 random states within the limits and at every time of
`motion.json`; they may differ by 1e-5 (metres, and entries of rotation matrices).

The table is `reel2sim.exporters.check.documentation()`; a test compares the two.

| id | severity | what | remedy |
|---|---|---|---|
"""


def documentation() -> str:
    """The content of ``docs/check.md``."""
    rows = (f"| {c.id} | {c.severity} | {c.what} | {c.remedy} |" for c in CHECKS.values())
    return _HEAD + "\n".join(rows) + "\n"
