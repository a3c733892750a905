"""The example runs as a user runs it."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "grpc_client.py"


def test_the_example_ends_with_a_bundle(shared_address, tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLE, shared_address, tmp_path / "bundle"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "bundle" / "manifest.json").is_file()
    assert "steps" in done.stdout
