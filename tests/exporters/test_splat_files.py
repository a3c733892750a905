"""Splats in files: parts make up the whole, times show what the asset does, GLB moves them."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pygltflib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.cli.main import main
from reel2sim.exporters.check.gltf.glb import _Scene
from reel2sim.exporters.check.gltf.reading import read_document
from reel2sim.exporters.check.looks.splats import read_splats
from reel2sim.exporters.joints import start_surfels
from reel2sim.exporters.splat import write_splats
from reel2sim.exporters.splat_files import splat_files, write_splat_files
from reel2sim.exporters.splats_gltf import EXTENSION, write_splats_glb
from reel2sim.scene import JointType, RiggedAsset
from reel2sim.scene.harmonics import rotate_sh
from reel2sim.scene.store import save_asset

from .conftest import assets, build_asset, skinned

law = settings(max_examples=20, deadline=None)


def rows(path: Path) -> np.ndarray:
    table = read_splats(path)
    return np.stack(list(table.values()), axis=1)


@law
@given(asset=assets(), bent=st.booleans(), share=st.lists(st.floats(0, 1), max_size=3))
def test_parts_make_up_the_whole_at_every_time(
    asset: RiggedAsset, bent: bool, share: list[float]
) -> None:
    asset = skinned(asset) if bent else asset
    times = sorted(share) or None
    with TemporaryDirectory() as folder:
        files = write_splat_files(asset, Path(folder), times_s=times, parts=True)
        assert sorted(p.name for p in Path(folder).iterdir()) == sorted(f.name for f in files)
        for time in times or [None]:
            now = [f for f in files if f.time_s == time]
            whole = next(rows(Path(folder, f.name)) for f in now if f.part is None)
            parts = {f.part: rows(Path(folder, f.name)) for f in now if f.part is not None}
            for name, part in parts.items():
                mine = asset.surfel_links == asset.link_index[name]
                np.testing.assert_array_equal(part, whole[mine])
            assert sum(map(len, parts.values())) == len(whole) == len(asset.surfels)
            shown = start_surfels(asset) if time is None else asset.surfels_at(time)
            write_splats(shown, Path(folder, "wanted"))
            np.testing.assert_array_equal(whole, rows(Path(folder, "wanted")))


def test_names_of_files_are_distinct_and_in_order(cabinet: RiggedAsset) -> None:
    names = [f.name for f in splat_files(cabinet, times_s=[0.0, 0.5], parts=True)]
    assert names[0] == "thing_0001.ply"
    assert names[1] == "thing_link0_0001.ply"
    assert names[6] == "thing_0002.ply"
    assert len(set(names)) == 12


@law
@given(asset=assets(max_links=4))
def test_the_model_moves_its_splats_as_the_asset_does(asset: RiggedAsset) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "splats.glb")
        write_splats_glb(asset, path)
        data = path.read_bytes()
        write_splats_glb(asset, path)
        assert path.read_bytes() == data
        scene = _Scene(read_document(path, lambda uri: None))
        size = struct.unpack_from("<I", data, 12)[0]
        document = json.loads(data[20 : 20 + size])
    assert document["extensionsUsed"] == [EXTENSION]
    for time in (0.0, 0.6):
        poses = scene.poses(np.array([time]))
        wanted = asset.surfels_at(time)
        for node in document["nodes"]:
            if "mesh" not in node:
                continue
            (primitive,) = document["meshes"][node["mesh"]]["primitives"]
            assert primitive["mode"] == 0
            assert primitive["extensions"][EXTENSION]["kernel"] == "ellipse"
            read = {k: scene._values(i) for k, i in primitive["attributes"].items()
                    if k != "COLOR_0"}  # fmt: skip
            T = poses[node["name"]][0]
            mine = asset.surfel_links == asset.link_index[node["name"]]
            part = wanted.select(mine)
            np.testing.assert_allclose(
                read["POSITION"] @ T[:3, :3].T + T[:3, 3], part.means, atol=3e-6
            )
            x, y, z, w = (read[f"{EXTENSION}:ROTATION"][:, k] for k in range(4))
            normal = np.stack([2 * (x * z + w * y), 2 * (y * z - w * x),
                               1 - 2 * (x * x + y * y)], axis=1)  # fmt: skip
            np.testing.assert_allclose(normal @ T[:3, :3].T, part.normals, atol=3e-6)
            np.testing.assert_array_equal(read[f"{EXTENSION}:SCALE"][:, :2], part.scales)
            np.testing.assert_array_equal(read[f"{EXTENSION}:OPACITY"][:, 0], part.opacities)
            names = [
                f"{EXTENSION}:SH_DEGREE_{d}_COEF_{n}" for d in (0, 1) for n in range(2 * d + 1)
            ]
            sh = np.stack([read[name] for name in names], axis=1)
            turned = rotate_sh(sh, np.broadcast_to(T[:3, :3], (len(sh), 3, 3)))
            np.testing.assert_allclose(turned, part.sh, atol=1e-5)


def test_another_reader_finds_every_attribute(cabinet: RiggedAsset, tmp_path: Path) -> None:
    write_splats_glb(cabinet, tmp_path / "splats.glb")
    model = pygltflib.GLTF2().load(str(tmp_path / "splats.glb"))
    assert model is not None
    primitives = [p for m in model.meshes for p in m.primitives]
    used = [i for p in primitives for i in vars(p.attributes).values() if i is not None]
    counts = [model.accessors[i].count for i in used]
    assert set(counts) == {6}
    names = {name for p in primitives for name in vars(p.attributes)}
    assert f"{EXTENSION}:SH_DEGREE_1_COEF_2" in names


def run(*arguments: object) -> int:
    return main(["splats", *map(str, arguments), "--quiet"])


def test_the_command_writes_what_was_asked_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asset = build_asset([JointType.REVOLUTE, JointType.PRISMATIC], [0, 1], seed=2)
    save_asset(tmp_path / "asset.npz", asset)
    out = tmp_path / "out"
    assert run(tmp_path, "--out", out, "--every", 0.25, "--parts", "--glb", "--json") == 0
    record: dict[str, Any] = json.loads(capfd.readouterr().out)
    assert [f["time_s"] for f in record["files"][::4]] == [0, 0.25, 0.5, 0.75, 1.0]
    assert {p.name for p in out.iterdir()} == {
        *(Path(f["file"]).name for f in record["files"]), "thing.glb"
    }  # fmt: skip
    first = {p.name: p.read_bytes() for p in out.iterdir()}
    assert run(tmp_path, "--out", out, "--every", 0.25) == 41
    assert run(tmp_path / "asset.npz", "--out", out, "--every", 0.25, "--overwrite") == 0
    assert {p.name: p.read_bytes() for p in out.iterdir()} == first


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--times", 0, 3), 2, "3 s lies outside of the motion"),
        (("--times", 0, "--every", 1), 2, "either --times or --every"),
        (("--every", 0), 2, "over 0"),
        (("--every", 1e-9), 2, "over 10000"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: tuple[object, ...],
    code: int,
    said: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    save_asset(tmp_path / "asset.npz", build_asset([JointType.REVOLUTE], [0]))
    assert run(tmp_path, "--out", tmp_path / "out", *arguments) == code
    assert said in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_no_asset_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, "--out", tmp_path / "out") == 19
    assert run(tmp_path / "none.npz", "--out", tmp_path / "out") == 40
