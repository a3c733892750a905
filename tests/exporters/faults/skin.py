"""Faults of skins, in USD and GLB."""

from __future__ import annotations

import numpy as np

from .seeding import Inapplicable, fault, glb_values, in_glb, in_layer, of_type, pick

LAYER = "payloads/skin.usdc"


def _primvar(folder, name, change):
    """Change a primvar of the skinned mesh."""
    with in_layer(folder, LAYER) as stage:
        mesh = pick(np.random.default_rng(0), of_type(stage, "Mesh"))
        attribute = mesh.GetAttribute(f"primvars:skel:{name}")
        attribute.Set(change(list(attribute.Get())))


def _glb_attribute(folder, name, change):
    with in_glb(folder) as (document, binary):
        if "skins" not in document:
            raise Inapplicable
        node = next(n for n in document["nodes"] if "skin" in n)
        attributes = document["meshes"][node["mesh"]]["primitives"][0]["attributes"]
        skin = document["skins"][0]
        index = skin[name] if name in skin else attributes[name]
        change(glb_values(document, binary, index))


@fault("skin", "SKIN001", seen="the skin is gone in USD")
def usd_skin_dropped(folder, rng):
    with in_layer(folder, LAYER) as stage:
        of_type(stage, "SkelRoot")[0].SetActive(False)


@fault("skin", "SKIN004", seen="the skin collapses to the origin")
def usd_weights_halved(folder, rng):
    _primvar(folder, "jointWeights", lambda values: [w / 2 for w in values])


@fault("skin", "SKIN003", seen="a viewer crashes")
def usd_index_beyond(folder, rng):
    _primvar(folder, "jointIndices", lambda values: [99, *values[1:]])


@fault("skin", "USD001", seen="a viewer draws no skin, or crashes")
def usd_weights_too_few(folder, rng):
    _primvar(folder, "jointWeights", lambda values: values[:-4])


@fault("skin", "SKIN005", seen="vertices follow other links")
def usd_joint_order_reversed(folder, rng):
    with in_layer(folder, LAYER) as stage:
        animation = of_type(stage, "SkelAnimation")[0].GetAttribute("joints")
        if len(animation.Get()) < 2:
            raise Inapplicable
        animation.Set(list(animation.Get())[::-1])


@fault("skin", "SKIN002", seen="bones that no other file names")
def usd_joint_renamed(folder, rng):
    with in_layer(folder, LAYER) as stage:
        prims = of_type(stage, "Skeleton", "SkelAnimation")
        names = [str(name) for name in prims[0].GetAttribute("joints").Get()]
        last = names[-1].rsplit("/", 1)[-1]
        for prim in prims:
            joints = prim.GetAttribute("joints")
            joints.Set([str(name).replace(last, "lid_9") for name in joints.Get()])


@fault("skin", "SKIN001", seen="the skin stands beside its bones")
def usd_bound_elsewhere(folder, rng):
    from pxr import Gf

    with in_layer(folder, LAYER) as stage:
        attribute = of_type(stage, "Mesh")[0].GetAttribute("primvars:skel:geomBindTransform")
        attribute.Set(Gf.Matrix4d().SetTranslate(Gf.Vec3d(0, 0, 0.01)))


@fault("skin", "SKIN005", seen="the skin moves otherwise than the links")
def usd_animation_moved(folder, rng):
    from pxr import Gf

    with in_layer(folder, LAYER) as stage:
        moved = of_type(stage, "SkelAnimation")[0].GetAttribute("translations")
        for code in moved.GetTimeSamples():
            moved.Set([v + Gf.Vec3f(0.01, 0, 0) for v in moved.Get(code)], code)


@fault("skin", "SKIN004", seen="vertices vanish")
def glb_weights_nan(folder, rng):
    def change(values):
        values[rng.integers(len(values)), 0] = np.nan

    _glb_attribute(folder, "WEIGHTS_0", change)


@fault("skin", "SKIN004", seen="the skin swells")
def glb_weights_doubled(folder, rng):
    _glb_attribute(folder, "WEIGHTS_0", lambda values: values.__imul__(2))


@fault("skin", "SKIN003", seen="a viewer crashes")
def glb_index_beyond(folder, rng):
    def change(values):
        values[rng.integers(len(values)), 0] = 77

    _glb_attribute(folder, "JOINTS_0", change)


@fault("skin", "SKIN006", seen="the skin stands beside its bones")
def glb_bind_moved(folder, rng):
    def change(values):
        values[0, 12] += 0.01

    _glb_attribute(folder, "inverseBindMatrices", change)


@fault("skin", "SKIN006", seen="vertices follow other links")
def glb_joint_order_reversed(folder, rng):
    with in_glb(folder) as (document, _):
        if "skins" not in document or len(document["skins"][0]["joints"]) < 2:
            raise Inapplicable
        document["skins"][0]["joints"] = document["skins"][0]["joints"][::-1]
