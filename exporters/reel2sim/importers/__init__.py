"""Readers of what users already have: robot descriptions and models as assets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reel2sim.scene import Material, RiggedAsset, Scene

__all__ = ["load_gltf", "load_mjcf", "load_urdf", "load_usd"]


def load_urdf(
    path: Path,
    *,
    roots: Sequence[Path] = (),
    packages: Mapping[str, Path] | None = None,
    material: Material | None = None,
) -> RiggedAsset:
    """A URDF as an asset, at rest with all joints at zero.

    Files that it names must lie in its folder, in ``roots`` or in ``packages``. Collision meshes
    that are not convex become their hulls; what the file does not say is assumed and noted.

    Args:
        path: the file.
        roots: folders that may be read besides its own.
        packages: folder of each ROS package by name.
        material: of what has no mass of its own.

    Raises:
        InputError: if the file cannot be used; it names file, element and remedy.
    """
    from reel2sim.importers.assemble import assembled
    from reel2sim.importers.roots import Roots
    from reel2sim.importers.urdf import read_urdf

    path = Path(path)
    description = read_urdf(path, Roots.around(path, *roots, packages=packages))
    return assembled(description, material=material)


def load_mjcf(
    path: Path, *, roots: Sequence[Path] = (), material: Material | None = None
) -> RiggedAsset:
    """An MJCF model as an asset, at rest in its ``qpos0``.

    Bodies with several joints get hubs between them, ball joints become three hinges, and the
    world is a link where something moves against it. Tendons, planes and height fields are left
    out and noted.

    Args:
        path: the file.
        roots: folders that may be read besides its own.
        material: of what has no mass of its own.

    Raises:
        InputError: if the file cannot be used; it names file, element and remedy.
    """
    from reel2sim.importers.assemble import assembled
    from reel2sim.importers.mjcf import read_mjcf
    from reel2sim.importers.roots import Roots

    path = Path(path)
    return assembled(read_mjcf(path, Roots.around(path, *roots)), material=material)


def load_gltf(
    path: Path, *, roots: Sequence[Path] = (), material: Material | None = None
) -> RiggedAsset:
    """A GLB or glTF file as an asset, moving as its animation moves.

    Our own files come back with the joints, mass properties and materials they were written with.
    Of other files, nodes that move become links whose joints are found from the animation, and the
    convex hulls of their meshes collide and weigh what they do at the material's density. Textures
    are kept at the vertices, morph targets not at all.

    Args:
        path: the file, ``.glb`` or ``.gltf``.
        roots: folders that may be read besides its own.
        material: of what has no mass of its own.

    Raises:
        InputError: if the file cannot be used; it names file, element and remedy.
    """
    from reel2sim.importers.assemble import assembled
    from reel2sim.importers.gltf import read_gltf
    from reel2sim.importers.roots import Roots

    path = Path(path)
    return assembled(read_gltf(path, Roots.around(path, *roots)), material=material)


def load_usd(path: Path, *, roots: Sequence[Path] = (), material: Material | None = None) -> Scene:
    """A USD stage as a scene: each tree of bodies an asset, of UsdPhysics and what Newton adds.

    Units and axes become ours. Joints with several axes become chains of hinges and slides, loops
    are opened, and a stage without bodies is one fixed body, all of it noted. Layers that the stage
    names must lie in its folder or in ``roots``; a package sees itself alone.

    Args:
        path: .usd, .usda, .usdc or .usdz.
        roots: folders that may be read besides its own.
        material: of what has no mass or density of its own.

    Raises:
        InputError: if the file cannot be used; it names file, prim and remedy.
    """
    from reel2sim.importers.assemble import assembled
    from reel2sim.importers.roots import Roots
    from reel2sim.importers.usd import read_usd
    from reel2sim.scene import Placement, Scene

    path = Path(path)
    found = read_usd(path, Roots.around(path, *roots), material=material)
    return Scene(
        tuple(
            Placement.of(assembled(x.description, material=material), x.T_world_asset)
            for x in found.objects
        ),
        gravity=found.gravity,
        ground_z=found.ground_z,
        name=found.name,
        lights=found.lights,
        cameras=found.cameras,
        background=found.background,
    )
