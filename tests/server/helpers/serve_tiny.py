"""Serve with a tiny runner: ``serve_tiny.py DATA_DIR [ADDRESS [RUNNER]]``. To be killed."""

import sys
from pathlib import Path

from reel2sim.server import ServerConfig, serve

if __name__ == "__main__":
    address = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:0"
    runner = sys.argv[3] if len(sys.argv) > 3 else "tiny_runner:run"
    serve(ServerConfig(data_dir=Path(sys.argv[1]), address=address, runner=runner))
