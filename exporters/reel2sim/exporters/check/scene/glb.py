"""Where a GLB of several assets puts their links."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reel2sim.exporters.check.gltf.glb import Z_UP_FROM_Y_UP, local_pose
from reel2sim.exporters.check.gltf.reading import read_document
from reel2sim.scene.arrays import Array

_TOP = "_y_up"
"""How the name of the node above an asset's links ends."""


def asset_poses(path: Path) -> dict[str, Array]:
    """``T_world_link`` ``(4, 4)`` by asset/link, not animated, in a world that has Z up.

    Raises:
        ValueError: if the container is damaged or its nodes form no tree.
    """
    # A bundle's file is whole: it may not name others.
    document = read_document(path, lambda uri: None).json
    nodes = document["nodes"]
    found: dict[str, Array] = {}
    visited: set[int] = set()
    for top in document["scenes"][document.get("scene", 0)]["nodes"]:
        name = nodes[top].get("name", "")
        if not name.endswith(_TOP):
            continue  # a light, a camera, or a skin, which its joints carry
        owner = name.removesuffix(_TOP)
        T_top = Z_UP_FROM_Y_UP @ local_pose(nodes[top], {}, 1)[0]
        waiting = [(child, T_top) for child in nodes[top].get("children", [])]
        while waiting:
            index, T_parent = waiting.pop()
            if index in visited:
                raise ValueError("nodes form no tree")
            visited.add(index)
            T = T_parent @ local_pose(nodes[index], {}, 1)[0]
            found[f"{owner}/{nodes[index].get('name', '')}"] = np.asarray(T)
            waiting += [(child, T) for child in nodes[index].get("children", [])]
    return found
