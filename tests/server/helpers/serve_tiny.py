"""Serve with the tiny runner, for tests that kill it: ``DATA_DIR [ADDRESS [OPTIONS]]``."""

import json
import sys
from pathlib import Path

from reel2sim.server import ServerConfig, serve

if __name__ == "__main__":
    address = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:0"
    options = {"runner": "tiny_runner:run"}
    if len(sys.argv) > 3:
        options |= json.loads(sys.argv[3])
    serve(ServerConfig(data_dir=Path(sys.argv[1]), address=address, **options))
