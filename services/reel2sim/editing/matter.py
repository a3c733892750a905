"""Links of another size, colour, material or density."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from reel2sim.rigging.physics.materials import material_named
from reel2sim.scene import Inertial, Link, Material, RiggedAsset, Surfels, TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.harmonics import SH_C0


def scaled_mesh(mesh: TriangleMesh, factor: float) -> TriangleMesh:
    """The mesh scaled about its frame's origin."""
    return replace(mesh, vertices=mesh.vertices * factor)


def scaled_link(link: Link, factor: float) -> Link:
    """The link scaled about its frame's origin, of the same material: mass goes with volume."""
    body = link.inertial
    return replace(
        link,
        visual=scaled_mesh(link.visual, factor),
        collision=tuple(scaled_mesh(piece, factor) for piece in link.collision),
        inertial=Inertial(body.mass * factor**3, body.center * factor, body.inertia * factor**5),
    )


def made_of(link: Link, material: Material) -> Link:
    """The link of another material: the same volume, as hollow as it was."""
    body, ratio = link.inertial, material.density / link.material.density
    return replace(
        link,
        material=material,
        inertial=Inertial(body.mass * ratio, body.center, body.inertia * ratio),
    )


def with_material(asset: RiggedAsset, links: set[str], name: str) -> RiggedAsset:
    """``asset`` with some links of the material called ``name``.

    Raises:
        UsageError: if there is no such material.
    """
    return _each(asset, links, lambda link: made_of(link, material_named(name)))


def with_density(asset: RiggedAsset, links: set[str], density: float) -> RiggedAsset:
    """``asset`` with another density (kg/m³) of some links."""
    return _each(asset, links, lambda link: made_of(link, replace(link.material, density=density)))


def _each(asset: RiggedAsset, links: set[str], change: Callable[[Link], Link]) -> RiggedAsset:
    return replace(
        asset, links=tuple(change(link) if link.name in links else link for link in asset.links)
    )


def recolored(asset: RiggedAsset, links: set[str], color: Array) -> RiggedAsset:
    """``asset`` with another mean colour (sRGB ``(3,)``, 0..1) of some links.

    Meshes and surfels keep their pattern: each channel is scaled so that its mean over all of the
    links becomes that of ``color``; a channel that was black becomes even.
    """
    index = asset.link_index
    chosen = np.isin(asset.surfel_links, [index[name] for name in links])
    meshes = [link.visual for link in asset.links if link.name in links]
    seen = [mesh.colors for mesh in meshes if mesh.colors is not None]
    shades = [*seen, asset.surfels.colors[chosen].astype(np.float64)]
    every = np.concatenate(shades) if shades else np.zeros((0, 3))
    mean = every.mean(axis=0) if len(every) else np.zeros(3)

    black = mean < 1e-3
    ratio = np.where(black, 0.0, color / np.maximum(mean, 1e-6))

    def dyed(values: Array) -> Array:
        return np.clip(np.where(black, color, values * ratio), 0.0, 1.0)

    def dyed_link(link: Link) -> Link:
        mesh = link.visual
        colors = np.tile(color, (len(mesh.vertices), 1)) if mesh.colors is None else mesh.colors
        return replace(link, visual=replace(mesh, colors=dyed(colors)))

    found = replace(
        _each(asset, links, dyed_link), surfels=_dyed_surfels(asset.surfels, chosen, dyed, ratio)
    )
    if asset.skin is None or links != set(index):
        return found
    mesh = asset.skin.mesh
    colors = np.tile(color, (len(mesh.vertices), 1)) if mesh.colors is None else mesh.colors
    return replace(found, skin=replace(asset.skin, mesh=replace(mesh, colors=dyed(colors))))


def _dyed_surfels(
    surfels: Surfels, chosen: Array, dyed: Callable[[Array], Array], ratio: Array
) -> Surfels:
    """Chosen surfels with ``dyed`` colours, their light of higher degrees scaled by ``ratio``."""
    sh = surfels.sh.astype(np.float64).copy()
    own = sh[chosen]
    own[:, 0] = (dyed(0.5 + SH_C0 * own[:, 0]) - 0.5) / SH_C0
    own[:, 1:] *= ratio
    sh[chosen] = own
    return replace(surfels, sh=sh)
