"""Faults of the mesh files, and of how the URDF names them."""

from __future__ import annotations

import re
import shutil

import numpy as np

from .seeding import Inapplicable, child, fault, in_urdf, pick, swap


def _mesh(root, rng, kind):
    """The ``<mesh>`` of a visual or collision."""
    return pick(rng, root.findall(f"link/{kind}/geometry/mesh"))


def _file(folder, rng, kind):
    """A mesh file."""
    return pick(rng, sorted((folder / "meshes" / kind).glob("*.obj")))


def _vertices(path, change):
    """Change the vertices ``(v, 3)`` of an OBJ; what else is in their rows stays."""
    lines = path.read_text().split("\n")
    rows = [i for i, line in enumerate(lines) if line.startswith("v ")]
    points = np.array([lines[i].split()[1:4] for i in rows], float)
    for i, point in zip(rows, change(points), strict=True):
        rest = lines[i].split()[4:]
        lines[i] = " ".join(["v", *(repr(float(x)) for x in point), *rest])
    path.write_text("\n".join(lines))


def lopsided(folder):
    """Collision meshes that mirroring along z changes."""
    found = []
    for path in sorted((folder / "meshes/collision").glob("*.obj")):
        z = [float(line.split()[3]) for line in path.read_text().split("\n") if line[:2] == "v "]
        if abs(min(z) + max(z)) > 1e-3:
            found.append(path)
    return found


def _convert(folder, rng, suffix):
    """Another format of a visual, named in the URDF in its place."""
    import trimesh

    with in_urdf(folder) as root:
        mesh = _mesh(root, rng, "visual")
        path = folder / mesh.get("filename")
        loaded = trimesh.load(path, force="mesh", process=False, skip_materials=True)
        loaded.export(path.with_suffix(suffix))
        mesh.set("filename", mesh.get("filename").replace(".obj", suffix))


@fault("meshes", "MESH001", "LOAD002", "LOAD003", seen="PyBullet and MuJoCo find no mesh")
def package_path(folder, rng):
    with in_urdf(folder) as root:
        mesh = _mesh(root, rng, "collision")
        mesh.set("filename", f"package://thing/{mesh.get('filename')}")


@fault("meshes", "MESH001", seen="found on this machine alone")
def absolute_path(folder, rng):
    with in_urdf(folder) as root:
        mesh = _mesh(root, rng, "visual")
        mesh.set("filename", f"{folder.resolve().as_posix()}/{mesh.get('filename')}")


@fault("meshes", "MESH001", seen="found on one Windows machine alone")
def windows_path(folder, rng):
    with in_urdf(folder) as root:
        mesh = _mesh(root, rng, "visual")
        mesh.set("filename", f"C:\\{mesh.get('filename')}")


@fault("meshes", "MESH002", seen="the bundle cannot be moved")
def mesh_outside(folder, rng):
    with in_urdf(folder) as root:
        mesh = _mesh(root, rng, "visual")
        shutil.copy(folder / mesh.get("filename"), folder.parent / "outside.obj")
        mesh.set("filename", "../outside.obj")


@fault("meshes", "MESH002", seen="the bundle cannot be moved")
def mesh_linked_to_outside(folder, rng):
    path = _file(folder, rng, "visual")
    target = folder.parent / f"outside_{path.name}"
    shutil.move(path, target)
    path.symlink_to(target.resolve())


@fault("meshes", "MESH003", "LOAD002", "LOAD003", "LOAD004", seen="nothing loads, or no collider")
def mesh_dropped(folder, rng):
    _file(folder, rng, "collision").unlink()


@fault("meshes", "MESH004", seen="a part is missing, or nothing loads")
def mesh_garbled(folder, rng):
    _file(folder, rng, "visual").write_text("v 1 2\nf 9 9 9\n")


@fault("meshes", "MESH004", seen="a part is not drawn")
def mesh_nan(folder, rng):
    swap(_file(folder, rng, "visual"), r"v \S+", "v nan")


@fault("meshes", "MESH005", seen="PyBullet and MuJoCo refuse it")
def mesh_as_ply(folder, rng):
    _convert(folder, rng, ".ply")


@fault("meshes", "MESH005", seen="PyBullet and MuJoCo refuse it")
def mesh_as_glb(folder, rng):
    _convert(folder, rng, ".glb")


@fault("meshes", "MESH005", "LOAD003", seen="MuJoCo refuses it")
def mesh_as_dae(folder, rng):
    with in_urdf(folder) as root:
        mesh = _mesh(root, rng, "visual")
        path = folder / mesh.get("filename")
        path.with_suffix(".dae").write_text("<COLLADA/>")
        mesh.set("filename", mesh.get("filename").replace(".obj", ".dae"))


@fault("meshes", "MESH006", seen="engines collide with the hull instead")
def piece_dented(folder, rng):
    def change(points):
        """Pull an eighth of the vertices, all of one side, halfway to the middle."""
        middle = points.mean(axis=0)
        gaps = np.linalg.norm(points - points[rng.integers(len(points))], axis=1)
        near = np.argsort(gaps)[: max(1, len(points) // 8)]
        points[near] = (points[near] + middle) / 2
        return points

    _vertices(_file(folder, rng, "collision"), change)


@fault("meshes", "MESH006", seen="no engine makes a hull of it")
def piece_flat(folder, rng):
    _vertices(_file(folder, rng, "collision"), lambda points: points * [0, 1, 1])


@fault("meshes", "MESH006", seen="a hull with a hole")
def piece_open(folder, rng):
    swap(_file(folder, rng, "collision"), r"\nf [^\n]*\n", "\n")


@fault("meshes", "MESH007", seen="contacts are slow")
def too_many_pieces(folder, rng):
    text = (folder / "scene.urdf").read_text()
    piece = re.search(r"<collision>.*?</collision>", text, re.DOTALL)
    if piece is None:
        raise Inapplicable
    (folder / "scene.urdf").write_text(text.replace(piece[0], piece[0] * 40, 1))


@fault("meshes", "MESH008", seen="things fall through it")
def pieces_dropped(folder, rng):
    with in_urdf(folder) as root:
        both = [
            e
            for e in root.findall("link")
            if e.find("visual") is not None and e.find("collision") is not None
        ]
        link = pick(rng, both)
        for piece in link.findall("collision"):
            link.remove(piece)


@fault("meshes", "MESH009", seen="an invisible link")
def link_bare(folder, rng):
    with in_urdf(folder) as root:
        single = [e.get("link") for e in root.findall("joint/parent")]
        ends = [e for e in root.findall("link") if e.get("name") not in single]
        link = pick(rng, ends)
        for shape in [*link.findall("collision"), *link.findall("visual")]:
            link.remove(shape)


@fault("meshes", "MESH010", seen="one looks through it")
def visual_with_a_hole(folder, rng):
    swap(_file(folder, rng, "visual"), r"\nf [^\n]*\n", "\n")


@fault("meshes", "MESH011", seen="a part of another size in PyBullet")
def visual_scaled(folder, rng):
    with in_urdf(folder) as root:
        _mesh(root, rng, "visual").set("scale", "1 1 1.01")


@fault("meshes", "MESH011", seen="a part of a thousandth in PyBullet")
def collision_in_millimetres(folder, rng):
    with in_urdf(folder) as root:
        _mesh(root, rng, "collision").set("scale", "0.001 0.001 0.001")


@fault("meshes", "MESH011", seen="things touch it where it is not")
def collision_moved(folder, rng):
    with in_urdf(folder) as root:
        child(pick(rng, root.findall("link/collision")), "origin").set("xyz", "0.05 0 0")


@fault("meshes", "URDF005", seen="each engine mirrors it in its own way")
def collision_mirrored(folder, rng):
    with in_urdf(folder) as root:
        _mesh(root, rng, "collision").set("scale", "1 -1 1")


@fault("meshes", "MESH011", seen="one side of it is in the air")
def piece_mirrored(folder, rng):
    """About the link's origin, with faces turned so that the mesh is sound by itself."""
    path = pick(rng, lopsided(folder))
    _vertices(path, lambda points: points * [1, 1, -1])
    text = re.sub(r"(?m)^f (\S+) (\S+) (\S+)$", r"f \1 \3 \2", path.read_text())
    path.write_text(text)


@fault("meshes", "MESH013", "MESH012", seen="black in a renderer, open to rays in an engine")
def faces_inside_out(folder, rng):
    path = _file(folder, rng, pick(rng, ["visual", "collision"]))
    text = re.sub(r"(?m)^f (\S+) (\S+) (\S+)$", r"f \1 \3 \2", path.read_text())
    path.write_text(text)


@fault("meshes", "MESH013", seen="dark triangles")
def one_face_inside_out(folder, rng):
    swap(_file(folder, rng, "visual"), r"\nf (\S+) (\S+) (\S+)\n", r"\nf \1 \3 \2\n")


@fault("meshes", "MESH012", seen="a corner is cut off")
def corner_moved(folder, rng):
    """Within the bounds, so that these stay."""

    def change(points):
        low, high = points.min(axis=0), points.max(axis=0)
        inner = np.flatnonzero(((points > low) & (points < high)).any(axis=1))
        k = int(rng.choice(inner)) if len(inner) else 0
        points[k] = points[k] + 0.3 * ((low + high) / 2 - points[k])
        return points

    _vertices(_file(folder, rng, "visual"), change)


@fault("meshes", "LOOK004", seen="a grey part")
def material_library_dropped(folder, rng):
    pick(rng, sorted((folder / "meshes/visual").glob("*.mtl"))).unlink()


@fault("meshes", "LOOK004", seen="a grey part")
def material_renamed(folder, rng):
    path = pick(rng, sorted((folder / "meshes/visual").glob("*.mtl")))
    swap(path, r"newmtl (\S+)", r"newmtl \1_2")
