"""A handler that does nothing but the store write of a new operation: ``bare.py FOLDER``."""

import asyncio
import sys
from pathlib import Path

import grpc

from reel2sim.server.hub import Hub
from reel2sim.server.operations import Draft, Operations
from reel2sim.server.protos import operation_message
from reel2sim.server.store.database import open_database
from reel2sim.v1 import pipeline_pb2_grpc


class Pipeline(pipeline_pb2_grpc.PipelineServicer):
    def __init__(self, operations):
        self._operations = operations

    async def Run(self, request, context):
        draft = Draft(
            kind="run",
            request=request.SerializeToString(),
            request_id=request.request_id,
            references={},
        )
        return operation_message(await self._operations.create(draft))


async def main(folder: Path) -> None:
    folder.mkdir(parents=True)
    operations = Operations(
        open_database(f"sqlite:///{folder / 'operations.sqlite3'}", Hub()),
        owner="bare",
        kinds=("run",),
        max_queued=10**6,
        max_crashes=2,
        max_attempts=10,
    )
    server = grpc.aio.server()
    pipeline_pb2_grpc.add_PipelineServicer_to_server(Pipeline(operations), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
