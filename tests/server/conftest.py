"""Servers on loopback, in a thread of this process or in one of their own."""

import asyncio
import contextlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import grpc
import pytest

from reel2sim.client import Client
from reel2sim.server import ServerConfig, running

HELPERS = Path(__file__).parent / "helpers"


@pytest.fixture(autouse=True)
def _importable_runner(monkeypatch):
    """Workers are told their runner by name, so they must be able to import it."""
    path = os.pathsep.join(filter(None, [str(HELPERS), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)


@contextlib.contextmanager
def serving(data_dir: Path, **options):
    """A server in a thread; yields its address."""
    config = ServerConfig(
        **{
            "data_dir": data_dir,
            "address": "127.0.0.1:0",
            "runner": "tiny_runner:run",
            **options,
        }
    )
    started = threading.Event()
    state = {}

    async def main() -> None:
        state["loop"], state["stop"] = asyncio.get_running_loop(), asyncio.Event()
        async with running(config) as server:
            state["address"] = server.address
            started.set()
            await state["stop"].wait()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            state["error"] = error
        finally:
            started.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(120), "the server did not start"
    if "error" in state:
        raise state["error"]
    try:
        yield state["address"]
    finally:
        state["loop"].call_soon_threadsafe(state["stop"].set)
        thread.join(120)
        assert not thread.is_alive(), "the server did not stop"
        if "error" in state:
            raise state["error"]


class ServerProcess:
    """A server in a process of its own, to be killed."""

    def __init__(self, data_dir: Path, address: str = "127.0.0.1:0", **options) -> None:
        told = [str(data_dir), address, json.dumps(options)]
        self._process = subprocess.Popen(
            [sys.executable, str(HELPERS / "serve_tiny.py"), *told],
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self._process.stdout.readline()
        assert line.startswith("listening on "), line
        self.address = line.split()[-1]

    def terminate(self) -> int:
        """Ask it to stop; its exit code."""
        self._process.terminate()
        return self._process.wait(120)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(120)
        self._process.stdout.close()


@contextlib.contextmanager
def server_process(data_dir: Path, address: str = "127.0.0.1:0", **options):
    server = ServerProcess(data_dir, address, **options)
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def port():
    """A free port of loopback, which nobody takes between now and its use, nor between two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HELPERS))
        return importlib.import_module("free_port").free_port()


@pytest.fixture
def tiny_runner(monkeypatch):
    """The module that workers run, in this process."""
    monkeypatch.syspath_prepend(str(HELPERS))
    return importlib.import_module("tiny_runner")


@pytest.fixture
def start_server():
    return serving


@pytest.fixture
def start_process():
    return server_process


@pytest.fixture(scope="session")
def shared_address(tmp_path_factory):
    """One server for all tests that leave no trace that others could stumble over."""
    with pytest.MonkeyPatch.context() as patch:
        path = os.pathsep.join(filter(None, [str(HELPERS), os.environ.get("PYTHONPATH")]))
        patch.setenv("PYTHONPATH", path)
        with serving(tmp_path_factory.mktemp("shared-server")) as address:
            yield address


@pytest.fixture
def client(shared_address):
    with Client(shared_address, retry_s=10) as client:
        yield client


@pytest.fixture
def channel(shared_address):
    with grpc.insecure_channel(shared_address) as channel:
        yield channel


@pytest.fixture
def certificate(tmp_path):
    """Makes a self-signed certificate for loopback, with a common name, and its key."""
    return lambda name: make_certificate(tmp_path, name)


def make_certificate(folder: Path, name: str):
    """A self-signed certificate for loopback and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    algorithm = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    whose = ("-days", "1", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(
        ["openssl", "req", "-x509", *algorithm, *whose, "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return cert, key


@pytest.fixture
def eventually():
    """Wait for a condition that comes soon, though the machine may be busy."""

    def wait_for(condition, *, timeout_s: float = 120.0):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if value := condition():
                return value
            time.sleep(0.02)
        raise AssertionError(f"not within {timeout_s} s: {condition}")

    return wait_for


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL that all tests share."""
    with _postgres() as running:
        yield running


@pytest.fixture
def empty_postgres(postgres):
    """URL of a database without tables."""
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.url.rpartition("/")[0] + f"/{name}"


@pytest.fixture
def own_postgres():
    """A PostgreSQL that a test may stop and start."""
    with _postgres() as running:
        yield running


@contextlib.contextmanager
def _postgres():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HELPERS))
        helper = importlib.import_module("local_postgres")
    if helper.binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    server = helper.LocalPostgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def s3_server():
    """An S3 server on loopback; gives its URL."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """URL of an empty bucket."""
    import boto3

    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "testing")
    name = f"bucket-{uuid.uuid4().hex}"
    client = boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1")
    client.create_bucket(Bucket=name)
    return f"s3://{name}/some/prefix?endpoint={s3_server}&region=us-east-1"
