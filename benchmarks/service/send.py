"""Upload blocks and tell how far it is: ``send.py ADDRESS UPLOAD_ID MEBIBYTES``. To be killed."""

import sys

import grpc
from transfer import digest_of, messages

from reel2sim.v1 import artifacts_pb2_grpc

if __name__ == "__main__":
    address, upload, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    digest = digest_of(size)

    def told():
        for message in messages(upload, 0, size, digest):
            if message.data:
                print(message.offset >> 20, flush=True)
            yield message

    with grpc.insecure_channel(address) as channel:
        artifacts_pb2_grpc.ArtifactsStub(channel).Upload(told())
