"""Materials and textures that meshes of a description name are read from the roots only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reel2sim.importers import load_urdf
from reel2sim.importers.roots import RootedResolver, Roots

OPENED: list[str] | None = None
"""Names of files that were opened, while somebody wants to know."""


def _listen(event: str, arguments: tuple) -> None:
    if event == "open" and OPENED is not None and not isinstance(arguments[0], int):
        OPENED.append(str(Path(os.fsdecode(arguments[0])).resolve()))


sys.addaudithook(_listen)

OBJ = """mtllib {library}
v 0 0 0
v 1 0 0
v 0 1 0
v 0 0 1
vt 0 0
vt 1 0
vt 0 1
usemtl skin
f 1/1 3/3 2/2
f 1/1 2/2 4/3
f 1/1 4/3 3/2
f 2/1 3/2 4/3
"""
REFERENCES = ("../{}", "{outside}/{}", "a/../../{}", "link_{}", "..\\{}", "file://{outside}/{}")


def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of a description, and one that it must not reach, with what it would like."""
    inside, outside = tmp_path / "robot", tmp_path / "secret"
    for folder in (inside / "a", outside):
        folder.mkdir(parents=True)
    Image.new("RGB", (4, 4), (255, 0, 0)).save(outside / "red.png")
    (outside / "red.mtl").write_text("newmtl skin\nKd 1 0 0\n")
    for name in ("red.png", "red.mtl"):
        (inside / f"link_{name}").symlink_to(outside / name)
        (tmp_path / name).symlink_to(outside / name)
    return inside, outside


def color_of(inside: Path, outside: Path) -> np.ndarray:
    """Mean colour of the imported robot; fails if anything outside was opened on the way."""
    global OPENED
    (inside / "robot.urdf").write_text(
        '<robot name="r"><link name="a"><visual><geometry><mesh filename="m.obj"/></geometry>'
        "</visual></link></robot>"
    )
    OPENED = []
    try:
        asset = load_urdf(inside / "robot.urdf")
    finally:
        opened, OPENED = OPENED, None
    assert str(inside / "m.obj") in opened, "nobody listened"
    assert not [name for name in opened if name.startswith(str(outside))]
    colors = asset.links[0].visual.colors
    return np.full(3, 0.5) if colors is None else colors.mean(axis=0)


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("what", ["library", "texture"])
def test_an_obj_reads_no_material_or_texture_outside(tmp_path, reference, what):
    inside, outside = folders(tmp_path)
    name = "red.mtl" if what == "library" else "red.png"
    told = reference.format(name, outside=outside)
    if what == "texture":
        (inside / "own.mtl").write_text(f"newmtl skin\nKd 0.5 0.5 0.5\nmap_Kd {told}\n")
        told = "own.mtl"
    (inside / "m.obj").write_text(OBJ.format(library=told))
    red = color_of(inside, outside)
    assert not (red[0] > 0.9 and red[1] < 0.1)


def test_what_lies_inside_is_read(tmp_path):
    inside, outside = folders(tmp_path)
    Image.new("RGB", (4, 4), (0, 255, 0)).save(inside / "a" / "green.png")
    (inside / "a" / "own.mtl").write_text("newmtl skin\nmap_Kd a/green.png\n")
    (inside / "m.obj").write_text(OBJ.format(library="a/own.mtl"))
    np.testing.assert_allclose(color_of(inside, outside), [0, 1, 0], atol=0.01)


def test_a_texture_of_too_many_pixels_is_left_out(tmp_path):
    Image.new("L", (20_000, 6_000)).save(tmp_path / "large.png")
    Image.new("L", (200, 60)).save(tmp_path / "small.png")
    (tmp_path / "text.mtl").write_text("newmtl a")
    resolver = RootedResolver(Roots((tmp_path,)), tmp_path)
    assert resolver.get("small.png")[1:4] == b"PNG"
    assert resolver.get("text.mtl") == b"newmtl a"
    with pytest.raises(FileNotFoundError):
        resolver.get("large.png")
