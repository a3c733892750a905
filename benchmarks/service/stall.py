"""Begin a download and stop reading: ``stall.py ADDRESS DIGEST``. To be killed."""

import sys
import time

import grpc

from reel2sim.v1 import artifacts_pb2, artifacts_pb2_grpc

if __name__ == "__main__":
    with grpc.insecure_channel(sys.argv[1]) as channel:
        stub = artifacts_pb2_grpc.ArtifactsStub(channel)
        call = stub.Download(artifacts_pb2.DownloadRequest(digest=sys.argv[2]))
        next(call)
        print("stalled", flush=True)
        time.sleep(300)
