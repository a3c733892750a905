"""A client in another language, made from the same protos, does what ours does."""

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from reel2sim.scene.digest import digest_bytes

NODE = shutil.which("node")
EXAMPLE = Path(__file__).parents[2] / "examples" / "node"
pytestmark = [
    pytest.mark.skipif(NODE is None, reason="Node is not installed"),
    pytest.mark.skipif(
        not (EXAMPLE / "node_modules" / "@grpc" / "grpc-js").is_dir(),
        reason="`make node` was not run",
    ),
]


def node(*arguments, token=None):
    env = os.environ | ({} if token is None else {"REEL2SIM_TOKEN": token})
    command = [NODE, EXAMPLE / "main.js", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)


def test_an_upload_goes_on_after_a_break_and_its_bundle_comes_back(tmp_path, start_server):
    film = tmp_path / "film.mp4"
    film.write_bytes(os.urandom(3_500_000))
    bundle = tmp_path / "bundle.tar"
    with start_server(tmp_path / "data", token="open sesame") as address:
        refused = node(address, film, bundle, token="wrong")
        assert refused.returncode == 1
        assert "UNAUTHENTICATED" in refused.stderr
        job = ("--id", "job-of-node")
        broken = node(address, film, bundle, *job, "--stop-after", 1 << 20, token="open sesame")
        assert broken.returncode == 3, broken.stderr
        assert not [p for p in (tmp_path / "data" / "artifacts").rglob("*") if p.is_file()]
        done = node(address, film, bundle, *job, token="open sesame")
        assert done.returncode == 0, done.stderr
        again = node(address, film, tmp_path / "again.tar", *job, token="open sesame")
        assert again.returncode == 0, again.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == [
        f"uploading from byte {1 << 20}",
        f"uploaded 3500000 bytes, sha256 {digest_bytes(film.read_bytes())}",
    ]
    numbers = [int(line.split()[0]) for line in lines[3:-1]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert again.stdout.splitlines()[2] == lines[2], "the same request_id started a second job"
    with tarfile.open(fileobj=io.BytesIO(bundle.read_bytes())) as tar:
        assert digest_bytes(film.read_bytes()) in tar.extractfile("meshes/source").read().decode()
    assert (tmp_path / "again.tar").read_bytes() == bundle.read_bytes()
