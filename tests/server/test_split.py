"""Runs whose stages other servers do: the same bundle, whatever happens on the way."""

import contextlib
import importlib
import os
import shutil
import threading

import psutil
import pytest

from reel2sim.client import Client, TlsFiles
from reel2sim.media import write_capture
from reel2sim.pipeline import Cache, PipelineConfig, run
from reel2sim.remote import RemoteStages, stages_from_options
from reel2sim.remote.breaker import BreakerPolicy
from reel2sim.remote.policy import RetryPolicy
from reel2sim.remote.toolchain import remote_toolchain
from reel2sim.scene.digest import digest_tree
from reel2sim.scene.errors import (
    CancelledError,
    RiggingError,
    StageError,
    UnauthenticatedError,
    UnavailableError,
)
from reel2sim.scene.progress import silent

from .conftest import HELPERS, make_certificate, serving

RUNNER = "split_runner:run"
CONFIG = PipelineConfig(preset="draft", seed=5, device="cpu", material="wood", density=640.0)
PROMPT = "a wooden box"
DEAD = "127.0.0.1:1"


@pytest.fixture
def cheap(tiny_runner):
    return importlib.import_module("split_runner")


@pytest.fixture
def source(tmp_path, cheap):
    folder = tmp_path / "My capture"
    write_capture(cheap._reel("shown", CONFIG), folder)
    return folder


@pytest.fixture
def here(tmp_path, cheap):
    """Runs in one process: the digest of the bundle."""

    def make(source=None, *, prompt=None, config=CONFIG):
        cache = tmp_path / "cache-here"
        cache.mkdir(exist_ok=True)
        out = tmp_path / "here"
        shutil.rmtree(out, ignore_errors=True)
        run(source, out, prompt=prompt, config=config, toolchain=cheap.toolchain(cache))
        return digest_tree(out)

    return make


@pytest.fixture
def split(tmp_path, cheap):
    """Runs in this process whose stages are done by servers: the digest of the bundle."""

    def make(stages, source=None, *, prompt=None, progress=silent, tools=None, cache=None):
        folder, scratch, out = (tmp_path / x for x in ("cache-split", "scratch", "split"))
        for each in (scratch, out):
            shutil.rmtree(each, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        scratch.mkdir()
        tools = tools or cheap.toolchain(folder)
        moved = remote_toolchain(tools, stages, source=source, scratch=scratch)
        run(source, out, prompt=prompt, config=CONFIG, toolchain=moved, progress=progress,
            cache=cache)  # fmt: skip
        return digest_tree(out)

    return make


def stages_at(*options, **policy):
    quick = {"call_s": 5.0, "first_pause_s": 0.05, "longest_pause_s": 0.2, **policy}
    quick.setdefault("breaker", BreakerPolicy(rest_s=0.3, longest_rest_s=0.3))
    found = stages_from_options(options)
    return RemoteStages(servers=found.servers, policy=RetryPolicy(**quick))


def log_of(data_dir):
    path = data_dir / "cache" / "attempts.log"
    return path.read_text().splitlines() if path.exists() else []


def behave(data_dir, what, text=""):
    (data_dir / "cache").mkdir(parents=True, exist_ok=True)
    (data_dir / "cache" / what).write_text(text)


def release(data_dir):
    (data_dir / "cache" / "held").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def trio(tmp_path_factory):
    """A pipeline server and two for its stages, behind certificates and a token."""
    folder = tmp_path_factory.mktemp("trio")
    cert, key = make_certificate(folder, "server")
    mine, my_key = make_certificate(folder, "client")
    (folder / "token").write_text("correct horse\n")
    shut = {"tls_cert": cert, "tls_key": key, "tls_client_ca": mine, "token": "correct horse"}
    tls = TlsFiles(ca=cert, cert=mine, key=my_key)
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.ExitStack() as stack,
    ):
        path = os.pathsep.join(filter(None, [str(HELPERS), os.environ.get("PYTHONPATH")]))
        patch.setenv("PYTHONPATH", path)

        def serve(name, **options):
            return stack.enter_context(serving(folder / name, runner=RUNNER, **options))

        one = serve("a", kinds=("generate", "reconstruct"), **shut)
        two = serve("b", kinds=("rig",), **shut)
        options = (f"generate={one}", f"reconstruct={one}", f"rig={two}")
        stages = stages_from_options(options, token_file=folder / "token", tls=tls)
        client = stack.enter_context(Client(serve("p", stages=stages)))
        yield folder, client, stack.enter_context(Client(one, token="correct horse", tls=tls))


@pytest.fixture(autouse=True)
def _prompt(request):
    """Servers that tests share are as quick as at first again."""
    yield
    if "trio" in request.fixturenames:
        release(request.getfixturevalue("trio")[0] / "a")


def test_a_run_over_three_servers_is_the_run_in_one_process(trio, tmp_path, source, here):
    folder, client, _ = trio
    options = {"preset": "draft", "seed": 5, "device": "cpu", "density": 640.0}
    for given in ({"source": source}, {"prompt": PROMPT}):
        for again in range(2):
            out = tmp_path / f"{next(iter(given))}-{again}"
            bundle = client.run(out=out, material="wood", **given, **options)
            assert digest_tree(bundle) == here(**given)
    twice = ["reconstruction begin", "reconstruction end"]
    assert log_of(folder / "a") == [*twice, "generation begin", "generation end", *twice]
    assert log_of(folder / "b") == ["rigging begin", "rigging end"] * 2
    assert log_of(folder / "p") == []


def test_a_cancel_reaches_the_server_that_does_the_stage(trio, source, eventually):
    folder, client, stage_server = trio
    behave(folder / "a", "held")
    operation = client.start(source, preset="draft", seed=6, device="cpu")
    eventually(lambda: "step" in client.get(operation.name).message)
    client.cancel(operation.name)
    with pytest.raises(CancelledError):
        client.wait(operation.name)
    there = list(stage_server.list())[-1]
    eventually(lambda: stage_server.get(there.name).done)
    assert stage_server.get(there.name).state == "CANCELLED"


def test_a_killed_pipeline_worker_joins_the_stage_that_it_had_begun(trio, source, eventually):
    folder, client, _ = trio
    behave(folder / "a", "held")
    before = len(log_of(folder / "a"))
    operation = client.start(source, preset="draft", seed=7, device="cpu")
    eventually(lambda: "step" in client.get(operation.name).message)
    for process in psutil.Process().children(recursive=True):
        if str(folder / "p") in process.cmdline():
            process.kill()
    eventually(lambda: client.get(operation.name).attempts == 2)
    eventually(lambda: "step" in client.get(operation.name).message)
    release(folder / "a")
    assert client.wait(operation.name).attempts == 2
    assert log_of(folder / "a")[before:] == ["reconstruction begin", "reconstruction end"]


def test_nothing_is_sent_that_is_there_and_nothing_done_twice(
    tmp_path, start_server, source, here, split
):
    a = tmp_path / "a"
    with start_server(a, runner=RUNNER) as address:
        stages = stages_at(f"reconstruct={address}", f"rig={address}")
        results = {split(stages, source) for _ in range(3)}
    assert results == {here(source)}
    assert len(log_of(a)) == 4
    # The capture, the surfels and the asset. Surfels that came from there were not sent back.
    assert len([x for x in (a / "artifacts").rglob("*") if x.is_file()]) == 3


def test_a_server_killed_in_the_middle_goes_on_after_its_restart(
    tmp_path, start_process, port, source, here, split, eventually
):
    a = tmp_path / "a"
    behave(a, "held")
    seen, killed = [], threading.Event()

    def progress(stage, fraction, message="", **metrics):
        if stage == "reconstruction":
            seen.append(fraction)

    address = f"127.0.0.1:{port}"
    with start_process(a, address, runner=RUNNER) as server:
        stages = stages_at(f"reconstruct={address}")

        def replace_it():
            eventually(lambda: len(set(seen)) > 5)  # its progress is passed on
            server.kill()
            killed.set()
            release(a)
            with start_process(a, address, runner=RUNNER):
                done.wait(240)

        done = threading.Event()
        other = threading.Thread(target=replace_it)
        other.start()
        try:
            made = split(stages, source, progress=progress)
        finally:
            done.set()
            other.join(240)
    assert killed.is_set()
    assert made == here(source)
    assert log_of(a) == ["reconstruction begin"] * 2 + ["reconstruction end"]
    assert seen == sorted(seen)


def test_what_a_stage_says_about_its_input_is_told_at_once(tmp_path, start_server, source, split):
    a = tmp_path / "a"
    behave(a, "refuse")
    with start_server(a, runner=RUNNER) as address:
        with pytest.raises(RiggingError, match="film it longer"):
            split(stages_at(f"rig={address}"), source)
        with Client(address) as client:
            assert [operation.attempts for operation in client.list()] == [1]
        # Once the cause is gone, an earlier failure is not in the way.
        (a / "cache" / "refuse").unlink()
        split(stages_at(f"rig={address}"), source)


def test_a_server_that_stalls_is_left_for_another_and_one_that_is_away_skipped(
    tmp_path, start_server, source, here, split
):
    a, b = tmp_path / "a", tmp_path / "b"
    behave(a, "stubborn")
    with start_server(a, runner=RUNNER, cancel_grace_s=0.2) as one:
        lonely = stages_at(f"reconstruct={DEAD},{one}", deadline_s=2.0)
        with pytest.raises(StageError, match=r"longer than 2 s .*127\.0\.0\.1:1 "):
            split(lonely, source)
        with start_server(b, runner=RUNNER) as two:
            both = stages_at(f"reconstruct={DEAD},{one},{two}", silence_s=10.0)
            assert split(both, source) == here(source)
        with Client(one) as client:
            for operation in client.list():
                with pytest.raises(CancelledError):
                    client.wait(operation.name)


def test_servers_that_cannot_help_are_named_with_what_is_wrong(
    tmp_path, start_server, source, split, cheap
):
    with start_server(tmp_path / "a", runner=RUNNER, kinds=("rig",)) as address:
        with pytest.raises(StageError, match="does not take reconstruct jobs"):
            split(stages_at(f"reconstruct={address}"), source)
        tools = cheap.toolchain(tmp_path)
        newer = cheap.replace(tools, rigging=cheap.replace(tools.rigging, version=99))
        with pytest.raises(StageError, match="other code for rig"):
            split(stages_at(f"rig={address}"), source, tools=newer)
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1 open for .*refused"):
        split(stages_at(f"rig={DEAD}", patience_s=1.0), source)
    with (
        start_server(tmp_path / "b", runner=RUNNER, token="secret") as address,
        pytest.raises(UnauthenticatedError, match="--stage-token-file") as caught,
    ):
        split(stages_at(f"rig={address}"), source)
    assert caught.value.source == address


def test_what_is_cached_needs_no_server(tmp_path, start_server, source, split):
    cache = Cache(tmp_path / "kept")
    with start_server(tmp_path / "a", runner=RUNNER) as address:
        stages = stages_at(f"reconstruct={address}", f"rig={address}", patience_s=60.0)
        made = split(stages, source, cache=cache)
    assert split(stages, source, cache=cache) == made
