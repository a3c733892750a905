"""Checks of what single formats have of their own."""

from __future__ import annotations

from reel2sim.exporters.check.catalogue.severity import EXPORT, Row

FORMATS_CHECKS: tuple[Row, ...] = (
    (
        "WORLD001",
        "error",
        None,
        "Gravity of `scene.xml` does not pull down by 9.81 m/s², or contacts are off.",
        EXPORT,
    ),
    (
        "WORLD002",
        "error",
        None,
        "Gravity of the USD stage does not pull down by 9.81 m/s².",
        EXPORT,
    ),
    (
        "MJCF001",
        "error",
        None,
        "A body of `scene.xml` has no collider though the URDF's link has.",
        EXPORT,
    ),
    (
        "MJCF002",
        "error",
        None,
        (
            "Motors of `scene.xml` are not one of unit gear and the URDF's effort for each "
            "joint that leads."
        ),
        EXPORT,
    ),
    ("MJCF003", "error", None, "A keyframe of `scene.xml` is no state of `motion.json`.", EXPORT),
    (
        "MJCF004",
        "warning",
        "warning",
        "The range of a hinge is beyond two turns: it looks like degrees.",
        "Set `angle` of `<compiler>`, or write radians.",
    ),
    ("USD001", "error", "error", "The USD stage does not open.", EXPORT),
    ("USD002", "error", "warning", "One of Pixar's validators objects.", "Do as its message says."),
    (
        "USD003",
        "error",
        "info",
        "Up axis, metres per unit or kilograms per unit are not Z, 1 and 1.",
        "Set the stage's metadata.",
    ),
    (
        "USD004",
        "error",
        "warning",
        "The stage has no default prim, so it cannot be referenced.",
        "Set `defaultPrim`.",
    ),
    (
        "USD005",
        "error",
        "warning",
        "A body's transform scales, shears or is not finite.",
        "Bake the scale into points and masses.",
    ),
    (
        "USD006",
        "error",
        "warning",
        "A collider of a moving body is no convex hull.",
        "Set `physics:approximation` to `convexHull`.",
    ),
    ("USD007", "error", None, "A body has no collider though the URDF's link has.", EXPORT),
    (
        "USD008",
        "error",
        "error",
        "Splats are not finite, or scales, opacities or orientations are out of range.",
        EXPORT,
    ),
    (
        "USD009",
        "error",
        "error",
        "A layer or asset of the stage is missing or outside of the bundle.",
        "Copy it in and refer to it by a relative path.",
    ),
    ("USD010", "error", "error", "`scene.usdz` cannot be read.", EXPORT),
    ("USD011", "error", None, "`scene.usdz` holds other files than `usd/scene`.", EXPORT),
    (
        "USD012",
        "error",
        "warning",
        "A body, joint or collider is switched off or moves by script.",
        "Enable it.",
    ),
    (
        "USD013",
        "error",
        None,
        "The stage has no articulation root, or more than one.",
        "Apply `PhysicsArticulationRootAPI` to the default prim alone.",
    ),
    (
        "USD014",
        "error",
        "warning",
        "A body lies below another: some importers drop it.",
        "Make bodies siblings.",
    ),
    (
        "USD015",
        "warning",
        "warning",
        "The extent of a mesh or of splats is missing or too small.",
        "Compute it from the points.",
    ),
    (
        "USD016",
        "error",
        None,
        "The stage does not show meshes or splats as its `appearance` says.",
        EXPORT,
    ),
    (
        "USD017",
        "error",
        "warning",
        "The stage's time span is not that of `motion.json`, or is none.",
        "Set start and end time codes.",
    ),
    (
        "USD018",
        "error",
        "error",
        "A mass, inertia, joint frame or limit that no engine can use.",
        "Write finite numbers that a body can have.",
    ),
    ("USD019", "warning", None, "The stage's thumbnail is missing or no picture.", EXPORT),
    ("USD020", "warning", None, "The stage's metadata says otherwise than the stage.", EXPORT),
    (
        "USD021",
        "error",
        "error",
        (
            "`scene.usdz` is compressed, encrypted, not aligned to 64 bytes, or does not begin "
            "with a layer."
        ),
        "Pack it with a USDZ writer.",
    ),
    ("GLB001", "error", "error", "`asset.glb` cannot be read.", EXPORT),
    ("GLB002", "error", None, "Nodes of `asset.glb` are not the URDF's links.", EXPORT),
    (
        "GLB003",
        "error",
        "error",
        "The GLB breaks the glTF specification: an index, a range or a buffer.",
        EXPORT,
    ),
    (
        "GLB004",
        "error",
        "error",
        (
            "A number of the GLB is out of its range: not finite, a rotation not of unit "
            "length, bounds that are not those of the data."
        ),
        EXPORT,
    ),
    ("SKIN001", "error", None, "Only one of USD and GLB has a skin, or they differ.", EXPORT),
    ("SKIN002", "error", None, "A skin's joints are not the URDF's links.", EXPORT),
    (
        "SKIN003",
        "error",
        "error",
        "A skin names a joint that is not there.",
        "Keep joint indices within the skeleton.",
    ),
    (
        "SKIN004",
        "error",
        "error",
        "A skin's weights are negative, not finite or do not sum to 1.",
        "Normalise the weights of every vertex.",
    ),
    (
        "SKIN005",
        "error",
        None,
        "The USD skin is not where the URDF's links carry it over `motion.json`.",
        EXPORT,
    ),
    (
        "SKIN006",
        "error",
        None,
        "The GLB skin is not where the URDF's links carry it over `motion.json`.",
        EXPORT,
    ),
    ("PLY001", "error", "error", "`splats.ply` has a wrong header, fields or size.", EXPORT),
    (
        "PLY002",
        "error",
        "warning",
        "A number of `splats.ply` is not finite, or a rotation is zero.",
        EXPORT,
    ),
    (
        "PLY003",
        "error",
        None,
        "`splats.ply` has another number of surfels than the manifest.",
        EXPORT,
    ),
    (
        "PLY004",
        "error",
        None,
        "Splats of the stage are elsewhere than those of `splats.ply`.",
        EXPORT,
    ),
    (
        "PLY005",
        "error",
        None,
        (
            "Splats of the stage have other rotations, scales, opacities or colours than those "
            "of `splats.ply`."
        ),
        EXPORT,
    ),
    (
        "PLY006",
        "warning",
        "warning",
        "Scales or opacities of the splats look linear; viewers take logarithms and logits.",
        "Write log(scale) and log(opacity / (1 − opacity)).",
    ),
    (
        "PLY007",
        "error",
        None,
        "Normals are not the third axes of the rotations (order wxyz).",
        EXPORT,
    ),
)
