"""Drive a Reel2Sim server with nothing but grpc and the generated stubs.

    reel2sim serve --data-dir data --address 127.0.0.1:50051
    python examples/grpc_client.py 127.0.0.1:50051 bundle

Two jobs are started from prompts. One is cancelled, the other is watched to its end and its bundle
is fetched. Any language with gRPC can do the same from proto/reel2sim/v1/*.proto.
"""

import hashlib
import sys
import tarfile
import tempfile
import uuid
from pathlib import Path

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.rpc import code_pb2

from reel2sim.v1 import (
    artifacts_pb2,
    artifacts_pb2_grpc,
    common_pb2,
    events_pb2,
    events_pb2_grpc,
    pipeline_pb2,
    pipeline_pb2_grpc,
)


def start(channel: grpc.Channel, prompt: str) -> str:
    """Start the whole chain on a prompt and return the operation's name."""
    request = pipeline_pb2.RunRequest(
        # The server answers a retry with the same id with the same operation.
        request_id=str(uuid.uuid4()),
        prompt=prompt,
        config=common_pb2.JobConfig(preset=common_pb2.PRESET_DRAFT, seed=7),
    )
    return pipeline_pb2_grpc.PipelineStub(channel).Run(request, timeout=30).name


def watch(channel: grpc.Channel, name: str) -> operations_pb2.Operation:
    """Print an operation's progress and return it once it is done; survives lost connections."""
    stub = events_pb2_grpc.OperationEventsStub(channel)
    seen = 0
    for attempt in range(10):
        request = events_pb2.WatchOperationRequest(name=name, after_sequence=seen)
        try:
            for event in stub.WatchOperation(request, wait_for_ready=True):
                seen = event.sequence
                print(f"{seen:4d} {event.stage:16s} {event.fraction:6.1%} {event.message}")
                if event.HasField("operation"):
                    return event.operation
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            print(f"connection lost ({attempt}), watching on")
    raise RuntimeError(f"{name} could not be watched")


def download(channel: grpc.Channel, digest: str, file: Path) -> None:
    """Fetch an artifact and check its digest."""
    request = artifacts_pb2.DownloadRequest(digest=digest)
    found = hashlib.sha256()
    with file.open("wb") as out:
        for piece in artifacts_pb2_grpc.ArtifactsStub(channel).Download(request):
            out.write(piece.data)
            found.update(piece.data)
    assert found.hexdigest() == digest, "the download is damaged"


def main(address: str, bundle: Path) -> None:
    with grpc.insecure_channel(address) as channel:
        wanted = start(channel, "a cabinet whose door swings open")
        unwanted = start(channel, "a drawer that slides out")

        operations = operations_pb2_grpc.OperationsStub(channel)
        operations.CancelOperation(operations_pb2.CancelOperationRequest(name=unwanted), timeout=30)
        request = operations_pb2.WaitOperationRequest(name=unwanted, timeout={"seconds": 20})
        cancelled = operations.WaitOperation(request, timeout=30)
        assert cancelled.error.code == code_pb2.CANCELLED, cancelled

        done = watch(channel, wanted)
        assert done.HasField("response"), done.error.message
        response = pipeline_pb2.RunResponse()
        assert done.response.Unpack(response)

        with tempfile.TemporaryDirectory() as scratch:
            archive = Path(scratch) / "bundle.tar"
            download(channel, response.bundle.digest, archive)
            with tarfile.open(archive) as tar:
                tar.extractall(bundle, filter="data")
    assert (bundle / "manifest.json").is_file()
    print(f"bundle: {bundle}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
