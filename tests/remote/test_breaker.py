"""The circuit breaker's rules, over any history of calls."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reel2sim.remote.breaker import Breaker, BreakerPolicy


def seconds(least, most):
    """Multiples of a quarter, whose sums are exact."""
    return st.integers(4 * least, 4 * most).map(lambda quarters: quarters / 4)


policies = st.builds(
    BreakerPolicy,
    threshold=st.integers(1, 5),
    rest_s=seconds(1, 10),
    longest_rest_s=seconds(10, 40),
)


class Calls(RuleBasedStateMachine):
    """Calls that begin and end in any order, beside what the rules say in plain words."""

    @initialize(policy=policies)
    def begin(self, policy):
        self.policy, self.breaker = policy, Breaker(policy)
        self.now, self.in_a_row, self.flying = 0.0, 0, 0

    @rule(pause=seconds(0, 60))
    def wait(self, pause):
        self.now += pause

    @rule()
    def ask(self):
        admitted = self.breaker.admitted(self.now)
        state = self.breaker.state(self.now)
        if state == "closed":
            assert admitted == self.breaker
        if state == "open":
            assert admitted is None
        assert (admitted is None) == (self.breaker.wait_s(self.now) > 0.0)
        if admitted is not None:
            self.flying += 1
            if state == "half-open":
                # One probe at a time: nobody else gets in at this moment.
                assert admitted.admitted(self.now) is None
            self.breaker = admitted

    @precondition(lambda self: self.flying)
    @rule()
    def succeed(self):
        self.flying -= 1
        self.breaker = self.breaker.succeeded()
        self.in_a_row = 0
        assert self.breaker == Breaker(self.policy)

    @precondition(lambda self: self.flying)
    @rule()
    def fail(self):
        self.flying -= 1
        was, rest = self.breaker.state(self.now), self.breaker.rest_s
        self.breaker = self.breaker.failed(self.now)
        self.in_a_row += 1
        if was == "closed" and self.in_a_row >= self.policy.threshold:
            assert self.breaker.state(self.now) == "open"
            assert self.breaker.rest_s == min(self.policy.rest_s, self.policy.longest_rest_s)
        if was == "half-open":
            assert self.breaker.state(self.now) == "open"
            assert self.breaker.rest_s == min(2 * rest, self.policy.longest_rest_s)

    @invariant()
    def it_is_closed_below_the_threshold_and_only_there(self):
        if hasattr(self, "breaker"):
            closed = self.breaker.state(self.now) == "closed"
            assert closed == (self.in_a_row < self.policy.threshold)

    @invariant()
    def it_never_shuts_for_longer_than_its_longest_rest(self):
        if hasattr(self, "breaker"):
            assert self.breaker.wait_s(self.now) <= self.policy.longest_rest_s
            later = self.now + self.policy.longest_rest_s
            assert self.breaker.admitted(later) is not None


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=50)


@settings(max_examples=50)
@given(policies, seconds(0, 100))
def test_a_probe_that_never_tells_blocks_for_one_rest_only(policy, now):
    breaker = Breaker(policy)
    for _ in range(policy.threshold):
        breaker = breaker.failed(now)
    probed = now + breaker.rest_s
    probing = breaker.admitted(probed)
    assert probing is not None
    assert probing.wait_s(probed) == probing.rest_s
    assert probing.admitted(probed + probing.rest_s) is not None
