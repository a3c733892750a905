"""A full server still says how it is, and has room again once calls end."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.client import Client
from reel2sim.scene.errors import ExhaustedError, Reel2SimError
from reel2sim.transport.status import error_of_call
from reel2sim.v1 import (
    artifacts_pb2,
    artifacts_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    server_info_pb2,
    server_info_pb2_grpc,
)

LIMIT = 4


@pytest.fixture
def full(tmp_path, start_server):
    """A small server on which an operation runs, to be watched."""
    with (
        start_server(tmp_path, max_concurrent_rpcs=LIMIT) as address,
        Client(address) as client,
        grpc.insecure_channel(address) as channel,
    ):
        yield channel, client.start(prompt="steps 100000 0.1").name


def told(call):
    """What a call says: its first message, or the error of ours."""
    try:
        return next(iter(call)) if hasattr(call, "__iter__") else call
    except grpc.RpcError as error:
        return error_of_call(error)


class Watch:
    """A call that lasts until it is ended."""

    def __init__(self, channel, name) -> None:
        request = events_pb2.WatchOperationRequest(name=name)
        self._call = events_pb2_grpc.OperationEventsStub(channel).WatchOperation(request)
        self.admitted = not isinstance(told(self._call), Reel2SimError)

    def end(self) -> None:
        self._call.cancel()


def upload(channel):
    spec = artifacts_pb2.UploadSpec(upload_id="a", format=1, filename="a")
    messages = iter([artifacts_pb2.UploadRequest(spec=spec)])
    try:
        return artifacts_pb2_grpc.ArtifactsStub(channel).Upload(messages, timeout=120)
    except grpc.RpcError as error:
        return error_of_call(error)


def health(channel):
    request = health_pb2.HealthCheckRequest()
    return health_pb2_grpc.HealthStub(channel).Check(request, timeout=120).status


def status(channel):
    request = server_info_pb2.GetServerStatusRequest()
    return server_info_pb2_grpc.ServerInfoStub(channel).GetServerStatus(request, timeout=120)


def info(channel):
    request = server_info_pb2.GetServerInfoRequest()
    try:
        return server_info_pb2_grpc.ServerInfoStub(channel).GetServerInfo(request, timeout=120)
    except grpc.RpcError as error:
        return error_of_call(error)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(["watch", "end"]), max_size=12))
def test_calls_are_admitted_as_long_as_there_are_places(full, eventually, plan):
    channel, name = full
    # The calls of the example before have ended for the client; the server hears of it later.
    eventually(lambda: not isinstance(info(channel), ExhaustedError))
    watches = []
    try:
        for step in plan:
            if step == "watch":
                before = len(watches)
                one = Watch(channel, name)
                if one.admitted:
                    watches.append(one)
                assert before < LIMIT or not one.admitted
            elif watches:
                watches.pop().end()
            assert health(channel) == health_pb2.HealthCheckResponse.SERVING
        if len(watches) == LIMIT:
            assert isinstance(info(channel), ExhaustedError)
            assert status(channel).loads
    finally:
        for one in watches:
            one.end()


def test_the_full_server_answers_who_asks_how_it_is_and_tells_others(full, eventually):
    channel, name = full
    eventually(lambda: not isinstance(info(channel), ExhaustedError))
    watches = [Watch(channel, name) for _ in range(LIMIT)]
    assert all(one.admitted for one in watches)
    refusal = info(channel)
    assert isinstance(refusal, ExhaustedError)
    assert f"{LIMIT} calls" in str(refusal)
    assert isinstance(upload(channel), ExhaustedError)
    assert not Watch(channel, name).admitted
    assert status(channel).version
    # Watches of health have places of their own, and these too are limited.
    stub = health_pb2_grpc.HealthStub(channel)
    asked = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(70)]
    answers = [told(call) for call in asked]
    assert sum(isinstance(answer, ExhaustedError) for answer in answers) == 6
    assert health(channel) == health_pb2.HealthCheckResponse.SERVING
    for call in asked:
        call.cancel()
    for one in watches:
        one.end()
    eventually(lambda: not isinstance(upload(channel), ExhaustedError))
