"""Wavefront OBJ with vertex colours, the same bytes for the same mesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reel2sim.scene import TriangleMesh
from reel2sim.scene.arrays import Array

NEUTRAL = (0.7, 0.7, 0.7)
"""sRGB of a mesh without colours."""


def mean_color(mesh: TriangleMesh) -> tuple[float, float, float]:
    """Mean sRGB of the vertices, or a neutral grey."""
    if mesh.colors is None or not len(mesh.colors):
        return NEUTRAL
    r, g, b = np.clip(mesh.colors, 0.0, 1.0).mean(axis=0)
    return float(r), float(g), float(b)


def write_obj(path: Path, mesh: TriangleMesh, *, material: bool = True) -> None:
    """Write ``mesh`` to ``path``, and its mean colour to a ``.mtl`` beside it.

    Args:
        path: file to write, ``.obj``.
        mesh: triangles, metres. Coordinates are rounded to a nanometre.
        material: whether to write colours and a material library; collision meshes need none.
    """
    head: list[str] = []
    table: Array = mesh.vertices
    row = "v %.9g %.9g %.9g"
    if material:
        head = [f"mtllib {path.stem}.mtl", f"o {path.stem}"]
        if mesh.colors is not None:
            table = np.hstack([table, np.clip(mesh.colors, 0.0, 1.0)])
            row += " %.4f %.4f %.4f"
    # Adding zero turns −0 into 0: both are the same point and should be the same text.
    body = [row % tuple(values) for values in (np.round(table, 9) + 0.0).tolist()]
    if material:
        body.append(f"usemtl {path.stem}")
    body += [f"f {a} {b} {c}" for a, b, c in (mesh.faces + 1).tolist()]
    path.write_text("\n".join([*head, *body]) + "\n", encoding="ascii")
    if material:
        _write_mtl(path.with_suffix(".mtl"), path.stem, mean_color(mesh))


def _write_mtl(path: Path, name: str, color: tuple[float, float, float]) -> None:
    rgb = "{:.4f} {:.4f} {:.4f}".format(*color)
    lines = [f"newmtl {name}", f"Ka {rgb}", f"Kd {rgb}", "Ks 0 0 0", "d 1", "illum 1"]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
