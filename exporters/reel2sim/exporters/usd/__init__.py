"""OpenUSD: a physics articulation with appearance and reference motion.

Layers, strongest first, below the interface layer ``scene.usda``:

``payloads/splats.usdc``
    surfels per link; composed by the variant ``appearance = splats`` only,
``payloads/skin.usdc``
    UsdSkel skin of a subject that bends; its bodies' meshes become guides,
``payloads/motion.usdc``
    time samples of every body,
``payloads/physics.usda``
    bodies at rest, masses, which meshes collide, joints,
``payloads/geometry.usdc``
    meshes and render materials.
"""

from reel2sim.exporters.usd.package import UsdPaths, write_usd

__all__ = ["UsdPaths", "write_usd"]
