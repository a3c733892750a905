"""Pictures of a performance by PyBullet's software renderer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from reel2sim.generation.scripted.kinematics import ObjectSpec, Part
from reel2sim.generation.scripted.physics import physics_world
from reel2sim.generation.scripted.play import Performance
from reel2sim.generation.scripted.textures import Tile, surface_tile
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.transforms import quaternion_from_matrix

_LIGHT: Final = (1.2, 0.7, 2.0)
_BACKDROP: Final = 255


class Studio:
    """All parts of a performance as bodies that are put where they are at an instant."""

    def __init__(
        self, client: Any, play: Performance, folder: Path, rng: np.random.Generator
    ) -> None:
        """Give every part of every object its textures, drawn from ``rng``."""
        self._client = client
        self._play = play
        self._bodies: list[tuple[int, Array]] = []
        for a, actor in enumerate(play.actors):
            tiles = {name: surface_tile(s, rng) for name, s in actor.spec.surfaces.items()}
            images = {name: folder / f"{a}_{name}.png" for name in tiles}
            for name, tile in tiles.items():
                Image.fromarray(tile.image).save(images[name])
            for part in actor.spec.parts:
                for number in _load(client, actor.spec, part, folder, (a, tiles, images)):
                    self._bodies.append((number, actor.part_poses[part.name]))

    def pose(self, instant: int) -> None:
        """Put all parts where they are at ``times_s[instant]``."""
        for number, poses in self._bodies:
            T = poses[instant]
            q = quaternion_from_matrix(T[:3, :3])
            self._client.resetBasePositionAndOrientation(
                number, T[:3, 3].tolist(), q[[1, 2, 3, 0]].tolist()
            )

    def photograph(self, camera: Camera, factor: int) -> tuple[Array, Array, Array]:
        """Picture ``(h, w, 3)``, mask ``(h, w)``, uint8, and depth ``(h, w)``, metres along z.

        All are ``factor`` times as large as the camera's pictures; depth is infinite where there
        is nothing.
        """
        width, height = camera.width * factor, camera.height * factor
        fov = 2 * np.degrees(np.arctan(camera.height / 2 / camera.fy))
        far = 2 * float(np.linalg.norm(camera.position)) + 20.0
        near = far / 400
        projection = list(
            self._client.computeProjectionMatrixFOV(fov, camera.width / camera.height, near, far)
        )
        # The renderer samples a pixel at its lower left corner; move the picture so that it
        # samples the centre.
        projection[8] += 1 / width
        projection[9] += 1 / height
        view = np.diag([1.0, -1.0, -1.0, 1.0]) @ camera.T_camera_world
        _, _, rgba, depth, ids = self._client.getCameraImage(
            width,
            height,
            view.T.ravel().tolist(),
            projection,
            renderer=self._client.ER_TINY_RENDERER,
            lightDirection=_LIGHT,
            lightColor=(1, 1, 1),
            lightAmbientCoeff=0.6,
            lightDiffuseCoeff=0.4,
            lightSpecularCoeff=0.0,
            shadow=0,
        )
        picture = np.asarray(rgba, dtype=np.uint8).reshape(height, width, 4)[..., :3]
        seen = np.asarray(ids).reshape(height, width) >= 0
        buffer = np.asarray(depth, dtype=float).reshape(height, width)
        metres = np.where(seen, far * near / (far - (far - near) * buffer), np.inf)
        image = np.where(seen[..., None], picture, _BACKDROP).astype(np.uint8)
        return image, seen * np.uint8(255), metres


@contextmanager
def studio(play: Performance, folder: Path, rng: np.random.Generator) -> Iterator[Studio]:
    """A :class:`Studio` in a world of its own.

    Raises:
        MissingDependencyError: if PyBullet is not installed.
    """
    with physics_world() as client:
        client.setPhysicsEngineParameter(enableFileCaching=0)
        yield Studio(client, play, folder, rng)


def _load(
    client: Any,
    spec: ObjectSpec,
    part: Part,
    folder: Path,
    dress: tuple[int, dict[str, Tile], dict[str, Path]],
) -> list[int]:
    """A body for each surface of a part."""
    a, tiles, images = dress
    numbers: list[int] = []
    for name in dict.fromkeys(solid.surface for solid in part.solids):
        solids = [solid for solid in part.solids if solid.surface == name]
        lines = [f"mtllib {a}_{name}.mtl", "usemtl m"]
        count = 1
        scale = 1.0 if spec.surfaces[name].pattern else 1 / tiles[name].metres
        for solid in solids:
            lines += ["v " + " ".join(f"{x:.7f}" for x in v - part.pivot) for v in solid.vertices]
            uv = solid.uv * scale
            uv = uv - np.floor(uv.min(axis=0)) if scale != 1.0 else uv
            lines += [f"vt {u:.6f} {w:.6f}" for u, w in uv]
            lines += ["vn " + " ".join(f"{x:.6f}" for x in n) for n in solid.normals]
            lines += [
                "f " + " ".join(f"{i + count}/{i + count}/{i + count}" for i in face)
                for face in solid.faces
            ]
            count += len(solid.vertices)
        (folder / f"{a}_{name}.mtl").write_text(
            f"newmtl m\nKd 1 1 1\nmap_Kd {images[name].name}\n", "utf-8"
        )
        path = folder / f"{a}_{part.name}_{name}.obj"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        shape = client.createVisualShape(client.GEOM_MESH, fileName=str(path))
        numbers.append(client.createMultiBody(0, baseVisualShapeIndex=shape))
    return numbers
