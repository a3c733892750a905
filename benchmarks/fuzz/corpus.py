"""Good files, small ones, from which the bad ones are made."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import trimesh
from PIL import Image
from trimesh.visual import TextureVisuals
from trimesh.visual.material import SimpleMaterial

Files = Mapping[str, bytes]
"""Contents by name in a folder."""
_MESH_URDF = b"""<robot name="one"><link name="a"><visual><geometry><mesh filename="%s"/></geometry>
</visual><collision><geometry><mesh filename="%s" scale="1 1 1"/></geometry></collision>
</link></robot>
"""
_OWN_URDF = b"""<?xml version="1.0"?><robot name="own">
<material name="red"><color rgba="0.8 0.1 0.1 1"/></material>
<link name="base"><inertial><origin xyz="0 0 0.1" rpy="0 0 0.3"/><mass value="2"/>
<inertia ixx="0.1" ixy="0.01" ixz="0" iyy="0.12" iyz="0" izz="0.1"/></inertial>
<visual><origin xyz="0 0 0.1" rpy="0.1 0 0"/><geometry><box size="0.2 0.3 0.1"/></geometry>
<material name="red"/></visual>
<collision><geometry><cylinder radius="0.1" length="0.2"/></geometry></collision>
<contact><lateral_friction value="0.7"/></contact></link>
<link name="arm"><visual><geometry><mesh filename="m.obj" scale="1 1 -1"/></geometry></visual>
</link>
<link name="tip"><collision><geometry><sphere radius="0.05"/></geometry></collision></link>
<joint name="shoulder" type="revolute"><parent link="base"/><child link="arm"/>
<origin xyz="0 0 0.2" rpy="0 0.5 0"/><axis xyz="0 1 0"/>
<limit lower="-1" upper="1" effort="5" velocity="2"/>
<dynamics damping="0.1" friction="0.2"/></joint>
<joint name="slide" type="prismatic"><parent link="arm"/><child link="tip"/><axis xyz="1 0 0"/>
<limit lower="0" upper="0.3" effort="5" velocity="2"/></joint></robot>
"""
_OWN_MJCF = b"""<mujoco model="own"><compiler angle="degree" autolimits="true"/>
<default><geom rgba="0.2 0.5 0.8 1" friction="0.8 0.005 0.0001"/><default class="arm">
<joint damping="0.2" armature="0.01"/></default></default>
<asset><mesh name="m" file="m.obj" scale="0.1 0.1 0.1"/>
<mesh name="t" vertex="0 0 0 1 0 0 0 1 0 0 0 1"/><material name="mat" rgba="1 0 0 1"/>
<texture name="tex" type="2d" builtin="checker" width="8" height="8"/></asset>
<worldbody><geom type="plane" size="1 1 .1"/><light pos="0 0 2"/>
<body name="base" pos="0 0 .5" euler="0 10 0"><geom type="box" size=".1 .1 .1" material="mat"/>
<site name="s" pos="0 0 .1"/>
<body name="arm" pos=".2 0 0" childclass="arm"><joint name="hinge" axis="0 1 0" range="-40 60"/>
<geom type="mesh" mesh="m"/><inertial pos="0 0 0" mass="1" diaginertia=".1 .1 .1"/>
<body name="ball" pos="0 .2 0"><joint name="b" type="ball"/><geom type="capsule" size=".02"
fromto="0 0 0 0 0 .2"/></body>
<body name="tip" pos="0 0 .2"><joint name="slide" type="slide" axis="1 0 0" range="0 1"/>
<joint name="twist" axis="0 0 1" pos="0.1 0 0"/><geom type="ellipsoid" size=".1 .2 .3"/>
<geom type="mesh" mesh="t"/></body></body></body></worldbody>
<equality><joint joint1="twist" joint2="hinge" polycoef="0 1 0 0 0"/></equality>
<contact><exclude body1="base" body2="tip"/></contact>
<actuator><motor joint="hinge" ctrlrange="-3 3" gear="2"/></actuator>
<custom><text name="link_order" data="world base arm tip"/></custom>
<keyframe><key name="k" qpos="0 1 0 0 0 0 0"/></keyframe></mujoco>
"""


_OWN_USDA = b"""#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 0.01
    upAxis = "Y"
)
def Xform "World" (prepend apiSchemas = ["PhysicsArticulationRootAPI"]) {
    def Xform "base" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"]) {
        float physics:mass = 2
        double3 xformOp:translate = (0, 10, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Cube "shape" (prepend apiSchemas = ["PhysicsCollisionAPI"]) {
            double size = 20
        }
    }
    def Xform "arm" (prepend apiSchemas = ["PhysicsRigidBodyAPI"]) {
        double3 xformOp:translate = (0, 30, 0)
        float3 xformOp:rotateXYZ = (10, 20, 30)
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ"]
        def Mesh "m" (prepend apiSchemas = ["PhysicsCollisionAPI", "PhysicsMeshCollisionAPI"]) {
            int[] faceVertexCounts = [3, 3, 3, 3]
            int[] faceVertexIndices = [0, 2, 1, 0, 1, 3, 0, 3, 2, 1, 2, 3]
            point3f[] points = [(0, 0, 0), (10, 0, 0), (0, 10, 0), (0, 0, 10)]
            color3f[] primvars:displayColor = [(0.1, 0.2, 0.3)]
        }
        def Capsule "c" (prepend apiSchemas = ["PhysicsCollisionAPI"]) {
            double radius = 2
        }
    }
    def PhysicsRevoluteJoint "hinge" {
        rel physics:body0 = </World/base>
        rel physics:body1 = </World/arm>
        point3f physics:localPos0 = (0, 10, 0)
        point3f physics:localPos1 = (0, -10, 0)
        quatf physics:localRot0 = (1, 0, 0, 0)
        quatf physics:localRot1 = (1, 0, 0, 0)
        uniform token physics:axis = "Z"
        float physics:lowerLimit = -45
        float physics:upperLimit = 90
    }
    def "more" ( references = @scene.usda@</World/base/shape> ) {
    }
}
"""


@dataclass(frozen=True)
class Format:
    """One importer.

    Attributes:
        load: reads the file of a case; what it gives back is an asset or a scene.
        main: name of the file that is read.
        seeds: good cases; every file of one may be mutated.
    """

    load: Callable[[Path], object]
    main: str
    seeds: tuple[Files, ...]


def _textured_box() -> trimesh.Trimesh:
    box = trimesh.creation.box((0.2, 0.3, 0.1))
    picture = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    uv = np.random.default_rng(0).random((len(box.vertices), 2))
    box.visual = TextureVisuals(uv=uv, material=SimpleMaterial(image=picture))
    return box


def _colored_ball() -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(subdivisions=1, radius=0.1)
    ball.visual.vertex_colors = np.random.default_rng(1).integers(0, 255, (len(ball.vertices), 4))
    return ball


def _exported(mesh: trimesh.Trimesh, kind: str, **options: object) -> bytes:
    data = mesh.export(file_type=kind, **options)
    return data.encode() if isinstance(data, str) else bytes(data)


def _meshes() -> dict[str, list[Files]]:
    """Contents of mesh folders by format; the mesh itself is called m."""
    ball, box = _colored_ball(), _textured_box()
    plain = ball.copy()
    plain.visual = trimesh.visual.ColorVisuals()
    with TemporaryDirectory() as folder:
        box.export(Path(folder, "m.obj"))
        textured = {p.name: p.read_bytes() for p in sorted(Path(folder).iterdir())}
    obj = b"mtllib m.mtl\no m\nusemtl m\n" + _exported(ball, "obj")
    mtl = b"newmtl m\nKa 0.1 0.2 0.3\nKd 0.4 0.5 0.6\nd 1\nmap_Kd m.png\nillum 1\n"
    quads = (
        b"v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1\nvn 0 0 1\nf 1//1 2//1 3//1 4//1\nf -1 1 2\n"
    )
    document = ball.export(file_type="gltf")
    return {
        "obj": [{"m.obj": obj, "m.mtl": mtl}, textured, {"m.obj": quads}],
        "stl": [{"m.stl": _exported(plain, "stl")}, {"m.stl": _exported(plain, "stl_ascii")}],
        "dae": [{"m.dae": _dae(ball)}],
        "ply": [
            {"m.ply": _exported(ball, "ply")},
            {"m.ply": _exported(ball, "ply", encoding="ascii")},
        ],
        "off": [{"m.off": _exported(plain, "off")}],
        "glb": [{"m.glb": _exported(ball, "glb")}, {"m.glb": _exported(box, "glb")}],
        "gltf": [{("m.gltf" if n == "model.gltf" else n): bytes(d) for n, d in document.items()}],
    }


def _dae(mesh: trimesh.Trimesh) -> bytes:
    """A COLLADA file of a scaled node with a material, as modellers write it."""
    points = " ".join(f"{v:.4f}" for v in np.asarray(mesh.vertices).ravel())
    corners = " ".join(str(v) for v in np.asarray(mesh.faces).ravel())
    count, faces = len(mesh.vertices), len(mesh.faces)
    return f"""<?xml version="1.0"?>
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
<asset><unit meter="0.01" name="centimeter"/><up_axis>Z_UP</up_axis></asset>
<library_images><image id="i"><init_from>m.png</init_from></image></library_images>
<library_effects><effect id="e"><profile_COMMON><technique sid="t"><phong><diffuse>
<color>0.2 0.4 0.6 1</color></diffuse></phong></technique></profile_COMMON></effect>
</library_effects>
<library_materials><material id="mat"><instance_effect url="#e"/></material></library_materials>
<library_geometries><geometry id="g"><mesh>
<source id="p"><float_array id="pa" count="{3 * count}">{points}</float_array>
<technique_common><accessor source="#pa" count="{count}" stride="3"><param name="X" type="float"/>
<param name="Y" type="float"/><param name="Z" type="float"/></accessor></technique_common></source>
<vertices id="v"><input semantic="POSITION" source="#p"/></vertices>
<triangles count="{faces}" material="m"><input semantic="VERTEX" source="#v" offset="0"/>
<p>{corners}</p></triangles></mesh></geometry></library_geometries>
<library_visual_scenes><visual_scene id="s"><node id="n"><matrix>1 0 0 0.1 0 1 0 0 0 0 1 0 0 0 0 1
</matrix><instance_geometry url="#g"><bind_material><technique_common>
<instance_material symbol="m" target="#mat"/></technique_common></bind_material></instance_geometry>
</node></visual_scene></library_visual_scenes><scene><instance_visual_scene url="#s"/></scene>
</COLLADA>""".encode()


def _png() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(out, format="PNG")
    return out.getvalue()


def _written() -> dict[str, Files]:
    """What our writers make of a small object, by format."""
    from reel2sim.exporters.gltf import write_glb
    from reel2sim.exporters.mjcf import write_mjcf
    from reel2sim.exporters.urdf import write_urdf
    from reel2sim.exporters.usd import write_usd
    from reel2sim.importers.assemble import assembled
    from reel2sim.importers.roots import Roots
    from reel2sim.importers.urdf import read_urdf
    from reel2sim.scene import Scene
    from reel2sim.scene.store import save_asset, save_scene

    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "m.obj").write_bytes(_exported(_colored_ball(), "obj"))
        (folder / "own.urdf").write_bytes(_OWN_URDF)
        path = folder / "own.urdf"
        asset = assembled(read_urdf(path, Roots.around(path)), surfels=50)
        out = folder / "out"
        out.mkdir()
        write_urdf(asset, out / "scene.urdf")
        write_mjcf(asset, out / "scene.xml")
        save_asset(out / "asset.npz", asset)
        save_scene(out / "scene.npz", Scene.of(asset))
        write_glb(asset, out / "asset.glb")
        write_usd(asset, out)
        files = {
            p.relative_to(out).as_posix(): p.read_bytes()
            for p in sorted(out.rglob("*"))
            if p.is_file()
        }
    shared = {n: d for n, d in files.items() if n.startswith("meshes/")}
    stage = "usd/scene/"
    layers = {
        n.removeprefix(stage): d
        for n, d in files.items()
        if n.startswith(stage) and ".thumbs" not in n
    }
    return {
        "URDF": {"scene.urdf": files["scene.urdf"], **shared},
        "MJCF": {"scene.xml": files["scene.xml"], **shared},
        "asset": {"asset.npz": files["asset.npz"]},
        "scene": {"scene.npz": files["scene.npz"]},
        "GLB": {"asset.glb": files["asset.glb"]},
        "USD": layers,
        "USDC": {"geometry.usdc": layers["payloads/geometry.usdc"]},
        "USDZ": {"scene.usdz": files["scene.usdz"]},
    }


def formats() -> dict[str, Format]:
    """Every importer by name, with its seeds."""
    from reel2sim.importers import load_gltf, load_mjcf, load_urdf, load_usd
    from reel2sim.scene.store import load_asset, load_scene

    written = _written()
    urdf, mjcf, asset, scene = (written[name] for name in ("URDF", "MJCF", "asset", "scene"))
    meshes = _meshes()
    obj = meshes["obj"][0]
    found = {
        "URDF": Format(load_urdf, "scene.urdf", (urdf, {"scene.urdf": _OWN_URDF, **obj})),
        "MJCF": Format(
            load_mjcf,
            "scene.xml",
            (
                mjcf,
                {"scene.xml": _OWN_MJCF, "m.obj": obj["m.obj"]},
            ),
        ),
        "USDA": Format(load_usd, "scene.usda", (written["USD"], {"scene.usda": _OWN_USDA})),
        "USDC": Format(load_usd, "geometry.usdc", (written["USDC"],)),
        "USDZ": Format(load_usd, "scene.usdz", (written["USDZ"],)),
        "own GLB": Format(load_gltf, "asset.glb", (written["GLB"],)),
        "asset": Format(load_asset, "asset.npz", (asset,)),
        "scene": Format(load_scene, "scene.npz", (scene,)),
    }
    for kind, seeds in meshes.items():
        name = f"m.{kind}".encode()
        around = _MESH_URDF % (name, name)
        own = tuple({"scene.urdf": around, "m.png": _png(), **files} for files in seeds)
        found[kind.upper()] = Format(load_urdf, "scene.urdf", own)
    return found


def canaries() -> dict[str, bytes]:
    """Good files of all kinds that lie outside of every root and should never be opened."""
    ball = _colored_ball()
    return {
        "canary.obj": b"mtllib canary.mtl\n" + _exported(ball, "obj"),
        "canary.mtl": b"newmtl m\nKd 1 0 1\n",
        "canary.stl": _exported(ball, "stl"),
        "canary.ply": _exported(ball, "ply"),
        "canary.dae": _dae(ball),
        "canary.glb": _exported(ball, "glb"),
        "canary.png": _png(),
        "canary.xml": b"<mujoco/>",
        "canary.urdf": _OWN_URDF,
        "canary.usda": b'#usda 1.0\ndef Xform "canary" {}\n',
        "canary.txt": b"secret",
    }
