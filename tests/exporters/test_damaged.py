"""Files that once ended a reader otherwise than by an error of ours, made small."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reel2sim.exporters.names import Distinct
from reel2sim.importers import load_urdf, load_usd
from reel2sim.scene import RiggedAsset
from reel2sim.scene.errors import InputError
from reel2sim.scene.store import load_asset, save_asset

MESH = """<robot name="r"><link name="a"><visual><geometry><mesh filename="{}"/></geometry></visual>
</link></robot>"""


CRATE = (
    "eNoLiAjSDQ12cWbgYACDKYwMVAEwY5igGARYgJgViNmhfB0orQ/T9EHWWleTgaEkv4ChoCgz1zkjMyelKDWPITGnICOR"
    "IakosSyfobggNTkzLTO1CG4VM5TmgAkkMIMtk4DxFSKAzjHQZEhhZ9jAoAkV1HJgg7J4Yeo2gPSFsjD8Z/r3lwXJzaiG"
    "M4J9h8oXYOKC8RtAfNf/DP9w6eSE8QtA4eLIgCQAIljZ/8EcFuLv7eoXjAjTEijtDqWDQ4I8/dwRCnaj2ejm6erjgqT/"
    "MJS2QJF3DYEp+Q2lZaF0gGOIB5J2BglopDrB7A9wdUaWj4LKW0H5AEv2MHk="
)
"""Prims /top/alpha and /top/bravo, one bit of a path wrong."""


def described(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    path = folder / "robot.urdf"
    path.write_text(MESH.format(name))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "v 0 0\nv 1 0\nv 0 1\nf 1 2 3\n",
        "v 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
        "v 0 0 0\nv 0 0 0\nf 1 2 1\nf 1 2 2\nf 2 2 1\nf 1 1 2\n",
    ],
)
def test_meshes_without_room(text: str, tmp_path: Path) -> None:
    path = described(tmp_path, "m.obj", text)
    try:
        link = load_urdf(path).links[0]
    except InputError:
        return
    assert np.isfinite(link.visual.vertices).all()
    assert link.inertial.mass > 0


@pytest.mark.parametrize("name", ["a" * 5000, "a/" * 3000 + "x.obj", "loop/x.obj"])
def test_names_that_no_file_can_have(name: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    path = tmp_path / "robot.urdf"
    path.write_text(MESH.format(name))
    with pytest.raises(InputError, match="is not there"):
        load_urdf(path)


def renamed_zip(path: Path, change: Callable[[str, bytes], bytes]) -> None:
    with zipfile.ZipFile(path) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in entries.items():
            new.writestr(name, change(name, data))


def vast(name: str, data: bytes) -> bytes:
    """An array whose header says exbibytes, and which holds none of them."""
    if not name.endswith("means.npy"):
        return data
    out = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**40, 2**20, 3)}
    np.lib.format.write_array_header_1_0(out, header)
    return out.getvalue()


def unclosed(name: str, data: bytes) -> bytes:
    """An array whose header ends within a bracket."""
    return data.replace(b"'shape': (", b"'shape': ((", 1) if name.endswith(".npy") else data


@pytest.mark.parametrize("change", [vast, unclosed])
def test_arrays_that_are_not_what_they_say(
    change: Callable[[str, bytes], bytes], cabinet: RiggedAsset, tmp_path: Path
) -> None:
    path = tmp_path / "asset.npz"
    save_asset(path, cabinet)
    renamed_zip(path, change)
    with pytest.raises(InputError, match="cannot be read"):
        load_asset(path)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_archives_that_do_not_unpack(share: float, cabinet: RiggedAsset, tmp_path: Path) -> None:
    path = tmp_path / "asset.npz"
    save_asset(path, cabinet)
    data = bytearray(path.read_bytes())
    at = int(share * len(data))
    data[at : at + 64] = bytes(range(64, 128))
    path.write_bytes(data)
    with pytest.raises(InputError):
        load_asset(path)


def test_a_crate_that_lists_children_it_does_not_have(tmp_path: Path) -> None:
    """USD writes such a crate again as it was, and ends the process that asks for them."""
    path = tmp_path / "stage.usdc"
    path.write_bytes(zlib.decompress(base64.b64decode(CRATE)))
    with pytest.raises(InputError, match="damaged crate"):
        load_usd(path)


def test_ten_thousand_equal_names_are_told_apart_at_once() -> None:
    names = Distinct({"part"})
    given = [names.name("part") for _ in range(10_000)]
    assert len({*given, "part"}) == 10_001
    assert max(map(len, given)) < 12
