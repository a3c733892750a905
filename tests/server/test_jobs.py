"""The standard runner: what a job makes is what the library makes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reel2sim.client import Client
from reel2sim.scene import (
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Motion,
    RiggedAsset,
    Surfels,
    TriangleMesh,
)
from reel2sim.scene.digest import digest_tree
from reel2sim.scene.errors import CaptureError, InputError, NotFoundError
from reel2sim.scene.progress import silent
from reel2sim.scene.store import save_asset
from reel2sim.server.jobs import pipeline_config
from reel2sim.v1 import common_pb2, editing_pb2, export_pb2, generation_pb2

STANDARD = "reel2sim.server.jobs:run_job"


def door():
    """Two tetrahedra on a hinge."""
    corners = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]])
    mesh = TriangleMesh(corners, np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]))
    inertial = Inertial(1.0, np.full(3, 0.025), 1e-3 * np.eye(3))
    links = tuple(Link(name, mesh, (mesh,), inertial) for name in ("frame", "leaf"))
    hinge = Joint(
        name="hinge",
        type=JointType.REVOLUTE,
        parent="frame",
        child="leaf",
        origin=np.array([0.2, 0, 0]),
        axis=np.array([0.0, 0, 1]),
        limits=JointLimits(0.0, 1.0, 10.0, 1.0),
    )
    surfels = Surfels.from_colors(
        means=corners,
        rotations=np.tile([1.0, 0, 0, 0], (4, 1)),
        scales=np.full((4, 2), 0.01),
        opacities=np.ones(4),
        colors=np.full((4, 3), 0.5),
    )
    times = np.array([0.0, 0.5, 1.0])
    motion = Motion(times, np.tile(np.eye(4), (3, 1, 1)), {"hinge": times})
    return RiggedAsset("door", links, (hinge,), motion, surfels, np.array([0, 0, 1, 1]))


def test_a_configuration_arrives_whole_and_what_is_unset_keeps_its_default():
    given = pipeline_config(
        common_pb2.JobConfig(
            preset=common_pb2.PRESET_HIGH,
            seed=2**32 - 1,
            device=common_pb2.DEVICE_CPU,
            name="a_door",
            backend="other",
            material="wood",
            density=640.0,
            max_size=320,
        )
    )
    assert (given.preset, given.seed, given.device) == ("high", 2**32 - 1, "cpu")
    assert (given.name, given.backend) == ("a_door", "other")
    assert (given.material, given.density, given.max_size) == ("wood", 640.0, 320)
    unset = pipeline_config(common_pb2.JobConfig())
    assert (unset.preset, unset.device, unset.max_size) == ("standard", "auto", None)
    assert unset.density is None


def test_a_generated_capture_is_that_of_the_library(tmp_path, start_server):
    from reel2sim.generation import Controls, GenerationConfig, generate
    from reel2sim.media import load_reel, write_capture
    from reel2sim.pipeline.stages import reel_digest
    from reel2sim.pipeline.toolchain import generate_reel

    config = common_pb2.JobConfig(preset=common_pb2.PRESET_DRAFT, seed=3, max_size=32)
    prompt = "a drawer that slides out"
    local = generate_reel(prompt, pipeline_config(config), silent).reel
    write_capture(local, tmp_path / "local")
    with start_server(tmp_path / "data", runner=STANDARD) as address, Client(address) as client:
        request = generation_pb2.GenerateRequest(prompt=prompt, config=config)
        done = client.wait(client.submit(request).name)
        remote = client.download(done.digest, tmp_path / "remote")
        controls = Controls(server=address, server_backend="scripted")
        asked = GenerationConfig(seed=3, size=32, controls=controls)
        served = generate(prompt, backend="server", config=asked).reel
    assert digest_tree(remote) == digest_tree(tmp_path / "local")
    assert reel_digest(served) == reel_digest(load_reel(remote))


@pytest.mark.slow
def test_an_exported_bundle_holds_the_files_of_the_library(tmp_path, start_server):
    from reel2sim.exporters.media import Provenance
    from reel2sim.pipeline.publish import publish

    save_asset(tmp_path / "asset.npz", door())
    publish(
        door(), tmp_path / "local", media=None, provenance=Provenance(seed=0, preset="standard")
    )
    with start_server(tmp_path / "data", runner=STANDARD) as address, Client(address) as client:
        asset = common_pb2.ArtifactRef(digest=client.upload(tmp_path / "asset.npz"))
        done = client.wait(client.submit(export_pb2.ExportRequest(asset=asset)).name)
        remote = client.download(done.digest, tmp_path / "remote")
    for path in (tmp_path / "local").rglob("*"):
        name = path.relative_to(tmp_path / "local")
        # The manifest tells when; what it lists is compared file by file.
        if path.is_file() and name != Path("manifest.json"):
            assert (remote / name).read_bytes() == path.read_bytes(), name


def test_input_that_is_no_capture_is_told_as_such(tmp_path, start_server):
    folder = tmp_path / "no_capture"
    folder.mkdir()
    (folder / "notes.txt").write_text("nothing here")
    with start_server(tmp_path / "data", runner=STANDARD) as address, Client(address) as client:
        with pytest.raises(CaptureError, match=r"transforms\.json"):
            client.run(folder, out=tmp_path / "bundle")
        asset = common_pb2.ArtifactRef(digest=client.upload(folder))
        with pytest.raises(InputError, match="not a stage result"):
            client.wait(client.submit(export_pb2.ExportRequest(asset=asset)).name)


@pytest.mark.slow
def test_an_edited_bundle_is_that_of_the_library(tmp_path, start_server):
    from reel2sim.editing import Add, Recolor, Scale, SetGround, Sources, edited, open_scene
    from reel2sim.editing.history import provenance_after
    from reel2sim.pipeline.publish import publish_scene

    base = tmp_path / "asset.npz"
    save_asset(base, door())
    edits = [
        Scale(target="door", factor=2.0),
        Recolor(target="leaf", color=(0.2, 0.4, 0.6)),
        Add(source=str(base), turn_deg=90.0),
        SetGround(height="auto"),
    ]
    with start_server(tmp_path / "data", runner=STANDARD) as address, Client(address) as client:
        remote = client.edit(base, edits, out=tmp_path / "remote")
        with pytest.raises(NotFoundError, match="no asset or link"):
            client.edit(base, [Scale(target="lid", factor=2.0)], out=tmp_path / "other")
        message = editing_pb2.SceneEdit(scale=editing_pb2.ScalePart(target="door"))
        reference = common_pb2.ArtifactRef(digest=client.upload(base))
        with pytest.raises(InputError, match=r"edits\[0\]\.factor"):
            client.submit(editing_pb2.EditRequest(base=reference, edits=[message]))
    sources = Sources()
    local = [replace(e, source=sources.add(base), name=base.name) if isinstance(e, Add) else e
             for e in edits]  # fmt: skip
    scene = open_scene(base)
    publish_scene(
        edited(scene, local, sources=sources),
        tmp_path / "local",
        provenance=provenance_after(base, scene, local),
    )
    assert digest_tree(remote) == digest_tree(tmp_path / "local")
