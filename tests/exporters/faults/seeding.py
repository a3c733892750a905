"""What a fault is, and how bundles are edited to have one."""

from __future__ import annotations

import json
import re
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree

import numpy as np

from reel2sim.exporters.manifest import file_table

Rng = np.random.Generator
Seed = Callable[[Path, Rng], None]
T = TypeVar("T")

PHYSICS = "usd/scene/payloads/physics.usda"
STAGE = "usd/scene/scene.usda"
FAULTS: list[Fault] = []


class Inapplicable(Exception):  # noqa: N818
    """The bundle has nothing that this fault could be in."""


@dataclass(frozen=True)
class Fault:
    """One thing that can be wrong with a bundle.

    Attributes:
        format: which of its files has it.
        name: of the fault.
        ids: the checks that must find it, all of them.
        seen: what a user would see who is not told.
        seed: puts it into a bundle's folder, at a place that a generator picks.
    """

    format: str
    name: str
    ids: tuple[str, ...]
    seen: str
    seed: Seed

    def into(self, folder: Path, rng: Rng) -> None:
        """Put the fault into the bundle at ``folder``, as if it had been exported with it.

        Raises:
            Inapplicable: if the bundle has nothing it could be in.
        """
        self.seed(folder, rng)
        # An edit changes a digest: the fault must be found for what it is.
        if self.format not in ("files", "manifest"):
            path = folder / "manifest.json"
            record = json.loads(path.read_text())
            record["files"] = file_table(folder)
            path.write_text(json.dumps(record))


def fault(kind: str, *ids: str, seen: str) -> Callable[[Seed], Seed]:
    """Register a fault of a format by the checks that must find it."""

    def register(seed: Seed) -> Seed:
        FAULTS.append(Fault(kind, seed.__name__.replace("_", " "), ids, seen, seed))
        return seed

    return register


def pick(rng: Rng, things: Sequence[T]) -> T:
    """One of ``things``."""
    if not len(things):
        raise Inapplicable
    return things[int(rng.integers(len(things)))]


# Text, JSON, XML ------------------------------------------------------------------------------


def swap(path: Path, old: str, new: str, count: int = 1) -> None:
    """Replace text; a fault that is not seeded proves nothing."""
    if not path.is_file():
        raise Inapplicable
    text = path.read_text()
    changed = re.sub(old, new, text, count=count, flags=re.DOTALL)
    if changed == text:
        raise Inapplicable
    path.write_text(changed)


@contextmanager
def in_json(path: Path) -> Iterator[dict[str, Any]]:
    record = json.loads(path.read_text())
    yield record
    path.write_text(json.dumps(record))


@contextmanager
def in_xml(path: Path) -> Iterator[ElementTree.Element]:
    tree = ElementTree.parse(path)
    yield tree.getroot()
    tree.write(path)


def in_urdf(folder: Path):
    return in_xml(folder / "scene.urdf")


def in_mjcf(folder: Path):
    return in_xml(folder / "scene.xml")


def in_motion(folder: Path):
    return in_json(folder / "motion.json")


def moves(folder: Path) -> bool:
    """Whether anything moves over the reel."""
    with in_motion(folder) as record:
        series = [np.array(entry["position"]) for entry in record["joints"].values()]
        series.append(np.array(record["base_pose"]))
    return any(float(np.ptp(values, axis=0).max()) > 1e-3 for values in series)


def child(element: ElementTree.Element, path: str) -> ElementTree.Element:
    """The element at ``path`` below another."""
    found = element.find(path)
    if found is None:
        raise Inapplicable
    return found


def moving(root: ElementTree.Element, *types: str) -> list[ElementTree.Element]:
    """Joints of a URDF that move, of some types only if any are given."""
    kinds = types or ("revolute", "continuous", "prismatic")
    return [e for e in root.findall("joint") if e.get("type") in kinds]


def hinges(root: ElementTree.Element) -> list[ElementTree.Element]:
    """Hinges of an MJCF model."""
    return [e for e in root.iter("joint") if e.get("type") == "hinge"]


def scaled(text: str | None, factor: float) -> str:
    """Numbers times a factor."""
    return " ".join(repr(float(x) * factor) for x in (text or "").split())


# USD ------------------------------------------------------------------------------------------


@contextmanager
def in_layer(folder: Path, name: str = "payloads/physics.usda") -> Iterator[Any]:
    """One of the stage's layers, as a stage of its own."""
    from pxr import Usd

    path = folder / "usd/scene" / name
    if not path.is_file():
        raise Inapplicable
    stage = Usd.Stage.Open(str(path))
    yield stage
    stage.GetRootLayer().Save()


def prims(stage: Any, test: Callable[[Any], bool]) -> list[Any]:
    """Prims of a layer, defined there or not."""
    return [prim for prim in stage.TraverseAll() if test(prim)]


def of_type(stage: Any, *names: str) -> list[Any]:
    return prims(stage, lambda p: p.GetTypeName() in names)


def with_api(stage: Any, name: str) -> list[Any]:
    return prims(stage, lambda p: name in p.GetPrimTypeInfo().GetAppliedAPISchemas())


def usd_joints(stage: Any) -> list[Any]:
    return of_type(stage, "PhysicsRevoluteJoint", "PhysicsPrismaticJoint")


# GLB and PLY ----------------------------------------------------------------------------------


@contextmanager
def in_glb(folder: Path) -> Iterator[tuple[dict[str, Any], bytearray]]:
    """JSON and binary chunk of the GLB."""
    path = folder / "asset.glb"
    data = path.read_bytes()
    (size,) = struct.unpack_from("<I", data, 12)
    document, binary = json.loads(data[20 : 20 + size]), bytearray(data[28 + size :])
    yield document, binary
    text = json.dumps(document).encode()
    chunks = [(b"JSON", text + b" " * (-len(text) % 4)), (b"BIN\0", bytes(binary))]
    body = b"".join(struct.pack("<I", len(c)) + name + c for name, c in chunks)
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body)


def glb_values(document: dict[str, Any], binary: bytearray, index: int) -> np.ndarray:
    """An accessor's numbers ``(count, width)``, to be changed in place."""
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    dtype = np.dtype({5123: "<u2", 5125: "<u4", 5126: "<f4"}[accessor["componentType"]])
    count = view["byteLength"] // dtype.itemsize
    flat = np.frombuffer(binary, dtype, count, view["byteOffset"])
    return flat.reshape(accessor["count"], -1)


@contextmanager
def in_ply(folder: Path) -> Iterator[dict[str, np.ndarray]]:
    """Columns of the splats, to be changed in place."""
    path = folder / "splats.ply"
    data = path.read_bytes()
    start = data.index(b"end_header\n") + len(b"end_header\n")
    names = re.findall(rb"property float (\w+)", data[:start])
    table = np.frombuffer(data[start:], "<f4").reshape(-1, len(names)).copy()
    if not len(table):
        raise Inapplicable
    yield {name.decode(): table[:, i] for i, name in enumerate(names)}
    path.write_bytes(data[:start] + table.tobytes())


def copy_of(bundle: Path, folder: Path) -> Path:
    """A copy that may be spoilt."""
    shutil.copytree(bundle, folder)
    return folder
