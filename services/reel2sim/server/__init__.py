"""The gRPC server: operations that survive kills, a content-addressed store, worker processes.

>>> from reel2sim.server import ServerConfig, serve
>>> serve(ServerConfig(data_dir=Path("data"), address="127.0.0.1:50051"))
"""

from reel2sim.server.config import ServerConfig
from reel2sim.server.server import Server, running, serve

__all__ = ["Server", "ServerConfig", "running", "serve"]
