"""Callers of their own: whose things are whose, what each may do and how much of it."""

import contextlib
import hashlib
import importlib
import json
import os
import pkgutil
import tomllib
import uuid

import grpc
import pytest
from google.longrunning import operations_pb2
from hypothesis import given
from hypothesis import strategies as st

import reel2sim.v1
from reel2sim.cli.main import main
from reel2sim.client import Client, TlsFiles
from reel2sim.scene.errors import (
    CancelledError,
    ExhaustedError,
    ForbiddenError,
    NotFoundError,
    UnauthenticatedError,
    UsageError,
)
from reel2sim.server.callers import SCOPES, Callers
from reel2sim.server.guard import scope_of
from reel2sim.v1 import artifacts_pb2, artifacts_pb2_grpc, common_pb2, pipeline_pb2

MODULES = [m for m in pkgutil.iter_modules(reel2sim.v1.__path__) if m.name.endswith("_pb2")]
SLOW = "steps 2000 0.05"


def entry(name, scopes=("read", "write"), **more):
    """A table of the file; the token of ``name`` is its name twice."""
    digest = hashlib.sha256((name + name).encode()).hexdigest()
    known = {"name": name, "scopes": list(scopes), "token_sha256": digest, **more}
    lines = [f"{k} = {json.dumps(v)}" for k, v in known.items() if v is not None]
    return "\n".join(["[[caller]]", *lines, ""])


@pytest.fixture(scope="module")
def callers_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("callers") / "callers.toml"
    path.write_text(
        entry("alice")
        + entry("bob")
        + entry("reader", ["read"])
        + entry("writer", ["write"])
        + entry("root", ["admin"])
        + entry("small", max_operations=1, max_artifact_bytes=1000)
    )
    return path


@pytest.fixture
def as_(tmp_path, start_server, callers_file):
    """Clients of one server, by the name of who calls."""
    with (
        start_server(tmp_path / "data", callers=callers_file, token="shared") as address,
        contextlib.ExitStack() as stack,
    ):

        def make(name):
            return stack.enter_context(Client(address, token=name + name, retry_s=0))

        make.address = address
        yield make


def test_operations_are_their_callers_own(as_):
    alice, bob, root = as_("alice"), as_("bob"), as_("root")
    request_id = uuid.uuid4().hex
    mine = alice.start(prompt=SLOW, request_id=request_id)
    theirs = bob.start(prompt=SLOW, request_id=request_id)  # the same id, another's
    assert mine.name != theirs.name
    for attempt in (
        lambda: bob.get(mine.name),
        lambda: bob.cancel(mine.name),
        lambda: bob.delete(mine.name),
        lambda: next(iter(bob.watch(mine.name))),
        lambda: bob.wait(mine.name),
    ):
        with pytest.raises(NotFoundError):
            attempt()
    assert {o.name for o in alice.list()} == {mine.name}
    assert {o.name for o in bob.list()} == {theirs.name}
    assert {o.name for o in root.list()} == {mine.name, theirs.name}
    root.cancel(mine.name)
    with pytest.raises(CancelledError):
        alice.wait(mine.name)
    assert bob.get(theirs.name).state in ("QUEUED", "RUNNING")


def test_artifacts_are_their_callers_own(as_, tmp_path):
    alice, bob, root = as_("alice"), as_("bob"), as_("root")
    film = tmp_path / "film.bin"
    film.write_bytes(os.urandom(2000))
    digest = alice.upload(film)
    for attempt in (
        lambda: bob.download(digest, tmp_path / "stolen"),
        lambda: bob.delete_artifact(digest),
        lambda: bob.submit(pipeline_pb2.RunRequest(source={"digest": digest})),
        lambda: bob.run(
            prompt="x",
            out=tmp_path / "none",
            backend="uvit",
            generation=common_pb2.GenerationOptions(reference={"digest": digest}),
        ),
    ):
        with pytest.raises(NotFoundError):
            attempt()
    assert not (tmp_path / "stolen").exists()
    bob.upload(film)
    alice.delete_artifact(digest)
    bob.download(digest, tmp_path / "own")  # equal bytes are kept for who still has them
    assert (tmp_path / "own").read_bytes() == film.read_bytes()
    root.delete_artifact(digest)
    with pytest.raises(NotFoundError):
        bob.download(digest, tmp_path / "gone")


def test_uploads_are_their_callers_own(as_):
    def stub(name):
        channel = grpc.insecure_channel(as_.address)
        metadata = [("authorization", f"Bearer {name}{name}")]
        return artifacts_pb2_grpc.ArtifactsStub(channel), metadata

    spec = artifacts_pb2.UploadSpec(upload_id="same", filename="x", format=1)
    pieces = {"alice": b"of alice", "bob": b"of bob, which is longer"}
    for name, piece in pieces.items():
        artifacts, metadata = stub(name)
        request = artifacts_pb2.UploadRequest(spec=spec, data=piece)
        with contextlib.suppress(grpc.RpcError):
            artifacts.Upload(iter([request]), metadata=metadata, timeout=120)
    for name, piece in pieces.items():
        artifacts, metadata = stub(name)
        request = artifacts_pb2.GetUploadRequest(upload_id="same")
        answer = artifacts.GetUpload(request, metadata=metadata, timeout=120)
        assert answer.persisted_size == len(piece)


def all_methods():
    """Descriptors of the methods of all services of the project, and of Operations."""
    files = [importlib.import_module(f"reel2sim.v1.{m.name}").DESCRIPTOR for m in MODULES]
    services = [x for file in files for x in file.services_by_name.values()]
    operations = operations_pb2.DESCRIPTOR.services_by_name["Operations"]
    return [method for service in [*services, operations] for method in service.methods]


def test_a_scope_opens_its_methods_and_no_others(as_):
    seen = set()
    with grpc.insecure_channel(as_.address) as channel:
        for method in all_methods():
            path = f"/{method.containing_service.full_name}/{method.name}"
            for name, has in (("reader", {"read"}), ("writer", {"write"}), ("root", set(SCOPES))):
                metadata = [("authorization", f"Bearer {name}{name}")]
                kinds = {False: "unary", True: "stream"}
                kind = f"{kinds[method.client_streaming]}_{kinds[method.server_streaming]}"
                given = iter([b""]) if method.client_streaming else b""
                code = grpc.StatusCode.OK
                try:
                    answer = getattr(channel, kind)(path)(given, metadata=metadata, timeout=120)
                    list(answer if method.server_streaming else ())
                except grpc.RpcError as error:
                    code = error.code()
                refused = code == grpc.StatusCode.PERMISSION_DENIED
                assert refused == (scope_of(path) not in has), (path, name, code)
                assert code != grpc.StatusCode.UNAUTHENTICATED
                seen.add(scope_of(path))
    assert seen == set(SCOPES)


def test_a_method_nobody_knows_needs_the_scope_to_write():
    assert scope_of("/reel2sim.v1.Anything/Purge") == "write"
    assert scope_of("/reel2sim.v1.ServerInfo/GetServerStatus") == "admin"


def test_quotas_are_told_and_free_up(as_, tmp_path):
    small, alice = as_("small"), as_("alice")
    first = small.start(prompt=SLOW)
    with pytest.raises(ExhaustedError, match="1 operations of 'small'"):
        small.start(prompt=SLOW)
    alice.start(prompt=SLOW)
    small.cancel(first.name)
    with pytest.raises(CancelledError):
        small.wait(first.name)
    small.start(prompt="steps 1 0")
    film = tmp_path / "film.bin"
    film.write_bytes(os.urandom(800))
    digest = small.upload(film)
    other = tmp_path / "other.bin"
    other.write_bytes(os.urandom(800))
    with pytest.raises(ExhaustedError, match="'small' is limited to 1000 bytes"):
        small.upload(other)
    alice.upload(other)
    small.delete_artifact(digest)
    small.upload(other)


def test_strangers_and_the_shared_token(as_):
    with pytest.raises(UnauthenticatedError):
        as_("mallory").info()
    with pytest.raises(ForbiddenError, match="'writer' may not read"):
        as_("writer").info()
    mine = as_("alice").start(prompt="steps 1 0")
    with Client(as_.address, token="shared") as client:
        assert mine.name in {o.name for o in client.list()}


def test_the_file_is_read_again_and_a_spoilt_one_locks_nobody_out(tmp_path):
    path = tmp_path / "callers.toml"
    path.write_text(entry("alice"))
    callers = Callers(path)
    assert callers.by_token("alicealice").name == "alice"
    path.write_text(entry("bob") + "# changed\n")
    assert callers.by_token("alicealice") is None
    assert callers.by_token("bobbob").name == "bob"
    for spoilt in ("no = toml = here", "[[caller]]\nname = 3\n", ""):
        path.write_text(spoilt)
        assert callers.by_token("bobbob").name == "bob"
    path.unlink()
    assert callers.by_token("bobbob").name == "bob"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "[[caller]]"),
        ("caller = 3", "[[caller]]"),
        ("what = 3\n" + entry("a"), "[[caller]]"),
        ("= x", "is not TOML"),
        (entry("a", extra=3), "caller[0].extra"),
        (entry("a b"), "caller[0].name"),
        (entry("a", []), "caller[0].scopes"),
        (entry("a", ["all"]), "caller[0].scopes"),
        (entry("a", max_operations=-1), "caller[0].max_operations"),
        (entry("a", max_artifact_bytes=True), "caller[0].max_artifact_bytes"),
        (entry("a", token_sha256=None), "caller[0].token_sha256"),
        (entry("a", token_sha256="aa"), "caller[0].token_sha256"),
        (entry("a", certificate="a"), "caller[0].token_sha256"),
        (entry("a") + entry("a"), "caller[1]"),
    ],
)
def test_what_is_wrong_with_the_file_is_named(tmp_path, text, where):
    path = tmp_path / "callers.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        Callers(path)
    assert where in str(caught.value)
    assert str(path) in str(caught.value)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.text(max_size=80) | json_like.map(json.dumps).map(lambda t: f"caller = {t}"))
def test_no_file_ends_in_anything_but_a_usage_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(UsageError):
        Callers(path)


def test_a_certificate_stands_for_its_caller(tmp_path, start_server, certificate):
    cert, key = certificate("server")
    mine, my_key = certificate("lathe")
    other, other_key = certificate("stranger")
    authorities = tmp_path / "authorities.pem"
    authorities.write_bytes(mine.read_bytes() + other.read_bytes())
    path = tmp_path / "callers.toml"
    path.write_text(entry("machine", token_sha256=None, certificate="lathe") + entry("bob"))
    tls = {"tls_cert": cert, "tls_key": key, "tls_client_ca": authorities}
    with start_server(tmp_path / "data", callers=path, **tls) as address:
        known = TlsFiles(ca=cert, cert=mine, key=my_key)
        unknown = TlsFiles(ca=cert, cert=other, key=other_key)
        with (
            Client(address, tls=known) as machine,
            Client(address, tls=unknown, token="bobbob") as bob,
            Client(address, tls=unknown, retry_s=0) as nobody,
            Client(address, tls=known, token="wrong", retry_s=0) as confused,
        ):
            name = machine.start(prompt="steps 1 0").name
            with pytest.raises(NotFoundError):
                bob.get(name)
            for client in (nobody, confused):
                with pytest.raises(UnauthenticatedError):
                    client.info()


def test_a_token_that_was_made_opens_and_only_its_digest_is_kept(tmp_path, capsys):
    assert main(["token", "carol", "--scopes", "read", "--max-operations", "3"]) == 0
    shown = capsys.readouterr()
    token = shown.err.split()[-1]
    path = tmp_path / "callers.toml"
    path.write_text(shown.out)
    carol = Callers(path).by_token(token)
    assert (carol.name, carol.scopes, carol.max_operations) == ("carol", {"read"}, 3)
    assert token not in shown.out
    assert tomllib.loads(shown.out)["caller"][0]["name"] == "carol"
    assert main(["token", "not a name"]) != 0
