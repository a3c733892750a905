"""Environments on a server are those of here, and nothing is left of them when they end."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import uuid
import warnings
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import gymnasium
import numpy as np
import psutil
import pytest
from google.rpc import error_details_pb2, status_pb2
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.client import Client, RemoteEnv, RemoteVectorEnv
from reel2sim.envs import make_pack, save_pack
from reel2sim.exporters import export_bundle
from reel2sim.scene.errors import (
    BundleError,
    ExhaustedError,
    InputError,
    NotFoundError,
    UnavailableError,
    UsageError,
)
from reel2sim.server.bundle_files import check_bundle_files
from reel2sim.server.play import Play
from reel2sim.transport.archive import pack_folder
from reel2sim.transport.arrays import array_message, array_of
from reel2sim.transport.status import error_of, error_of_call
from reel2sim.v1 import environments_pb2 as pb
from reel2sim.v1 import environments_pb2_grpc
from reel2sim.v1.common_pb2 import ARTIFACT_FORMAT_TAR

_SPEC = importlib.util.spec_from_file_location(
    "small_assets", Path(__file__).parents[1] / "envs" / "conftest.py"
)
assets = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(assets)

OPEN = "Reel2Sim/OpenJoint-v0"
EXAMPLE = Path(__file__).parents[2] / "examples" / "remote_env.py"
CASES = {
    "Scene": ("thrown", {"episode_s": 0.1}),
    "TrackMotion": ("arm", {"reference_start": True, "reward": {"position_sharpness": 9.0}}),
    "OpenJoint": ("drawer", {"episode_s": 0.1, "render_size": (24, 16)}),
    "Locomote": ("thrown", {"gravity": (0, 0, -3.0)}),
    "Pack": ("", {"split": "train", "task": "OpenJoint", "episode_s": 0.1}),
}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bundles, and the folder of all of them as a pack."""
    root = tmp_path_factory.mktemp("pack")
    keep = shutil.ignore_patterns("usd", "*.usdz", "*.glb", "*.html", "*.ply")
    for name in ("drawer", "arm", "thrown"):
        whole = tmp_path_factory.mktemp("whole") / name
        export_bundle(assets.ASSETS[name](), whole, media=None, provenance=None)
        shutil.copytree(whole, root / name, ignore=keep)
    save_pack(make_pack(root, test=0.0))
    return {"": root, **{name: root / name for name in ("drawer", "arm", "thrown")}}


@pytest.fixture(scope="module")
def digest(shared_address, bundles) -> str:
    with Client(shared_address) as client:
        return client.upload(bundles["drawer"])


@pytest.fixture
def remote(shared_address, bundles) -> Iterator:
    """Makes environments on the shared server and closes them."""
    made: list[Any] = []

    def make(task: str, count: int = 0, address: str = shared_address, **more) -> Any:
        kind, options = CASES[task]
        kind = more.pop("kind", kind)
        options = {"bundle": bundles[kind], **options, **more}
        id = f"reel2sim.envs:Reel2Sim/{task}-v0"
        made.append(
            RemoteVectorEnv(address, id, count, **options)
            if count
            else RemoteEnv(address, id, **options)
        )
        return made[-1]

    yield make
    for env in made:
        env.close()


@pytest.fixture
def play(shared_address) -> Iterator:
    """Starts raw conversations."""
    with grpc.insecure_channel(shared_address) as channel:
        yield lambda requests: environments_pb2_grpc.EnvironmentsStub(channel).Play(
            iter(requests), timeout=120
        )


def local(task: str, bundles, **more) -> dict[str, Any]:
    kind, options = CASES[task]
    place = "pack" if task == "Pack" else "bundle"
    return {"id": f"reel2sim.envs:Reel2Sim/{task}-v0", place: str(bundles[kind]), **options, **more}


def players() -> list[psutil.Process]:
    """Processes that play."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "reel2sim.server.play" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def same(a: Any, b: Any) -> None:
    """Equal bit by bit, types included."""
    assert type(a) is type(b), (a, b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, tuple):
        for one, other in zip(a, b, strict=True):
            same(one, other)
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tolist() == b.tolist() if a.dtype == object else a.tobytes() == b.tobytes()
    else:
        assert np.float64(a).tobytes() == np.float64(b).tobytes() if type(a) is float else a == b


@pytest.mark.parametrize("task", CASES)
def test_one_environment_is_the_same_there_and_here(remote, bundles, task: str) -> None:
    there, here = remote(task), gymnasium.make(**local(task, bundles)).unwrapped
    assert there.observation_space == here.observation_space
    assert there.action_space == here.action_space
    assert there.metadata["render_fps"] == here.metadata["render_fps"]
    for seed in np.random.default_rng(1).integers(0, 2**31, 3).tolist():
        same(there.reset(seed=seed), here.reset(seed=seed))
        rng = np.random.default_rng(seed)
        for k in range(12):
            action = rng.uniform(-1, 1, here.action_space.shape)
            action = action.astype(np.float32) if k % 2 else action
            same(there.step(action), here.step(action))
    same(there.reset(), here.reset())
    here.close()


@pytest.mark.parametrize("task", ["Scene", "OpenJoint"])
def test_a_batch_is_the_same_there_and_here(remote, bundles, task: str) -> None:
    """Box and Dict; episodes of a few steps, so that all begin anew by themselves."""
    there = remote(task, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Gymnasium's checker of single environments
        here = gymnasium.make_vec(num_envs=3, vectorization_mode="sync", **local(task, bundles))
        assert there.single_observation_space == here.single_observation_space
        assert there.observation_space == here.observation_space
        assert there.action_space == here.action_space
        assert there.metadata["autoreset_mode"] is here.metadata["autoreset_mode"]
        for seed in (3, [5, None, 2**40]):
            same(there.reset(seed=seed), here.reset(seed=seed))
            for actions in np.random.default_rng(0).uniform(-1, 1, (12, *here.action_space.shape)):
                same(there.step(actions), here.step(actions))
        mask = {"reset_mask": np.array([True, False, True])}
        same(there.reset(seed=9, options=dict(mask)), here.reset(seed=9, options=mask))
        if task == "OpenJoint":
            goal = {"goal": np.float64(0.3)}
            same(there.reset(seed=9, options=goal), here.reset(seed=9, options={"goal": 0.3}))
    here.close()


def test_gymnasium_finds_no_fault_and_pictures_are_those_of_here(remote, bundles) -> None:
    there = remote("OpenJoint", render_mode="rgb_array")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(there)
    here = gymnasium.make(**local("OpenJoint", bundles, render_mode="rgb_array")).unwrapped
    for env in (there, here):
        env.reset(seed=3)
        env.step(np.ones(1))
    same(there.render(), here.render())
    here.close()


dtypes = st.sampled_from([np.bool_, *(np.dtype(c) for c in "bhilBHILefd")])


@settings(max_examples=50)
@given(dtype=dtypes, shape=st.lists(st.integers(0, 3), max_size=3), data=st.binary(min_size=216))
def test_arrays_survive_the_wire_bit_by_bit(dtype, shape, data) -> None:
    raw = np.frombuffer(data, np.uint8)[: int(np.prod(shape)) * np.dtype(dtype).itemsize]
    array = (raw % 2).astype(bool) if dtype is np.bool_ else raw.view(dtype)
    same(array_of(array_message(array.reshape(shape)), ""), array.reshape(shape))


def made(digest: str, **more) -> pb.PlayRequest:
    make = {"bundle": {"digest": digest}, "task": OPEN, "count": 1, **more}
    return pb.PlayRequest(make=pb.MakeEnvironments(**make))


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"bundle": {"digest": "../../etc"}}, "INVALID_ARGUMENT", "make.bundle.digest"),
        ({"bundle": {"digest": "0" * 64}}, "NOT_FOUND", "make.bundle.digest"),
        ({"count": 0}, "INVALID_ARGUMENT", "make.count"),
        ({"count": 65}, "INVALID_ARGUMENT", "make.count"),
        ({"options_json": '{"frame_skip": 0}'}, "INVALID_ARGUMENT", "frame_skip"),
    ],
)
def test_what_cannot_be_made_is_told_by_field(play, digest, change, code, field) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        next(play([made(digest, **change)]))
    assert caught.value.code().name == code
    assert error_of_call(caught.value).field == field
    if code == "INVALID_ARGUMENT":
        details = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
        bad = error_details_pb2.BadRequest()
        assert any(d.Unpack(bad) for d in status_pb2.Status.FromString(details).details)
        assert bad.field_violations[0].field == field


@pytest.fixture(scope="module")
def maker(bundles, tmp_path_factory) -> Iterator:
    """What a process that plays does with a request to make, in this process."""
    place = tmp_path_factory.mktemp("maker")
    pack_folder(bundles["drawer"], place / "bundle.tar")

    def make(**change) -> pb.EnvironmentsMade:
        options = Namespace(
            artifact=place / "bundle.tar", format=ARTIFACT_FORMAT_TAR, filename="x.tar",
            work=place / uuid.uuid4().hex, max_bytes=1 << 30, processes=1,
        )  # fmt: skip
        play = Play(options)
        try:
            ((_, response),) = play.answers(made("", **change))
        finally:
            shutil.rmtree(options.work, ignore_errors=True)
            if play._crew is not None:
                play._crew.close()
        return response.made

    return make


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"task": "CartPole-v1"}, "make.task"),
        ({"task": "os:Reel2Sim/OpenJoint-v0"}, "make.task"),
        ({"task": ""}, "make.task"),
        ({"options_json": "{"}, "make.options_json"),
        ({"options_json": "[1]"}, "make.options_json"),
        ({"options_json": '{"scene": "/etc"}'}, "scene"),
        ({"options_json": '{"bundle": "/etc"}'}, "bundle"),
        ({"options_json": '{"disable_env_checker": false}'}, "disable_env_checker"),
        ({"options_json": '{"render_mode": "human"}'}, "render_mode"),
        ({"options_json": '{"asset": ["x"]}'}, "asset"),
        ({"task": "Reel2Sim/Pack-v0", "options_json": '{"task": "CartPole-v1"}'}, "task"),
        ({"task": "Reel2Sim/Pack-v0", "options_json": '{"pack": "/etc"}'}, "pack"),
    ],
)
def test_no_option_but_the_tasks_own_is_taken(maker, change, field) -> None:
    with pytest.raises(UsageError) as caught:
        maker(**change)
    assert caught.value.field == field


OUTSIDE = ["/etc/hostname", "../../../secret", "package://../../../secret", "a b/../../../../../x"]


@pytest.mark.parametrize("name", [*OUTSIDE, "nothing.here"])
@pytest.mark.parametrize("kind", ["urdf", "mtllib", "second mtllib", "texture", "CR"])
def test_a_bundle_reaches_no_other_files_of_the_server(bundles, tmp_path, name, kind) -> None:
    copy = shutil.copytree(bundles["drawer"], tmp_path / "drawer")
    check_bundle_files(copy)
    urdf = next(copy.rglob("*.urdf"))
    mesh = next(copy.rglob("visual/*.obj"))
    library = mesh.with_suffix(".mtl")
    assert library.is_file()
    if kind == "urdf":
        changed = re.sub(r'filename="[^"]*"', f'filename="{name}"', urdf.read_text(), count=1)
        urdf.write_text(changed)
    elif kind == "mtllib":
        mesh.write_text(re.sub(r"mtllib .*", f"mtllib {name}", mesh.read_text()))
    elif kind == "second mtllib":
        mesh.write_text(mesh.read_text() + f"\n \tmtllib\t{name} more\n")
    elif kind == "texture":
        library.write_text(library.read_text() + f"\nmap_kd -s 1 1 1 {name}\n")
    else:
        mesh.write_bytes(mesh.read_bytes() + f"o x\rmtllib {name}\rv 0 0 0".encode())
    with pytest.raises(BundleError, match=r"outside of the bundle|does not hold"):
        check_bundle_files(copy)


@pytest.mark.parametrize(
    "text",
    [
        # Parsers of other minds read what stands in the entity, or pass over the fault.
        "<!DOCTYPE r [<!ENTITY a \"><robot><mesh filename='/etc/x'/></robot>\">]><robot/>",
        '<robot name="a" name="b"><mesh filename="/etc/hostname"/></robot>',
        '<robot/><robot><mesh filename="/etc/hostname"/></robot>',
    ],
)
def test_a_description_that_parsers_read_differently_is_refused(bundles, tmp_path, text) -> None:
    copy = shutil.copytree(bundles["drawer"], tmp_path / "drawer")
    next(copy.rglob("*.urdf")).write_text(text)
    with pytest.raises(BundleError, match="no plain XML"):
        check_bundle_files(copy)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 10**6) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
option_names = st.sampled_from(
    ["control", "frame_skip", "gravity", "render_size", "episode_s", "position_gain", "ground",
     "joint", "goals", "starts", "tolerance", "sparse", "torque_cost", "lookahead", "reward",
     "residual", "success_error", "heading", "tilt_deg", "alive", "asset", "render_mode"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    task=st.sampled_from(["Scene", "TrackMotion", "OpenJoint", "Locomote"]),
    options=st.dictionaries(option_names, values, min_size=1, max_size=2),
)
def test_options_are_taken_or_refused(maker, task, options) -> None:
    with contextlib.suppress(InputError):
        maker(task=f"Reel2Sim/{task}-v0", options_json=json.dumps(options))


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [pb.PlayRequest()],
        [pb.PlayRequest(reset=pb.ResetEnvironments())],
        ["make", "make"],
        ["make", pb.PlayRequest()],
    ],
)
def test_a_conversation_out_of_order_ends(play, digest, requests) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        list(play([made(digest) if request == "make" else request for request in requests]))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_bundle_that_is_none_is_told_without_the_servers_paths(shared_address, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "file").write_text("nothing")
    with pytest.raises(BundleError) as caught:
        RemoteEnv(shared_address, OPEN, bundle=tmp_path / "empty")
    assert "/work/" not in str(caught.value)
    assert "data" not in str(caught.value.source)
    (tmp_path / "odd.bin").write_bytes(b"\x00" * 100)
    with pytest.raises(InputError):
        RemoteEnv(shared_address, OPEN, bundle=tmp_path / "odd.bin")


def test_refusals_change_nothing_and_the_environments_go_on(remote) -> None:
    env, twin = remote("OpenJoint", 2), remote("OpenJoint", 2)
    good = np.full((2, 1), 0.5, np.float32)
    with pytest.raises(UsageError, match="call reset first"):
        env.step(good)
    same(env.reset(seed=4), twin.reset(seed=4))
    for actions in (good * np.nan, good * 3, good[:1], good[None], good.astype(bool)[:, :0]):
        with pytest.raises(InputError, match="actions"):
            env.step(actions)
    for options, message in (
        ({"goal": 3}, "goal"),
        ({"x": 1}, "x"),
        ({"goal": object()}, "travel"),
    ):
        with pytest.raises(UsageError, match=message):
            env.reset(options=options)
    for seed in (-1, 2**64):
        with pytest.raises(UsageError, match="seed"):
            env.reset(seed=[seed, 0])
    with pytest.raises(UsageError, match="nothing to render"):
        env.render()
    same(env.step(good), twin.step(good))
    env.close()
    env.close()
    with pytest.raises(UsageError, match="is closed"):
        env._playing.step(good)


numbers = st.integers(-3, 3)
messages = st.one_of(
    st.builds(
        pb.Array,
        type=st.integers(0, 14),
        shape=st.lists(st.integers(-1, 3) | st.just(2**62), max_size=3),
        data=st.binary(max_size=24),
    ).map(lambda a: pb.PlayRequest(step=pb.StepEnvironments(actions=a))),
    st.builds(
        pb.ResetEnvironments,
        seeds=st.lists(st.builds(pb.Seed, value=st.none() | st.integers(0, 2**64 - 1)), max_size=2),
        options_json=st.sampled_from(
            ["", "{}", "[]", "{", "NaN", '{"goal": NaN}', '{"goal": 1e999}', '{"goal": "x"}',
             '{"start": [1]}', '{"a": 1}', "[" * 5000, '{"goal": 0.5}']
        ) | st.text(max_size=9).map(lambda t: t.encode("utf-8", "replace").decode()),
        only=st.lists(st.booleans(), max_size=2),
    ).map(lambda r: pb.PlayRequest(reset=r)),
    st.just(pb.PlayRequest(render=pb.RenderEnvironments())),
)  # fmt: skip


@pytest.fixture(scope="module")
def conversation(shared_address, digest) -> Iterator:
    """One long conversation: a function that asks."""
    import queue

    requests: queue.SimpleQueue = queue.SimpleQueue()
    with grpc.insecure_channel(shared_address) as channel:
        call = environments_pb2_grpc.EnvironmentsStub(channel).Play(iter(requests.get, None))

        def ask(request: pb.PlayRequest) -> pb.PlayResponse:
            requests.put(request)
            return next(call)

        assert ask(made(digest)).WhichOneof("response") == "made"
        yield ask
        requests.put(None)


@settings(max_examples=150, deadline=None)
@given(request_=messages)
def test_no_request_breaks_a_conversation(conversation, request_) -> None:
    answer = conversation(request_)
    if answer.WhichOneof("response") == "refusal":
        assert isinstance(error_of(answer.refusal), InputError)
    else:
        assert answer.WhichOneof("response") == "transition"


@settings(max_examples=40, deadline=None)
@given(data=st.lists(st.binary(max_size=60), max_size=3))
def test_garbage_is_refused(shared_address, data) -> None:
    with grpc.insecure_channel(shared_address) as channel:
        call = channel.stream_stream("/reel2sim.v1.Environments/Play")(iter(data), timeout=120)
        with pytest.raises(grpc.RpcError) as caught:
            list(call)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_nothing_is_left_however_it_ends(
    tmp_path, start_server, remote, bundles, eventually
) -> None:
    """Closed, forgotten, cancelled, past its deadline, idle, and when the client is killed."""
    before = set(players())
    options = {"max_environments": 3, "environment_idle_s": 6.0}
    with start_server(tmp_path / "data", **options) as address, Client(address) as client:
        assert client.info().max_environments == 3
        digest = client.upload(bundles["drawer"])
        work = tmp_path / "data" / "work"

        def gone() -> bool:
            return set(players()) <= before and not list(work.glob("play-*"))

        def begin(count: int = 3) -> RemoteVectorEnv:
            env = RemoteVectorEnv(address, OPEN, count, bundle=digest)
            assert not gone()
            return env

        env = begin()
        with pytest.raises(ExhaustedError, match="3 of the 3 environments"):
            RemoteEnv(address, OPEN, bundle=digest)
        env.close()
        eventually(gone)
        env = begin()
        del env
        eventually(gone)
        with grpc.insecure_channel(address) as channel:
            stub = environments_pb2_grpc.EnvironmentsStub(channel)
            hold = threading.Event()

            def requests() -> Iterator[pb.PlayRequest]:
                yield made(digest, count=3)
                hold.wait()

            for end in ("cancel", "deadline"):
                call = stub.Play(requests(), timeout=3 if end == "deadline" else 120)
                with_answer = next(call, None) if end == "cancel" else None
                assert end == "deadline" or with_answer is not None
                if end == "cancel":
                    call.cancel()
                else:
                    with pytest.raises(grpc.RpcError):
                        list(call)
                eventually(gone)
            hold.set()
        script = (
            "import sys, time; from reel2sim.client import RemoteEnv\n"
            "env = RemoteEnv(*sys.argv[1:3], bundle=sys.argv[3]); print('made', flush=True)\n"
            "time.sleep(600)"
        )
        command = [sys.executable, "-c", script, address, OPEN, digest]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
            assert other.stdout.readline() == b"made\n"
            other.kill()
        eventually(gone)
        env = begin()
        eventually(gone)
        with pytest.raises(UnavailableError, match=r"nothing was asked for 6 s.*make a new"):
            env.reset()


def test_the_death_of_the_process_or_the_server_is_told(
    tmp_path, start_process, shared_address, digest, bundles
) -> None:
    before = set(players())
    env = RemoteEnv(shared_address, OPEN, bundle=digest)
    env.reset(seed=0)
    for player in set(players()) - before:
        player.send_signal(signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(UnavailableError, match=r"lost.*died of 9.*make a new environment"):
            env.step(np.zeros(1))
    with start_process(tmp_path / "data") as server:
        env = RemoteEnv(server.address, OPEN, bundle=bundles["drawer"])
        env.reset(seed=0)
        children = psutil.Process(server._process.pid).children(recursive=True)
        server.kill()
        for _ in range(2):
            with pytest.raises(UnavailableError, match=r"lost.*make a new environment"):
                env.step(np.zeros(1))
        assert not psutil.wait_procs(children, 120)[1]
    with pytest.raises(UnavailableError):
        RemoteEnv(server.address, OPEN, bundle=digest, retry_s=0.2)


def test_servers_may_have_none(tmp_path, start_server) -> None:
    with start_server(tmp_path, max_environments=0) as address, Client(address) as client:
        assert client.info().max_environments == 0
        with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as caught:
            list(environments_pb2_grpc.EnvironmentsStub(channel).Play(iter([])))
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_the_example_runs_and_is_short(shared_address, bundles) -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 40
    run = [sys.executable, EXAMPLE, shared_address, bundles["drawer"]]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, env={**os.environ})
    assert done.returncode == 0, done.stderr
    assert "return" in done.stdout


def test_an_artifact_that_is_gone_is_not_found(shared_address) -> None:
    with pytest.raises(NotFoundError):
        RemoteEnv(shared_address, OPEN, bundle="f" * 64)
