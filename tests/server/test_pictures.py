"""Pictures for generators travel by digest, and are refused where they cannot be used."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2, status_pb2
from PIL import Image

import reel2sim.server.pictures
from reel2sim.cli.main import main
from reel2sim.client import Client
from reel2sim.generation import Controls, GenerationConfig, generate
from reel2sim.generation.controls import PICTURES
from reel2sim.media import load_reel
from reel2sim.pipeline.config import PipelineConfig
from reel2sim.pipeline.stages import reel_digest
from reel2sim.pipeline.toolchain import standard_toolchain
from reel2sim.remote import stages_from_options
from reel2sim.remote.toolchain import remote_toolchain
from reel2sim.scene.errors import (
    EmptyMediaError,
    InputError,
    MediaError,
    MediaLimitError,
    NotFoundError,
    UsageError,
)
from reel2sim.scene.progress import silent
from reel2sim.transport.choices import SENT_PICTURES
from reel2sim.transport.status import error_of_call
from reel2sim.v1 import (
    common_pb2,
    generation_pb2,
    generation_pb2_grpc,
    server_info_pb2,
    server_info_pb2_grpc,
)
from tests.generation.tiny_pipelines import save_tiny

from .conftest import serving

STANDARD = "reel2sim.server.jobs:run_job"
PROMPT = "a red lamp opens"


def draw(path: Path, seed: int, size: tuple[int, int] = (48, 64)) -> Path:
    """A picture of noise: no two alike, and nothing that a resize leaves as it was."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A picture file for each control that takes one."""
    folder = tmp_path_factory.mktemp("pictures")
    return {name: draw(folder / f"{name}.png", k) for k, name in enumerate(PICTURES)}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A server whose model of diffusers takes a first and a last frame."""
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("REEL2SIM_UVIT", raising=False)
        patch.setenv("REEL2SIM_DIFFUSERS_MODEL", str(folder / "model"))
        pytest.importorskip("diffusers", reason="needs the extra [generate]")
        save_tiny("wan_image", folder / "model")
        with serving(folder / "data", runner=STANDARD) as address:
            yield address


@pytest.fixture
def standard(address):
    with Client(address) as client:
        yield client


def asked_of(backend: str, controls: Controls, prompt: str = PROMPT):
    return generate(prompt, backend=backend, config=GenerationConfig(seed=3, controls=controls))


def test_every_picture_that_a_control_names_can_be_sent():
    fields = common_pb2.GenerationOptions.DESCRIPTOR.fields_by_name
    assert SENT_PICTURES == PICTURES
    for name in PICTURES:
        assert fields[name].message_type is common_pb2.ArtifactRef.DESCRIPTOR


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "taken"), [("uvit", PICTURES), ("diffusers", PICTURES[:2])])
def test_a_server_makes_of_pictures_what_is_made_here(
    backend, taken, address, pictures, tmp_path, monkeypatch
):
    named = {name: str(pictures[name]) for name in taken}
    small = {"steps": 2, "width": 32, "height": 32, "frames": 9} if backend == "diffusers" else {}
    if small:
        monkeypatch.setenv("REEL2SIM_DIFFUSERS_MODEL", str(save_tiny("wan_image", tmp_path / "m")))
    local = asked_of(backend, Controls(**small, **named)).reel
    there = Controls(server=address, server_backend=backend, **small, **named)
    served = asked_of("server", there).reel
    assert reel_digest(served) == reel_digest(local)
    assert served.digest == local.digest
    for name in taken:
        less = replace(there, **{name: ""})
        if name == "first_frame" and backend == "diffusers":
            with pytest.raises(UsageError, match="begins with a picture") as refused:
                asked_of("server", less)
            assert refused.value.field == "config.generation.first_frame"
        else:
            assert reel_digest(asked_of("server", less).reel) != reel_digest(local), name


def test_the_model_begins_and_ends_with_the_pictures(pictures):
    named = {name: str(pictures[name]) for name in ("first_frame", "last_frame")}
    front = asked_of("uvit", Controls(**named), prompt="").reel.streams["front"]
    for path, frame in zip(named.values(), (front[0], front[-1]), strict=True):
        size = frame.image.shape[1::-1]
        shown = Image.open(path).convert("RGBA").resize(size, Image.Resampling.BOX)
        np.testing.assert_array_equal(frame.image, np.asarray(shown)[..., :3])


@pytest.mark.slow
def test_the_command_line_has_a_server_use_them(address, pictures, tmp_path):
    named = [f"--{name.replace('_', '-')}={path}" for name, path in pictures.items()]
    common = ["--prompt", PROMPT, "--seed", "3", "--quiet", *named]
    here, there = tmp_path / "here", tmp_path / "there"
    assert main(["generate", *common, "--backend", "uvit", "--out", str(here)]) == 0
    where = ["--backend", "server", "--server", address, "--server-backend", "uvit"]
    assert main(["generate", *common, *where, "--out", str(there)]) == 0
    assert reel_digest(load_reel(there)) == reel_digest(load_reel(here))


@pytest.mark.slow
def test_a_stage_of_another_server_gets_them(address, pictures, tmp_path):
    controls = Controls(first_frame=str(pictures["first_frame"]))
    config = PipelineConfig(preset="draft", seed=3, backend="uvit", controls=controls)
    stages = stages_from_options([f"generate={address}"])
    assert stages is not None
    here = standard_toolchain()
    there = remote_toolchain(here, stages, source=None, scratch=tmp_path)
    assert there.generation.key(config, ("",)) == here.generation.key(config, ("",))
    local, moved = (tools.generation.function("", config, silent) for tools in (here, there))
    assert reel_digest(moved) == reel_digest(local)
    assert moved.digest == local.digest != ""


@pytest.mark.slow
def test_the_same_picture_under_another_name_is_not_made_again(standard, pictures, tmp_path):
    path = pictures["first_frame"]
    other = tmp_path / "another name.png"
    other.write_bytes(path.read_bytes())
    stages = []
    for file in (path, other):
        request = generation_pb2.GenerateRequest(
            config=common_pb2.JobConfig(
                seed=77, backend="uvit", generation=standard.with_pictures(first_frame=file)
            )
        )
        name = standard.submit(request).name
        stages.append([event.message for event in standard.watch(name)])
    assert not any("cache" in message for message in stages[0])
    assert any("cache" in message for message in stages[1])


def test_a_key_tells_pictures_by_what_they_show_and_what_they_are_for(pictures, tmp_path):
    path = pictures["first_frame"]
    other = tmp_path / "other.png"
    other.write_bytes(path.read_bytes())
    changed = draw(tmp_path / "changed.png", 9)
    stage = standard_toolchain().generation

    def key(**named):
        return stage.key(PipelineConfig(backend="uvit", controls=Controls(**named)), ("",))

    assert key(first_frame=str(path)) == key(first_frame=str(other))
    different = [key(**{name: str(p)}) for name in PICTURES for p in (path, changed)]
    assert len({*different, key()}) == len(different) + 1
    config = PipelineConfig(backend="uvit", controls=Controls(first_frame=str(path)))
    assert str(path) not in repr(stage.settings(config))


def test_a_run_is_given_its_pictures_without_a_prompt(client, pictures, tmp_path):
    """Of what a job has as its inputs the runner of the tests makes files."""
    asked = client.with_pictures(common_pb2.GenerationOptions(steps=4), **pictures)
    assert asked.steps == 4
    bundle = client.run(out=tmp_path / "bundle", backend="diffusers", generation=asked)
    for name, path in pictures.items():
        told = (bundle / "meshes" / f"config.generation.{name}").read_text()
        assert told == f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_who_brings_a_source_needs_no_pictures(client, pictures, tmp_path):
    asked = common_pb2.GenerationOptions(first_frame={"digest": "0" * 64})
    bundle = client.run(pictures["reference"], out=tmp_path / "bundle", generation=asked)
    assert [path.name for path in (bundle / "meshes").iterdir()] == ["source"]


def request_with(name: str, reference, backend: str) -> generation_pb2.GenerateRequest:
    options = common_pb2.GenerationOptions(**{name: reference})
    config = common_pb2.JobConfig(backend=backend, generation=options)
    return generation_pb2.GenerateRequest(prompt=PROMPT, config=config)


def refusal(channel, request):
    """Code, field of the BadRequest, and error of a call that is refused."""
    with pytest.raises(grpc.RpcError) as caught:
        generation_pb2_grpc.VideoGenerationStub(channel).Generate(request, timeout=120)
    details = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    bad, found = error_details_pb2.BadRequest(), []
    for detail in status_pb2.Status.FromString(details).details:
        if detail.Unpack(bad):
            found += [violation.field for violation in bad.field_violations]
    return caught.value.code(), found, error_of_call(caught.value)


@pytest.mark.parametrize("name", PICTURES)
def test_a_backend_without_the_control_refuses_it_with_the_list_of_its_own(
    name, client, channel, pictures
):
    reference = client.reference(pictures[name])
    lacking = {"": name, "scripted": name, "video": name}
    for backend in lacking:
        code, fields, error = refusal(channel, request_with(name, reference, backend))
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert fields == [f"config.generation.{name}"]
        assert isinstance(error, UsageError)
        has = (error.remedy or "").split("it has: ")[1].split(", ")
        assert "frames" in has
        assert name not in has


@pytest.mark.slow
def test_a_model_without_the_control_refuses_it_with_the_list_of_its_own(standard, pictures):
    request = request_with("reference", standard.reference(pictures["reference"]), "diffusers")
    with pytest.raises(UsageError, match="WanImageToVideoPipeline") as refused:
        standard.wait(standard.submit(request).name)
    assert refused.value.field == "config.generation.reference"
    assert "last_frame" in (refused.value.remedy or "")


def artifact_of(client: Client, tmp_path: Path, what: str):
    """A picture that is none, in the store."""
    path = tmp_path / "lamp.png"
    if what == "folder":
        path = tmp_path / "pictures"
        path.mkdir()
        draw(path / "lamp.png", 0)
    else:
        path.write_bytes(
            {"empty": b"", "text": b"a lamp\n" * 100, "gif": b"GIF89a" + bytes(99)}[what]
        )
    return client.reference(path)


@pytest.mark.parametrize(
    ("what", "kind", "said"),
    [
        ("folder", InputError, "packed folder"),
        ("empty", EmptyMediaError, "0 bytes"),
        ("text", MediaError, "PNG, JPEG or WebP"),
        ("gif", MediaError, "PNG, JPEG or WebP"),
    ],
)
def test_what_is_no_picture_is_refused_at_once(what, kind, said, client, channel, tmp_path):
    reference = artifact_of(client, tmp_path, what)
    code, fields, error = refusal(channel, request_with("last_frame", reference, "uvit"))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert fields == ["config.generation.last_frame"]
    assert type(error) is kind
    assert said in error.message


def test_a_picture_of_too_many_bytes_is_refused(client, channel, pictures, monkeypatch):
    info = server_info_pb2_grpc.ServerInfoStub(channel)
    limits = info.GetServerInfo(server_info_pb2.GetServerInfoRequest(), timeout=120).limits
    assert limits.max_picture_bytes == reel2sim.server.pictures.MAX_PICTURE_BYTES
    reference = client.reference(pictures["reference"])
    monkeypatch.setattr(reel2sim.server.pictures, "MAX_PICTURE_BYTES", 1000)
    code, fields, error = refusal(channel, request_with("reference", reference, "uvit"))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert fields == ["config.generation.reference"]
    assert isinstance(error, MediaLimitError)


def test_digests_are_looked_at_and_looked_for(client, channel):
    for digest in ("abc", "", "0" * 63 + "G"):
        request = request_with("first_frame", {"digest": digest}, "uvit")
        code, fields, _ = refusal(channel, request)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert fields == ["config.generation.first_frame.digest"]
    request = request_with("first_frame", {"digest": "0" * 64, "filename": "../x"}, "uvit")
    assert refusal(channel, request)[1] == ["config.generation.first_frame.filename"]
    request = request_with("first_frame", {"digest": "0" * 64}, "uvit")
    code, _, error = refusal(channel, request)
    assert code == grpc.StatusCode.NOT_FOUND
    assert isinstance(error, NotFoundError)
    assert error.field == "config.generation.first_frame.digest"


def test_a_repeated_request_is_answered_though_its_picture_is_gone(client, pictures, tmp_path):
    path = draw(tmp_path / "short-lived.png", 11)
    request = request_with("first_frame", client.reference(path), "uvit")
    request.request_id = "asked-twice"
    first = client.submit(request)
    client.wait(first.name)
    client.delete_artifact(request.config.generation.first_frame.digest)
    assert client.submit(request).name == first.name


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut short", "bits turned"])
def test_a_broken_picture_is_told_before_the_model_is_asked(damage, standard, tmp_path):
    path = tmp_path / "broken lamp.png"
    data = bytearray(draw(tmp_path / "whole.png", 5).read_bytes())
    if damage == "cut short":
        data = data[: len(data) // 2]
    else:
        data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    for backend in ("uvit", "diffusers"):
        request = request_with("first_frame", standard.reference(path), backend)
        with pytest.raises(MediaError) as refused:
            standard.wait(standard.submit(request).name)
        assert refused.value.field == "config.generation.first_frame"
        assert refused.value.source == "broken lamp.png"
    with pytest.raises(MediaError) as here:
        asked_of("uvit", Controls(first_frame=str(path)))
    assert (here.value.field, here.value.source) == ("first_frame", str(path))
