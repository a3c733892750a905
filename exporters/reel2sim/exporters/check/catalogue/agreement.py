"""Checks that formats tell the same of the object."""

from __future__ import annotations

from reel2sim.exporters.check.catalogue.severity import EXPORT, Row

AGREEMENT_CHECKS: tuple[Row, ...] = (
    (
        "TREE001",
        "error",
        "info",
        "A loader finds other links or joints in the URDF than it names.",
        "Mend what the other findings name.",
    ),
    ("TREE002", "error", None, "Bodies or joints of `scene.xml` are not the URDF's.", EXPORT),
    ("TREE003", "error", None, "Bodies or joints of the USD stage are not the URDF's.", EXPORT),
    (
        "KIN001",
        "error",
        "warning",
        "Loaders of the URDF disagree on where links are.",
        "Write origins and axes that all loaders read alike.",
    ),
    ("KIN002", "error", None, "`scene.xml` puts links elsewhere than the URDF.", EXPORT),
    ("KIN003", "error", None, "The USD joints put links elsewhere than the URDF.", EXPORT),
    (
        "KIN004",
        "error",
        None,
        "USD's time samples are not the URDF posed by `motion.json`.",
        EXPORT,
    ),
    (
        "KIN005",
        "error",
        None,
        "The GLB's animation is not the URDF posed by `motion.json`.",
        EXPORT,
    ),
    (
        "MASS001",
        "error",
        "warning",
        "A loader gets other masses or inertia from the URDF than it states.",
        "Write valid inertia for every link.",
    ),
    (
        "MASS002",
        "error",
        None,
        "Mass, centre or inertia in `scene.xml` differ from the URDF.",
        EXPORT,
    ),
    ("MASS003", "error", None, "Mass, centre or inertia in USD differ from the URDF.", EXPORT),
    (
        "MASS004",
        "error",
        None,
        "Mass, centre or inertia in the GLB's `extras` differ from the URDF.",
        EXPORT,
    ),
    (
        "LIM001",
        "error",
        "warning",
        "A loader gets other joint limits from the URDF than it states.",
        "Write finite limits, lower below upper.",
    ),
    (
        "LIM002",
        "error",
        None,
        "Joint limits or efforts in `scene.xml` differ from the URDF (radians, metres).",
        EXPORT,
    ),
    (
        "LIM003",
        "error",
        None,
        "Joint limits, efforts or speeds in USD differ from the URDF (USD counts in degrees).",
        EXPORT,
    ),
    (
        "LIM004",
        "error",
        None,
        "Facts of a joint in the GLB's `extras` differ from the URDF.",
        EXPORT,
    ),
    (
        "DYN001",
        "error",
        "warning",
        "A loader gets other damping or friction of joints from the URDF than it states.",
        "Write `<dynamics>` with numbers of zero or more.",
    ),
    (
        "DYN002",
        "error",
        None,
        "Damping, friction or stiffness of joints in `scene.xml` differ from the URDF.",
        EXPORT,
    ),
    (
        "DYN003",
        "error",
        None,
        (
            "Damping, friction or stiffness of joints in USD differ from the URDF (USD's "
            "angular drives count per degree)."
        ),
        EXPORT,
    ),
    (
        "DYN004",
        "error",
        None,
        "Damping or friction of joints in the GLB's `extras` differ from the URDF.",
        EXPORT,
    ),
    (
        "MAT001",
        "error",
        None,
        (
            "A loader gets other contact friction or restitution from the URDF than it states, "
            "or it states none."
        ),
        EXPORT,
    ),
    ("MAT002", "error", None, "Contact friction in `scene.xml` differs from the URDF.", EXPORT),
    (
        "MAT003",
        "error",
        None,
        (
            "Contact friction or restitution in USD differ from the URDF, or a collider has no "
            "physics material."
        ),
        EXPORT,
    ),
    (
        "MAT004",
        "error",
        None,
        "Friction or restitution in the GLB's `extras` differ from the URDF.",
        EXPORT,
    ),
    (
        "MIM001",
        "error",
        "warning",
        "A loader finds other coupled joints in the URDF than it names.",
        "Mend what the other findings name.",
    ),
    ("MIM002", "error", None, "Coupled joints of `scene.xml` are not the URDF's.", EXPORT),
    (
        "MIM003",
        "error",
        None,
        "Coupled joints of the USD stage are not the URDF's (offsets of hinges are in degrees).",
        EXPORT,
    ),
    ("MIM004", "error", None, "Coupled joints in the GLB's `extras` are not the URDF's.", EXPORT),
    (
        "PAIR001",
        "error",
        None,
        "`scene.srdf` is no SRDF of the URDF: not XML, or names of other links or joints.",
        EXPORT,
    ),
    ("PAIR002", "error", None, "Other links collide in `scene.xml` than in `scene.srdf`.", EXPORT),
    (
        "PAIR003",
        "error",
        None,
        "Other links collide in the USD stage than in `scene.srdf`.",
        EXPORT,
    ),
    (
        "PAIR004",
        "error",
        None,
        "`scene.srdf` has other joints that lead, or another first state, than the motion.",
        EXPORT,
    ),
    ("LOOK001", "error", None, "`scene.xml` colours a link otherwise than the URDF.", EXPORT),
    (
        "LOOK002",
        "error",
        None,
        "A visual mesh of the USD stage has lost its material or its colour.",
        EXPORT,
    ),
    ("LOOK003", "error", None, "A mesh of the GLB has lost its material or its colour.", EXPORT),
    (
        "LOOK004",
        "warning",
        "warning",
        "A mesh's material library is missing or lacks a material the mesh uses.",
        "Put the `.mtl` and its pictures beside the mesh.",
    ),
)
