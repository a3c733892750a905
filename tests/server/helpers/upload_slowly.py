"""Begin an upload and never finish it: ``upload_slowly.py ADDRESS UPLOAD_ID``. To be killed."""

import sys
import time

import grpc

from reel2sim.v1 import artifacts_pb2, artifacts_pb2_grpc, common_pb2


def messages(upload_id):
    spec = artifacts_pb2.UploadSpec(
        upload_id=upload_id, format=common_pb2.ARTIFACT_FORMAT_FILE, filename="clip.mp4"
    )
    yield artifacts_pb2.UploadRequest(spec=spec)
    for i in range(1000):
        yield artifacts_pb2.UploadRequest(offset=i * 1000, data=bytes([i % 251]) * 1000)
        if i == 20:
            print("sending", flush=True)
        time.sleep(0.01)


if __name__ == "__main__":
    channel = grpc.insecure_channel(sys.argv[1])
    artifacts_pb2_grpc.ArtifactsStub(channel).Upload(messages(sys.argv[2]))
