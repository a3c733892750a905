"""Bytes in and out: resumable, checked, and refused when they are not what they claim."""

import gzip
import hashlib
import io
import os
import stat
import tarfile
import uuid
import zipfile

import grpc
import pytest

from reel2sim.client import Client
from reel2sim.scene.digest import digest_bytes, digest_tree
from reel2sim.scene.errors import (
    ConflictError,
    ExhaustedError,
    InputError,
    IntegrityError,
    MediaLimitError,
    NotFoundError,
    UnavailableError,
    UsageError,
)
from reel2sim.transport.status import error_of_call
from reel2sim.v1 import artifacts_pb2, artifacts_pb2_grpc, common_pb2, pipeline_pb2


def upload(channel, data, *, upload_id=None, form="FILE", offset=0, size=None, sha256=None):
    """Upload ``data`` in one message, and raise what the server raises."""
    spec = artifacts_pb2.UploadSpec(
        upload_id=upload_id or uuid.uuid4().hex,
        format=f"ARTIFACT_FORMAT_{form}",
        filename="given",
    )
    finish = artifacts_pb2.UploadFinish(
        size_bytes=offset + len(data) if size is None else size,
        sha256=sha256 or digest_bytes(data),
    )
    messages = [
        artifacts_pb2.UploadRequest(spec=spec, offset=offset, data=data),
        artifacts_pb2.UploadRequest(offset=offset + len(data), finish=finish),
    ]
    try:
        return artifacts_pb2_grpc.ArtifactsStub(channel).Upload(iter(messages), timeout=120)
    except grpc.RpcError as error:
        raise error_of_call(error) from error


def make_tar(*members):
    """A tar of ``(name, bytes)`` and ready-made TarInfo."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_files_and_folders_come_back_as_they_went(client, tmp_path):
    for size in (0, 1, 1 << 20, (1 << 20) + 1, 5_000_000):
        blob = tmp_path / f"blob{size}"
        blob.write_bytes(os.urandom(size))
        digest = client.upload(blob)
        assert digest == digest_bytes(blob.read_bytes())
        assert client.download(digest, tmp_path / f"back{size}").read_bytes() == blob.read_bytes()
    folder = tmp_path / "capture"
    (folder / "images" / "деталь").mkdir(parents=True)
    (folder / "transforms.json").write_text("{}")
    (folder / "images" / "деталь" / f"{'x' * 150}.png").write_bytes(b"png")
    digest = client.upload(folder)
    assert digest_tree(client.download(digest, tmp_path / "back")) == digest_tree(folder)
    assert client.upload(folder) == digest


def test_nothing_is_sent_that_the_server_has(client, tmp_path):
    blob = tmp_path / "blob"
    blob.write_bytes(os.urandom(3_000_000))
    sent = []
    report = lambda stage, fraction: sent.append(fraction)  # noqa: E731
    first = client.upload(blob, progress=report)
    assert len(sent) == 3
    assert client.upload(blob, progress=report) == first
    assert len(sent) == 3


def test_a_download_does_not_touch_what_is_there(client, tmp_path):
    blob = tmp_path / "blob"
    blob.write_bytes(b"new")
    digest = client.upload(blob)
    taken = tmp_path / "taken"
    taken.write_bytes(b"old")
    with pytest.raises(ConflictError):
        client.download(digest, taken)
    assert taken.read_bytes() == b"old"
    assert client.download(digest, taken, overwrite=True).read_bytes() == b"new"
    with pytest.raises(NotFoundError):
        client.download("0" * 64, tmp_path / "none")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["blob", "taken"]


def test_bytes_that_do_not_match_their_digest_are_dropped(channel):
    wrong = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(IntegrityError):
        upload(channel, b"these", upload_id="wrong-digest", sha256=wrong)
    stub = artifacts_pb2_grpc.ArtifactsStub(channel)
    state = stub.GetUpload(artifacts_pb2.GetUploadRequest(upload_id="wrong-digest"), timeout=120)
    assert state.persisted_size == 0
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetArtifact(artifacts_pb2.GetArtifactRequest(digest=wrong), timeout=120)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_an_upload_is_committed_at_its_declared_size_only(channel):
    with pytest.raises(UsageError, match=r"finish\.size_bytes"):
        upload(channel, b"12345", upload_id="short", size=6)
    # The bytes are kept, and the upload can be finished from where it is.
    with pytest.raises(UsageError, match="offset"):
        upload(channel, b"6", upload_id="short", offset=3)
    done = upload(channel, b"6", upload_id="short", offset=5, sha256=digest_bytes(b"123456"))
    assert done.artifact.size_bytes == 6


def test_a_newer_stream_takes_an_upload_over(channel, eventually):
    stub = artifacts_pb2_grpc.ArtifactsStub(channel)
    spec = artifacts_pb2.UploadSpec(
        upload_id="contested", format=common_pb2.ARTIFACT_FORMAT_FILE, filename="f"
    )
    go_on = []

    def old():
        yield artifacts_pb2.UploadRequest(spec=spec, data=b"old")
        eventually(lambda: go_on)
        yield artifacts_pb2.UploadRequest(offset=3, data=b"late")

    call = stub.Upload.future(old(), timeout=120)
    state = artifacts_pb2.GetUploadRequest(upload_id="contested")
    eventually(lambda: stub.GetUpload(state, timeout=120).persisted_size == 3)
    newer = upload(channel, b"new", upload_id="contested", offset=3, sha256=digest_bytes(b"oldnew"))
    go_on.append(True)
    assert newer.artifact.digest == digest_bytes(b"oldnew")
    with pytest.raises(ConflictError, match="taken over"):
        raise error_of_call(call.exception(timeout=120))


def test_a_stalled_upload_is_given_up(tmp_path, start_server, eventually):
    release = []

    def silent():
        spec = artifacts_pb2.UploadSpec(
            upload_id="stalled", format=common_pb2.ARTIFACT_FORMAT_FILE, filename="f"
        )
        yield artifacts_pb2.UploadRequest(spec=spec, data=b"1")
        eventually(lambda: release)

    with (
        start_server(tmp_path, stall_timeout_s=0.3) as address,
        grpc.insecure_channel(address) as channel,
    ):
        call = artifacts_pb2_grpc.ArtifactsStub(channel).Upload.future(silent(), timeout=120)
        error = error_of_call(call.exception(timeout=120))
        release.append(True)
    assert isinstance(error, UnavailableError)
    assert "nothing arrived for 0.3 s" in str(error)


def test_limits_of_one_artifact_and_of_the_store(tmp_path, start_server):
    limits = {"max_artifact_bytes": 1000, "max_store_bytes": 1500}
    with start_server(tmp_path / "data", **limits) as address, Client(address) as client:
        for name, size in (("a", 1001), ("b", 1000), ("c", 600), ("d", 500)):
            (tmp_path / name).write_bytes(os.urandom(size))
        with pytest.raises(MediaLimitError, match="1000"):
            client.upload(tmp_path / "a")
        first = client.upload(tmp_path / "b")
        with pytest.raises(ExhaustedError, match="1500"):
            client.upload(tmp_path / "c")
        client.upload(tmp_path / "d")
        client.delete_artifact(first)
        client.upload(tmp_path / "c")


def test_an_artifact_in_use_is_not_deleted(tmp_path, start_server):
    blob = tmp_path / "blob"
    blob.write_bytes(b"input")
    with start_server(tmp_path / "data") as address, Client(address) as client:
        busy = client.start(prompt="steps 1000 0.05").name
        waiting = client.start(blob).name
        digest = client.upload(blob)
        with pytest.raises(ConflictError, match="in use"):
            client.delete_artifact(digest)
        client.cancel(busy)
        client.wait(waiting)
        client.delete_artifact(digest)
        with pytest.raises(NotFoundError):
            client.delete_artifact(digest)


HOSTILE_TARS = {
    "parent": make_tar(("../evil", b"x")),
    "deep parent": make_tar(("a/../../evil", b"x")),
    "absolute": make_tar(("/etc/evil", b"x")),
    "backslash": make_tar(("..\\evil", b"x")),
    "drive": make_tar(("C:evil", b"x")),
    "control": make_tar(("a\nb", b"x")),
    "symlink": make_tar(special("link", tarfile.SYMTYPE, "/etc/passwd")),
    "hard link": make_tar(("a", b"x"), special("link", tarfile.LNKTYPE, "a")),
    "device": make_tar(special("null", tarfile.CHRTYPE)),
    "fifo": make_tar(special("pipe", tarfile.FIFOTYPE)),
    "twice": make_tar(("a", b"x"), ("a", b"y")),
    "too deep": make_tar(("/".join("d" * 40), b"x")),
    "cut off": make_tar(("a", b"x" * 5000))[:2000],
    "compressed": gzip.compress(make_tar(("a", b"x"))),
    "noise": os.urandom(2000),
    "empty": b"",
}


@pytest.mark.parametrize("name", HOSTILE_TARS)
def test_hostile_tars_are_refused_on_arrival(channel, name):
    with pytest.raises(InputError):
        upload(channel, HOSTILE_TARS[name], form="TAR")


def make_zip(name, data, *, mode=0, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr, info.compress_type = mode << 16, compression
        archive.writestr(info, data)
    return buffer.getvalue()


def test_hostile_zips_are_refused_on_arrival(channel, tmp_path, start_server):
    for data in (
        make_zip("../evil", b"x"),
        make_zip("link", b"/etc/passwd", mode=stat.S_IFLNK | 0o777),
        make_zip("a", b"x", compression=zipfile.ZIP_LZMA),
    ):
        with pytest.raises(InputError):
            upload(channel, data, form="ZIP")
    bomb = make_zip("zeros", bytes(50_000_000))
    assert len(bomb) < 100_000
    with (
        start_server(tmp_path, max_artifact_bytes=1_000_000) as address,
        grpc.insecure_channel(address) as small,
        pytest.raises(MediaLimitError, match="unpacks to over"),
    ):
        upload(small, bomb, form="ZIP")


def test_the_remote_chain_gives_what_a_local_run_gives(client, tmp_path, tiny_runner):
    capture = tmp_path / "robot_arm"
    (capture / "images").mkdir(parents=True)
    (capture / "images" / "0.png").write_bytes(b"png")
    (capture / "transforms.json").write_text("{}")
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"mp4")
    for source in (capture, clip):
        local = tmp_path / f"local-{source.name}"
        tiny_runner.write_bundle({"source": source}, "", 7, local)
        seen = []
        remote = client.run(
            source,
            seed=7,
            out=tmp_path / f"remote-{source.name}",
            progress=lambda stage, fraction, *rest, seen=seen, **more: seen.append(stage),
        )
        assert digest_tree(remote) == digest_tree(local)
        assert seen[0] == "upload"
        assert seen[-1] == "download"
    with pytest.raises(ConflictError):
        client.run(clip, out=remote)


def test_a_zipped_capture_reaches_the_job_as_its_folder(channel, client, tmp_path):
    data = make_zip("robot/transforms.json", b"{}")
    artifact = upload(channel, data, form="ZIP").artifact
    request = pipeline_pb2.RunRequest(
        source=common_pb2.ArtifactRef(digest=artifact.digest, filename="robot.zip")
    )
    done = client.wait(client.submit(request).name)
    bundle = client.download(done.digest, tmp_path / "bundle")
    folder = tmp_path / "robot"
    folder.mkdir()
    (folder / "transforms.json").write_bytes(b"{}")
    assert (bundle / "meshes" / "source").read_text() == f"robot {digest_tree(folder)}"


def test_an_interrupted_run_cancels_its_operation(client, tmp_path, eventually):
    class Interrupt(BaseException):
        pass

    def interrupt(stage, fraction, message="", **metrics):
        if stage == "steps":
            raise Interrupt

    with pytest.raises(Interrupt):
        client.run(prompt="steps 1000 0.05 interrupted", out=tmp_path / "b", progress=interrupt)
    eventually(lambda: not list(client.list(filter="done=false")))
    assert list(client.list())[-1].state == "CANCELLED"
    assert not (tmp_path / "b").exists()
