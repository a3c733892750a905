"""The committed protocol code is what its sources give, and loads nothing heavy."""

import subprocess
import sys
from pathlib import Path

import pytest

PROTO = Path(__file__).parents[2] / "proto"


def test_the_committed_code_is_what_the_protos_generate(tmp_path):
    pytest.importorskip("grpc_tools")
    subprocess.run([sys.executable, PROTO / "generate.py", tmp_path], check=True, timeout=120)
    made = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    kept = {
        p.relative_to(PROTO): p.read_bytes()
        for pattern in ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")
        for p in (PROTO / "reel2sim").rglob(pattern)
    }
    assert made == kept
    assert len(made) == 3 * len(list((PROTO / "reel2sim").rglob("*.proto")))


def test_the_client_loads_no_engine():
    code = (
        "import sys, reel2sim.client\n"
        "heavy = {'torch', 'numba', 'pxr', 'mujoco', 'ray', 'pybullet', 'cv2', 'av'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
