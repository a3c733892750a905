"""Serve with the tiny runner: ``serve_tiny.py DATA_DIR [ADDRESS]``. For tests that kill it."""

import sys
from pathlib import Path

from reel2sim.server import ServerConfig, serve

if __name__ == "__main__":
    address = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:0"
    serve(ServerConfig(data_dir=Path(sys.argv[1]), address=address, runner="tiny_runner:run"))
