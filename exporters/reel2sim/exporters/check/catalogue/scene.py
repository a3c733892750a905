"""Checks of bundles of several assets."""

from __future__ import annotations

from reel2sim.exporters.check.catalogue.severity import EXPORT, Row

SCENE_CHECKS: tuple[Row, ...] = (
    ("SCENE001", "error", None, "`scene.json` is not JSON of the documented form.", EXPORT),
    (
        "SCENE002",
        "error",
        None,
        "`scene.json`, the manifest and the folders under `assets/` name different assets.",
        EXPORT,
    ),
    (
        "SCENE003",
        "error",
        None,
        "`scene.json` places an asset elsewhere than the first `base_pose` of its `motion.json`.",
        EXPORT,
    ),
    (
        "SCENE004",
        "error",
        None,
        "`scene.xml` of a scene has other bodies, places, masses or joints than the assets.",
        EXPORT,
    ),
    (
        "SCENE005",
        "error",
        None,
        "The stage of a scene has other bodies, places, masses or articulations than the assets.",
        EXPORT,
    ),
    (
        "SCENE006",
        "error",
        None,
        "`asset.glb` of a scene has other nodes or places than the assets.",
        EXPORT,
    ),
    (
        "SCENE007",
        "error",
        None,
        "`splats.ply` of a scene is not the background and the splats of the assets.",
        EXPORT,
    ),
    (
        "SCENE008",
        "error",
        None,
        "Gravity, ground, lights or cameras differ from `scene.json`.",
        EXPORT,
    ),
    (
        "SCENE009",
        "warning",
        None,
        "Two assets, or one and the ground, are in each other when the scene begins.",
        "Move one of them: `reel2sim edit BUNDLE --move asset=x,y,z`.",
    ),
)
