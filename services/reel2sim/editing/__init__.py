"""Scenes edited by value: every change is a plain record, and all that follows from it is derived.

What makes the changes loads on first use: a server and its clients only need the records.

>>> from reel2sim.editing import Add, Scale, Sources, edited, open_scene
>>> sources = Sources()
>>> chair = sources.add_scene(Path("chair_bundle"))
>>> scene = edited(open_scene(Path("desk_bundle")), [
...     Add(source=chair, at=(1.0, 0.0, 0.0)),
...     Scale(target="drawer", factor=1.2),
... ], sources=sources)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from reel2sim.editing.edits import (
    Add,
    AddCamera,
    AddLight,
    Edit,
    MakeOf,
    Move,
    Recolor,
    Remove,
    Replace,
    Scale,
    SetBackground,
    SetDensity,
    SetGravity,
    SetGround,
    SetJoint,
    edit_from,
)

if TYPE_CHECKING:
    from reel2sim.editing.apply import edited
    from reel2sim.editing.sources import Sources, scene_digest
    from reel2sim.pipeline.opening import open_scene

__all__ = [
    "Add",
    "AddCamera",
    "AddLight",
    "Edit",
    "MakeOf",
    "Move",
    "Recolor",
    "Remove",
    "Replace",
    "Scale",
    "SetBackground",
    "SetDensity",
    "SetGravity",
    "SetGround",
    "SetJoint",
    "Sources",
    "edit_from",
    "edited",
    "open_scene",
    "scene_digest",
]

_HOMES = {
    "Sources": "reel2sim.editing.sources",
    "edited": "reel2sim.editing.apply",
    "open_scene": "reel2sim.pipeline.opening",
    "scene_digest": "reel2sim.editing.sources",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
