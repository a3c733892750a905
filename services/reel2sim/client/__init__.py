"""The Python client of a Reel2Sim server. Loads neither torch nor a simulator.

>>> from reel2sim.client import Client
>>> with Client("127.0.0.1:50051") as client:
...     client.run(prompt="a cabinet whose door swings open", out=Path("bundle"))
"""

from reel2sim.client.client import Client, ServerFacts
from reel2sim.client.connection import TlsFiles
from reel2sim.client.environments import RemoteEnv, RemoteVectorEnv
from reel2sim.client.operations import RemoteEvent, RemoteOperation
from reel2sim.client.status import ServerStatus

__all__ = [
    "Client",
    "RemoteEnv",
    "RemoteEvent",
    "RemoteOperation",
    "RemoteVectorEnv",
    "ServerFacts",
    "ServerStatus",
    "TlsFiles",
]
