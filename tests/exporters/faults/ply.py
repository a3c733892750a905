"""Faults of ``splats.ply``."""

from __future__ import annotations

import numpy as np

from .seeding import Inapplicable, fault, in_json, in_ply


@fault("PLY", "PLY001", seen="a viewer refuses it")
def cut(folder, rng):
    path = folder / "splats.ply"
    path.write_bytes(path.read_bytes()[:-7])


@fault("PLY", "PLY001", seen="a viewer shows points, not splats")
def field_renamed(folder, rng):
    path = folder / "splats.ply"
    path.write_bytes(path.read_bytes().replace(b"float opacity", b"float opaqueX"))


@fault("PLY", "PLY001", seen="garbage")
def big_endian(folder, rng):
    path = folder / "splats.ply"
    path.write_bytes(path.read_bytes().replace(b"little_endian", b"big_endian"))


@fault("PLY", "PLY002", seen="a viewer shows nothing")
def position_nan(folder, rng):
    with in_ply(folder) as table:
        table["xyz"[rng.integers(3)]][rng.integers(len(table["x"]))] = np.nan


@fault("PLY", "PLY002", seen="a splat vanishes")
def rotation_zero(folder, rng):
    with in_ply(folder) as table:
        k = rng.integers(len(table["x"]))
        for i in range(4):
            table[f"rot_{i}"][k] = 0


@fault("PLY", "PLY003", seen="the page says another number")
def surfels_of_another_number(folder, rng):
    with in_json(folder / "manifest.json") as record:
        record["asset"]["surfels"] += 3


@fault("PLY", "PLY004", seen="splats float beside the mesh")
def positions_moved(folder, rng):
    with in_ply(folder) as table:
        table["x"] += np.float32(0.01)


@fault("PLY", "PLY004", seen="a mirrored object")
def positions_mirrored(folder, rng):
    with in_ply(folder) as table:
        table["y"] *= -1


@fault("PLY", "PLY004", seen="it lies on its side")
def positions_y_up(folder, rng):
    with in_ply(folder) as table:
        y, z = table["y"].copy(), table["z"].copy()
        table["y"][:], table["z"][:] = z, -y


@fault("PLY", "PLY005", "PLY006", seen="a fog of huge splats")
def scales_linear(folder, rng):
    with in_ply(folder) as table:
        for i in range(3):
            table[f"scale_{i}"][:] = np.exp(table[f"scale_{i}"])


@fault("PLY", "PLY005", "PLY006", seen="everything is half transparent")
def opacities_linear(folder, rng):
    with in_ply(folder) as table:
        table["opacity"][:] = 1 / (1 + np.exp(-table["opacity"]))


@fault("PLY", "PLY005", "PLY007", seen="surfels stand on edge")
def rotations_xyzw(folder, rng):
    with in_ply(folder) as table:
        w = table["rot_0"].copy()
        for i in range(3):
            table[f"rot_{i}"][:] = table[f"rot_{i + 1}"]
        table["rot_3"][:] = w


@fault("PLY", "PLY007", seen="lit from the wrong side")
def normals_inverted(folder, rng):
    with in_ply(folder) as table:
        for axis in "xyz":
            table[f"n{axis}"][:] *= -1


@fault("PLY", "PLY005", seen="colours change with the view in the wrong way")
def harmonics_coefficient_by_coefficient(folder, rng):
    """``f_rest`` in the order of coefficients, channels inside, instead of the other way."""
    with in_ply(folder) as table:
        names = [name for name in table if name.startswith("f_rest_")]
        if not names:
            raise Inapplicable
        values = np.stack([table[name] for name in names], axis=1)
        turned = values.reshape(len(values), 3, -1).swapaxes(1, 2).reshape(len(values), -1)
        for i, name in enumerate(names):
            table[name][:] = turned[:, i]


@fault("PLY", "PLY005", seen="washed-out colours")
def colours_as_rgb(folder, rng):
    with in_ply(folder) as table:
        for i in range(3):
            table[f"f_dc_{i}"][:] = 0.5 + 0.28209479 * table[f"f_dc_{i}"]
