"""Checks of a bundle's own files: their list, the motion, what people look at."""

from __future__ import annotations

from reel2sim.exporters.check.catalogue.severity import EXPORT, Row

BUNDLE_CHECKS: tuple[Row, ...] = (
    ("FILE001", "error", None, "A file of the bundle is missing or empty.", EXPORT),
    (
        "FILE002",
        "warning",
        None,
        "A file is not the one that was exported: size or SHA-256 differ.",
        "Export again, or ignore this if you edited the file on purpose.",
    ),
    (
        "FILE003",
        "info",
        None,
        "A file that the manifest does not list.",
        "Remove it if it is not yours.",
    ),
    (
        "FILE004",
        "error",
        "error",
        "The check itself could not go on with this file.",
        "Export the bundle again; if that does not help, report this finding.",
    ),
    (
        "FILE005",
        "error",
        None,
        (
            "`asset.npz`, from which the bundle is edited, cannot be loaded or has other links "
            "or joints."
        ),
        EXPORT,
    ),
    ("MAN001", "error", None, "`manifest.json` is not JSON of the documented form.", EXPORT),
    (
        "MAN002",
        "error",
        None,
        "`manifest.json` has a schema version this release does not know.",
        "Use the release that wrote the bundle, or export it again.",
    ),
    ("MAN003", "error", None, "`manifest.json` names other links or joints than the URDF.", EXPORT),
    ("MAN004", "error", None, "The manifest's conventions are not those of a bundle.", EXPORT),
    ("MAN005", "error", None, "Files call the object by different names.", EXPORT),
    ("BASE001", "error", None, "Formats disagree on whether the base is fixed.", EXPORT),
    (
        "BASE002",
        "error",
        None,
        "A format places the root elsewhere than the first `base_pose`.",
        EXPORT,
    ),
    (
        "MOT001",
        "error",
        None,
        "`motion.json` is not JSON of the documented form.",
        "Compare it with the bundle's documentation.",
    ),
    (
        "MOT002",
        "error",
        None,
        "A number of `motion.json` is not finite.",
        "Replace it by a number.",
    ),
    (
        "MOT003",
        "error",
        None,
        "Times do not ascend strictly.",
        "Sort the samples by time and drop repetitions.",
    ),
    (
        "MOT004",
        "error",
        None,
        "A series has another length than `times_s`.",
        "Give one value per time.",
    ),
    (
        "MOT005",
        "error",
        None,
        "Joints of `motion.json` are not those of the URDF.",
        "Name exactly the URDF's joints.",
    ),
    ("MOT006", "error", None, "A joint's type is not the one in the URDF.", "Use the URDF's type."),
    (
        "MOT007",
        "error",
        None,
        "`confidence` is outside 0..1 or `observed` is no truth value.",
        "Correct the entry.",
    ),
    (
        "MOT008",
        "error",
        None,
        "A quaternion of `base_pose` is not of unit length.",
        "Normalise it; the order is wxyz.",
    ),
    (
        "MOT009",
        "warning",
        None,
        "The motion leaves the joint's limits.",
        "Widen the limits in all formats, or clip the motion.",
    ),
    (
        "MOT010",
        "error",
        None,
        "A joint's `mimic` is not that of the URDF.",
        "Name the URDF's leader, multiplier and offset.",
    ),
    (
        "MOT011",
        "warning",
        None,
        "A joint that follows another is not where its leader puts it.",
        "Set its positions to multiplier × the leader's + offset, or drop its mimic everywhere.",
    ),
    (
        "MOT012",
        "error",
        None,
        "`observed_range` is no pair of ascending numbers.",
        "Write [lowest, highest] or null.",
    ),
    ("FILM001", "error", None, "`preview.mp4` does not decode.", EXPORT),
    ("PAGE001", "error", None, "`report.html` cannot be read, is empty or breaks off.", EXPORT),
    ("PAGE002", "error", None, "`report.html` needs files from elsewhere.", "Embed them as data."),
)
