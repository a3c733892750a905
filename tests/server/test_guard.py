"""Who may call, and how every refusal is told."""

import math
import uuid
from pathlib import Path

import grpc
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.client import Client, TlsFiles
from reel2sim.scene.errors import (
    InputError,
    MediaLimitError,
    Reel2SimError,
    UnauthenticatedError,
    UnavailableError,
    all_errors,
)
from reel2sim.transport.status import error_of, error_of_call, status_of
from reel2sim.v1 import common_pb2, pipeline_pb2, pipeline_pb2_grpc

UNARY = [
    "/reel2sim.v1.VideoGeneration/Generate",
    "/reel2sim.v1.Reconstruction/Reconstruct",
    "/reel2sim.v1.Rigging/Rig",
    "/reel2sim.v1.Export/Export",
    "/reel2sim.v1.Pipeline/Run",
    "/reel2sim.v1.Artifacts/GetUpload",
    "/reel2sim.v1.Artifacts/GetArtifact",
    "/reel2sim.v1.Artifacts/DeleteArtifact",
    "/reel2sim.v1.ServerInfo/GetServerInfo",
    "/google.longrunning.Operations/GetOperation",
    "/google.longrunning.Operations/ListOperations",
    "/google.longrunning.Operations/CancelOperation",
    "/google.longrunning.Operations/DeleteOperation",
    "/google.longrunning.Operations/WaitOperation",
]
SERVER_STREAM = [
    "/reel2sim.v1.Artifacts/Download",
    "/reel2sim.v1.OperationEvents/WatchOperation",
]
BOTH_STREAM = ["/reel2sim.v1.Environments/Play"]
ODD_CODES = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}


def _asked(**generation):
    return pipeline_pb2.RunRequest(prompt="x", config={"generation": generation})


def code_of(call):
    """The code of a call made to its end."""
    try:
        for _ in call() or ():
            pass
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


# Requests that are valid by chance would start work, so names and prompts stay hopeless.
text = st.text(max_size=40).map(lambda t: t.encode("utf-8", "replace").decode())
number = st.integers(-(2**31), 2**31 - 1)
reference = st.builds(common_pb2.ArtifactRef, digest=text, filename=text)
config = st.builds(
    common_pb2.JobConfig,
    name=text,
    max_size=number,
    preset=st.integers(0, 9),
    device=st.integers(0, 9),
)
structured = st.one_of(
    st.builds(pipeline_pb2.RunRequest, request_id=text, source=reference, config=config),
    st.builds(
        operations_pb2.ListOperationsRequest,
        name=text,
        filter=text,
        page_size=number,
        page_token=text,
    ),
    st.builds(operations_pb2.GetOperationRequest, name=text),
).map(lambda message: message.SerializeToString())
payload = st.one_of(st.binary(max_size=200), structured)


@settings(max_examples=150, deadline=None)
@given(method=st.sampled_from(UNARY), data=payload)
def test_no_request_makes_a_method_answer_with_a_server_fault(channel, method, data):
    call = channel.unary_unary(method)
    assert code_of(lambda: call(data, timeout=120) and ()) not in ODD_CODES


@settings(max_examples=50, deadline=None)
@given(method=st.sampled_from(SERVER_STREAM), data=payload)
def test_no_request_makes_a_stream_answer_with_a_server_fault(channel, method, data):
    call = channel.unary_stream(method)
    assert code_of(lambda: call(data, timeout=120)) not in ODD_CODES


@settings(max_examples=50, deadline=None)
@given(data=st.lists(payload, max_size=4))
def test_no_stream_makes_an_upload_answer_with_a_server_fault(channel, data):
    call = channel.stream_unary("/reel2sim.v1.Artifacts/Upload")
    assert code_of(lambda: call(iter(data), timeout=120) and ()) not in ODD_CODES


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pipeline_pb2.RunRequest(), "source"),
        (pipeline_pb2.RunRequest(prompt="x" * 4097), "prompt"),
        (pipeline_pb2.RunRequest(prompt=" "), "prompt"),
        (pipeline_pb2.RunRequest(source={"digest": "abc"}), "source.digest"),
        (
            pipeline_pb2.RunRequest(source={"digest": "0" * 64, "filename": "../x"}),
            "source.filename",
        ),
        (pipeline_pb2.RunRequest(prompt="x", source={"digest": "0" * 64}), "prompt"),
        (pipeline_pb2.RunRequest(prompt="x", request_id="a b"), "request_id"),
        (pipeline_pb2.RunRequest(prompt="x", config={"name": "Ä"}), "config.name"),
        (pipeline_pb2.RunRequest(prompt="x", config={"max_size": -1}), "config.max_size"),
        (pipeline_pb2.RunRequest(prompt="x", config={"density": -700.0}), "config.density"),
        (pipeline_pb2.RunRequest(prompt="x", config={"density": math.nan}), "config.density"),
        (_asked(steps=0), "config.generation.steps"),
        (_asked(motion=math.nan), "config.generation.motion"),
        (_asked(background=77), "config.generation.background"),
        (_asked(lighting=-1), "config.generation.lighting"),
        (_asked(sensor="toaster"), "config.generation.sensor"),
        (_asked(sensor="x" * 300), "config.generation.sensor"),
        (_asked(negative_prompt="x" * 5000), "config.generation.negative_prompt"),
        (pipeline_pb2.RunRequest(prompt="x", config={"backend": "../b"}), "config.backend"),
        (pipeline_pb2.RunRequest.FromString(b"\x1a\x01x\x22\x02\x08\x63"), "config.preset"),
    ],
)
def test_a_refusal_names_the_field_for_any_client(channel, request_, field):
    with pytest.raises(grpc.RpcError) as caught:
        pipeline_pb2_grpc.PipelineStub(channel).Run(request_, timeout=120)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    details = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    found = []
    for detail in status_pb2.Status.FromString(details).details:
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            found += [violation.field for violation in bad.field_violations]
    assert found == [field]
    assert isinstance(error_of_call(caught.value), InputError)


def test_an_input_that_is_not_in_the_store_is_not_found(channel):
    request = pipeline_pb2.RunRequest(source={"digest": "0" * 64})
    with pytest.raises(grpc.RpcError) as caught:
        pipeline_pb2_grpc.PipelineStub(channel).Run(request, timeout=120)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert error_of_call(caught.value).field == "source.digest"


def test_an_oversized_message_is_refused(channel):
    request = pipeline_pb2.RunRequest(prompt="x" * (5 << 20))
    with pytest.raises(grpc.RpcError) as caught:
        pipeline_pb2_grpc.PipelineStub(channel).Run(request, timeout=120)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


maybe = st.none() | st.text(max_size=60)


@given(st.sampled_from(all_errors()), st.text(max_size=60), maybe, maybe, maybe)
def test_every_error_survives_the_wire(kind, message, source, field, remedy):
    parts = {"source": source, "field": field, "remedy": remedy}
    error = kind(message, **parts)
    status = status_pb2.Status.FromString(status_of(error).SerializeToString())
    back = error_of(status)
    assert type(back) is kind
    assert (back.message, back.source, back.field, back.remedy) == (message, *parts.values())
    assert code_pb2.Code.Name(status.code) == kind.grpc_status


def test_the_page_on_the_api_lists_every_reason_under_its_code():
    page = (Path(__file__).parents[2] / "docs" / "grpc.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    for kind in all_errors():
        if kind.grpc_status != "INTERNAL":
            assert f"`{kind('x').reason}`" in rows[kind.grpc_status].partition("|")[2]


def test_a_full_disk_is_told_as_exhaustion_and_a_bug_as_an_incident():
    for error in (OSError(28, "no space"), MemoryError()):
        assert error_of(status_of(error)).reason == "EXHAUSTED"
    status = status_of(KeyError("secret"))
    assert status.code == code_pb2.INTERNAL
    assert b"secret" not in status.SerializeToString()
    assert type(error_of(status)) is Reel2SimError


def test_errors_of_other_servers_are_told_by_their_code():
    assert type(error_of(status_pb2.Status(code=code_pb2.UNAVAILABLE))) is UnavailableError
    assert type(error_of(status_pb2.Status(code=code_pb2.DATA_LOSS))) is Reel2SimError


def test_a_token_opens_all_and_its_absence_nothing_but_health(tmp_path, start_server):
    with start_server(tmp_path, token="correct horse") as address:
        for token in (None, "wrong", "correct horse "):
            with (
                Client(address, token=token, retry_s=0) as client,
                pytest.raises(UnauthenticatedError),
            ):
                client.info()
        with Client(address, token="correct horse") as client:
            assert client.info().kinds
            assert client.wait(client.start(prompt="steps 1 0").name).state == "SUCCEEDED"
        with grpc.insecure_channel(address) as channel:
            for method in UNARY:
                call = channel.unary_unary(method)
                assert code_of(lambda: call(b"", timeout=120) and ()) == (  # noqa: B023
                    grpc.StatusCode.UNAUTHENTICATED
                )
            for method in SERVER_STREAM:
                call = channel.unary_stream(method)
                assert code_of(lambda: call(b"", timeout=120)) == grpc.StatusCode.UNAUTHENTICATED  # noqa: B023
            for method in BOTH_STREAM:
                call = channel.stream_stream(method)
                code = code_of(lambda: call(iter([b""]), timeout=120))  # noqa: B023
                assert code == grpc.StatusCode.UNAUTHENTICATED
            check = health_pb2_grpc.HealthStub(channel).Check
            assert check(health_pb2.HealthCheckRequest(), timeout=120).status == 1


def test_tls_shuts_out_plain_text_and_mtls_clients_without_a_certificate(
    tmp_path, start_server, certificate
):
    cert, key = certificate("server")
    mine, my_key = certificate("client")
    tls = {"tls_cert": cert, "tls_key": key, "tls_client_ca": mine}
    with start_server(tmp_path / "data", **tls) as address:
        good = TlsFiles(ca=cert, cert=mine, key=my_key)
        with Client(address, tls=good, retry_s=5) as client:
            assert client.info().version
        for bad in (None, TlsFiles(ca=cert), TlsFiles(ca=mine, cert=mine, key=my_key)):
            with (
                Client(address, tls=bad, retry_s=0, timeout_s=5) as client,
                pytest.raises(UnavailableError),
            ):
                client.info()


def test_each_service_is_healthy_and_reflected(channel):
    names = {method.split("/")[1] for method in UNARY + SERVER_STREAM + BOTH_STREAM}
    check = health_pb2_grpc.HealthStub(channel).Check
    for name in ("", *names):
        answer = check(health_pb2.HealthCheckRequest(service=name), timeout=120)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as caught:
        check(health_pb2.HealthCheckRequest(service="unknown"), timeout=120)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    ask = reflection_pb2.ServerReflectionRequest(list_services="")
    reflect = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
    (answer,) = reflect(iter([ask]), timeout=120)
    assert names <= {service.name for service in answer.list_services_response.service}


def test_a_server_hosts_only_the_kinds_it_was_given(tmp_path, start_server):
    with (
        start_server(tmp_path, kinds=("generate",)) as address,
        grpc.insecure_channel(address) as channel,
        Client(address) as client,
    ):
        assert client.info().kinds == ("generate",)
        call = channel.unary_unary("/reel2sim.v1.Pipeline/Run")
        assert code_of(lambda: call(b"", timeout=120) and ()) == grpc.StatusCode.UNIMPLEMENTED


def test_waiting_returns_at_the_timeout_or_the_end(client, channel):
    name = client.start(prompt="steps 1000 0.05", request_id=uuid.uuid4().hex).name
    wait = operations_pb2_grpc.OperationsStub(channel).WaitOperation
    request = operations_pb2.WaitOperationRequest(name=name, timeout={"nanos": 200_000_000})
    assert not wait(request, timeout=120).done
    client.cancel(name)
    request = operations_pb2.WaitOperationRequest(name=name, timeout={"seconds": 100})
    done = wait(request, timeout=120)
    assert done.error.code == code_pb2.CANCELLED


def test_a_server_that_is_away_is_told_after_the_patience_of_the_client():
    with (
        Client("127.0.0.1:1", retry_s=0.3, timeout_s=2) as client,
        pytest.raises(UnavailableError),
    ):
        client.get("operations/" + "0" * 32)


def test_a_media_limit_keeps_its_class_through_the_client(tmp_path, start_server):
    blob = tmp_path / "blob"
    blob.write_bytes(b"12345")
    with (
        start_server(tmp_path / "data", max_artifact_bytes=4) as address,
        Client(address) as client,
        pytest.raises(MediaLimitError),
    ):
        client.upload(blob)
