"""Bytes: a gigabyte in and out, clients that are killed, disks that are full."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
from harness import HERE, MIB, Row, channel, peak_memory, served

from reel2sim.scene.digest import digest_bytes
from reel2sim.v1 import artifacts_pb2 as pb
from reel2sim.v1 import artifacts_pb2_grpc, common_pb2

_BLOCK = random.Random(0).randbytes(MIB)


def block(i: int) -> bytes:
    """The i-th MiB of the file that is sent."""
    return i.to_bytes(8, "little") + _BLOCK[8:]


def messages(
    upload_id: str, first: int, last: int, sha256: str | None
) -> Iterator[pb.UploadRequest]:
    """Blocks ``first … last − 1``, and the finish if a digest is given."""
    spec = pb.UploadSpec(
        upload_id=upload_id, format=common_pb2.ARTIFACT_FORMAT_FILE, filename="film.mp4"
    )
    yield pb.UploadRequest(spec=spec, offset=first * MIB)
    for i in range(first, last):
        yield pb.UploadRequest(offset=i * MIB, data=block(i))
    if sha256 is not None:
        finish = pb.UploadFinish(size_bytes=last * MIB, sha256=sha256)
        yield pb.UploadRequest(offset=last * MIB, finish=finish)


def digest_of(count: int) -> str:
    """sha256 of the first ``count`` blocks."""
    found = hashlib.sha256()
    for i in range(count):
        found.update(block(i))
    return found.hexdigest()


def gigabyte(folder: Path, *, mebibytes: int = 1024) -> Row:
    """Upload and download, each cut once in the middle."""
    sha256 = digest_of(mebibytes)
    with served(folder / "data") as server, channel(server) as wire:
        stub = artifacts_pb2_grpc.ArtifactsStub(wire)
        cpu = sum(server.resources.cpu_times()[:2])
        with peak_memory(server) as memory:
            began = time.perf_counter()
            done = stub.Upload(messages("whole", 0, mebibytes, sha256))
            up_s = time.perf_counter() - began
            began, got = time.perf_counter(), 0
            for piece in stub.Download(pb.DownloadRequest(digest=sha256)):
                got += len(piece.data)
            down_s = time.perf_counter() - began
        cpu = sum(server.resources.cpu_times()[:2]) - cpu
        stub.DeleteArtifact(pb.DeleteArtifactRequest(digest=sha256))
        # The connection is cut while the first half is on its way.
        with channel(server) as cut:
            call = artifacts_pb2_grpc.ArtifactsStub(cut).Upload.future(
                messages("cut", 0, mebibytes // 2, None)
            )
            time.sleep(up_s / 4)
            call.cancel()
        time.sleep(0.5)
        state = pb.GetUploadRequest(upload_id="cut")
        kept = stub.GetUpload(state).persisted_size
        assert kept == stub.GetUpload(state).persisted_size, "the size still changes"
        resumed = stub.Upload(messages("cut", kept // MIB, mebibytes, sha256))
        found, offset = hashlib.sha256(), 0
        for limit in (mebibytes // 3 * MIB, mebibytes * MIB):
            call = stub.Download(pb.DownloadRequest(digest=sha256, offset=offset))
            for piece in call:
                found.update(piece.data)
                offset += len(piece.data)
                if offset >= limit:
                    call.cancel()
                    break
    up, down = mebibytes / up_s, mebibytes / down_s
    good = done.artifact.digest == resumed.artifact.digest == found.hexdigest() == sha256
    good &= got == mebibytes * MIB and 0 < kept < mebibytes * MIB and kept % MIB == 0
    return Row(
        f"{mebibytes} MiB upload and download",
        "RSS + ≤ 64 MiB, ≥ 100 MiB/s, resumes after a cut",
        f"+ {memory[-1]:.0f} MiB, {up:.0f} up, {down:.0f} down MiB/s, resumed at {kept // MIB} MiB",
        bool(good and memory[-1] <= 64 and min(up, down) >= 100),
        {"up": up, "down": down, "rss_mib": memory[-1], "kept": kept, "server_cpu_s": cpu},
    )


def killed_clients(folder: Path, *, times: int = 50) -> Row:
    """Clients that die at any offset commit nothing, and others go on from there."""
    draw = random.Random(1)
    size, partial, resumed = 64, 0, 0
    sha256 = digest_of(size)
    with served(folder / "data") as server, channel(server) as wire:
        stub = artifacts_pb2_grpc.ArtifactsStub(wire)
        for i in range(times):
            upload = f"killed-{i}"
            sender = subprocess.Popen(
                [sys.executable, str(HERE / "send.py"), server.address, upload, str(size)],
                stdout=subprocess.PIPE,
            )
            assert sender.stdout is not None
            wanted = draw.uniform(0, size - 1)
            for line in sender.stdout:
                if int(line) >= int(wanted):
                    break
            time.sleep(draw.uniform(0, 0.005))
            sender.kill()
            sender.wait()
            sender.stdout.close()
            time.sleep(0.05)
            partial += len(server.artifact_files()) + len(server.rows("SELECT 1 FROM artifacts"))
            kept = stub.GetUpload(pb.GetUploadRequest(upload_id=upload)).persisted_size
            if i % 10 == 0:
                done = stub.Upload(messages(upload, kept // MIB, size, sha256))
                resumed += done.artifact.digest == sha256
                stub.DeleteArtifact(pb.DeleteArtifactRequest(digest=sha256))
            else:
                (server.data / "uploads" / upload).unlink(missing_ok=True)
    wanted_resumed = len(range(0, times, 10))
    return Row(
        f"client killed at a random offset × {times}",
        "0 partial artifacts committed",
        f"{partial} committed, {resumed} of {wanted_resumed} continued",
        partial == 0 and resumed == wanted_resumed,
    )


def full_disk(folder: Path) -> Row:
    """A disk that is full at any step is told so, and is no harm once it has room again."""
    faults = ("write", "fsync", "link", "folder")
    fault, told, left, recovered = folder / "fault", 0, 0, 0
    with served(folder / "data") as server, channel(server) as wire:
        for what in faults:
            fault.write_text(what)
            told += _code_of_upload(wire, what) == grpc.StatusCode.RESOURCE_EXHAUSTED
            left += len(server.artifact_files()) + len(server.rows("SELECT 1 FROM artifacts"))
            fault.unlink()
            recovered += _code_of_upload(wire, what) == grpc.StatusCode.OK
            stub = artifacts_pb2_grpc.ArtifactsStub(wire)
            stub.DeleteArtifact(pb.DeleteArtifactRequest(digest=digest_of(4)))
        pending = len(list((server.data / "uploads").iterdir()))
    figure = f"{told} of {len(faults)} told, {left + pending} left behind, {recovered} recovered"
    return Row(
        "disk full at write, fsync (file, folder), rename",
        "RESOURCE_EXHAUSTED, nothing left behind, recovers",
        figure + (", " + tight(folder / "real"))[:200],
        told == recovered == len(faults) and left + pending == 0,
    )


def tight(folder: Path) -> str:
    """The same on a file system that is really full, where one may be mounted."""
    mount = folder / "small"
    mount.mkdir(parents=True)
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", mount],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "no real one (cannot mount)"
    try:
        with served(mount / "data") as server, channel(server) as wire:
            stub = artifacts_pb2_grpc.ArtifactsStub(wire)
            codes = set()
            for i in range(3):
                codes.add(_code(lambda i=i: stub.Upload(messages(f"big{i}", 0, 16, digest_of(16)))))
            clean = not server.artifact_files()
            for path in (server.data / "uploads").iterdir():
                path.unlink()
            again = _code(lambda: stub.Upload(messages("small", 0, 4, digest_of(4))))
        good = codes == {grpc.StatusCode.RESOURCE_EXHAUSTED} and clean
        good &= again == grpc.StatusCode.OK
        return "a real one too" if good else f"a real one FAILED: {codes} {clean} {again}"
    finally:
        subprocess.run(["umount", mount], check=False)


def _code_of_upload(wire: grpc.Channel, upload: str) -> grpc.StatusCode:
    stub = artifacts_pb2_grpc.ArtifactsStub(wire)
    kept = stub.GetUpload(pb.GetUploadRequest(upload_id=upload)).persisted_size

    def rest() -> Iterator[pb.UploadRequest]:
        whole = b"".join(map(block, range(4)))
        spec = pb.UploadSpec(
            upload_id=upload, format=common_pb2.ARTIFACT_FORMAT_FILE, filename="film.mp4"
        )
        yield pb.UploadRequest(spec=spec, offset=kept)
        for offset in range(kept, len(whole), MIB):
            yield pb.UploadRequest(offset=offset, data=whole[offset : offset + MIB])
        finish = pb.UploadFinish(size_bytes=len(whole), sha256=digest_bytes(whole))
        yield pb.UploadRequest(offset=len(whole), finish=finish)

    return _code(lambda: stub.Upload(rest()))


def _code(call) -> grpc.StatusCode:
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK
