"""The loop that tries until it is done: what is repeated, what is not, and who is asked."""

import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.pipeline import PipelineConfig
from reel2sim.remote import Servers, stages_from_options
from reel2sim.remote.board import Board
from reel2sim.remote.breaker import BreakerPolicy
from reel2sim.remote.call import Call, UnfitError
from reel2sim.remote.config import RemoteStages, read_stages, write_stages
from reel2sim.remote.policy import RetryPolicy, may_pass
from reel2sim.scene.errors import (
    CancelledError,
    ExhaustedError,
    Reel2SimError,
    StageError,
    UnavailableError,
    UsageError,
    all_errors,
)
from reel2sim.scene.progress import silent
from reel2sim.transport.choices import job_config, pipeline_config

QUICK = RetryPolicy(
    first_pause_s=0.001,
    longest_pause_s=0.002,
    breaker=BreakerPolicy(threshold=2, rest_s=0.01, longest_rest_s=0.01),
)


class Script:
    """Attempts that end as they are told to, in turn."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.asked = []
        self.left = 0

    def attempt(self, address, course):
        self.asked.append(address)
        outcome = self.outcomes.pop(0)
        if callable(outcome):
            return outcome(course)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def leave(self):
        self.left += 1


def call(script, *addresses, policy=QUICK):
    return Call(
        "rigging",
        addresses or ("a:1",),
        script.attempt,
        script.leave,
        lambda: None,
        policy,
        Board(policy.breaker),
    )


CODES_NEVER_REPEATED = {"INVALID_ARGUMENT", "FAILED_PRECONDITION", "UNAUTHENTICATED", "INTERNAL"}
CODES_REPEATED = {"UNAVAILABLE", "RESOURCE_EXHAUSTED"}


@pytest.mark.parametrize("kind", all_errors())
def test_what_may_pass_is_tried_again_and_nothing_else(kind):
    script = Script(kind("no"), kind("no"), "done")
    if may_pass(kind("")):
        assert kind.grpc_status not in CODES_NEVER_REPEATED
        assert call(script)(silent) == "done"
    else:
        assert kind.grpc_status not in CODES_REPEATED
        with pytest.raises(kind):
            call(script)(silent)
        assert script.asked == ["a:1"]
    assert script.left == 1


def test_servers_are_asked_in_turn_until_one_is_of_use():
    away = UnavailableError("away")
    script = Script(away, ExhaustedError("full"), UnfitError("has no cuda"), away, "done")
    assert call(script, "a:1", "b:1", "c:1")(silent) == "done"
    assert script.asked == ["a:1", "b:1", "c:1", "a:1", "b:1"]


def test_where_a_stage_has_begun_is_waited_for_before_another_is_asked():
    def begun(course):
        course.home = "a:1"
        raise UnavailableError("broke off")

    away = UnavailableError("away")
    script = Script(begun, away, away, "done")
    assert call(script, "a:1", "b:1")(silent) == "done"
    assert set(script.asked) == {"a:1"}
    impatient = RetryPolicy(
        first_pause_s=0.001, longest_pause_s=0.002, home_s=1e-4, breaker=QUICK.breaker
    )
    script = Script(begun, away, away, "done")
    assert call(script, "a:1", "b:1", policy=impatient)(silent) == "done"
    assert "b:1" in script.asked


def test_operations_that_end_badly_are_begun_anew_only_so_often():
    def ended(course):
        course.ended += 1
        raise ExhaustedError("out of memory")

    script = Script(*[ended] * 9)
    with pytest.raises(ExhaustedError, match="out of memory"):
        call(script)(silent)
    assert len(script.asked) == QUICK.attempts


def test_whoever_no_longer_waits_is_heard_while_an_attempt_blocks():
    blocked = threading.Event()

    def block(course):
        blocked.set()
        assert course.stop.wait(240)
        raise UnavailableError("hung up")

    def progress(stage, fraction, message="", **metrics):
        if blocked.is_set():
            raise CancelledError("enough")

    script = Script(block)
    with pytest.raises(CancelledError, match="enough"):
        call(script)(progress)
    assert script.left == 1


def test_a_deadline_and_the_end_of_patience_tell_the_state_of_each_server():
    late = RetryPolicy(deadline_s=0.1, breaker=QUICK.breaker)
    script = Script(lambda course: course.stop.wait(240))
    with pytest.raises(StageError, match=r"longer than 0\.1 s"):
        call(script, policy=late)(silent)
    short = RetryPolicy(patience_s=0.05, first_pause_s=0.001, longest_pause_s=0.01,
                        breaker=BreakerPolicy(threshold=1, rest_s=9.0))  # fmt: skip
    away = UnavailableError("connection refused")
    with pytest.raises(UnavailableError) as caught:
        call(Script(*[away] * 99), "a:1", "b:1", policy=short)(silent)
    for part in ("a:1 open for", "b:1 open for", "(connection refused)"):
        assert part in caught.value.message


@given(st.integers(1, 10_000), st.floats(1e-3, 10.0), st.floats(1e-3, 100.0), st.integers())
def test_pauses_grow_up_to_their_cap_and_never_by_much_less_than_told(failures, first, cap, seed):
    policy = RetryPolicy(first_pause_s=first, longest_pause_s=cap)
    pause = policy.pause_s(failures, random.Random(seed))
    whole = min(first * 2.0 ** min(failures - 1, 60), cap)
    assert whole / 2 <= pause <= whole


addresses = st.lists(st.integers(1, 65535), min_size=2, max_size=8, unique=True).map(
    lambda ports: tuple(f"host:{port}" for port in ports)
)


@settings(max_examples=30)
@given(addresses, st.text(max_size=20), st.data())
def test_one_server_more_or_less_leaves_the_order_of_the_others(names, content, data):
    order = Servers("rig", names).order(content)
    assert sorted(order) == sorted(names)
    gone = data.draw(st.sampled_from(names))
    fewer = tuple(name for name in names if name != gone)
    assert Servers("rig", fewer).order(content) == tuple(x for x in order if x != gone)


def test_contents_spread_over_servers():
    servers = Servers("rig", ("a:1", "b:1", "c:1"))
    first = [servers.order(str(i))[0] for i in range(300)]
    assert all(first.count(name) > 50 for name in servers.addresses)


@pytest.mark.parametrize(
    "options", [["rig"], ["fold=a:1"], ["rig="], ["rig=a"], ["rig=a:1", "rig=b:1"], ["rig=a:99999"]]
)
def test_what_is_wrong_with_an_option_is_told(options):
    with pytest.raises(UsageError) as caught:
        stages_from_options(options)
    assert caught.value.field == "--stage"


def test_workers_read_what_the_server_was_told_and_no_secret(tmp_path):
    from reel2sim.client import TlsFiles

    token = tmp_path / "token"
    token.write_text("correct horse")
    tls = TlsFiles(ca=tmp_path / "ca", cert=tmp_path / "cert", key=tmp_path / "key")
    told = stages_from_options(["rig=a:1,b:2", "reconstruct=c:3"], token_file=token, tls=tls,
                               deadline_s=60.0)  # fmt: skip
    write_stages(tmp_path, told)
    assert read_stages(tmp_path / "stages.json") == told
    assert "horse" not in (tmp_path / "stages.json").read_text()
    write_stages(tmp_path, None)
    assert read_stages(tmp_path / "stages.json") is None
    with pytest.raises(Reel2SimError):
        RemoteStages(token_file=tmp_path / "none").token()


configs = st.builds(
    PipelineConfig,
    preset=st.sampled_from(["draft", "standard", "high"]),
    seed=st.integers(0, 2**32 - 1),
    device=st.sampled_from(["auto", "cpu", "cuda"]),
    name=st.sampled_from(["", "a_door"]),
    material=st.sampled_from(["", "wood"]),
    density=st.none() | st.floats(1.0, 1e4),
    max_size=st.none() | st.integers(16, 16384),
)


@settings(max_examples=50)
@given(configs)
def test_choices_survive_the_wire(config):
    assert pipeline_config(job_config(config)) == config
