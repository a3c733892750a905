"""The schedule's laws: every job ends once, tries are counted, no more runs than there is room."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.batch import BatchJob, Made, Step
from reel2sim.batch.attempt import Job, Outcome
from reel2sim.batch.schedule import Patience, Schedule

KINDS = {
    "good": Outcome(made=Made(joints=1), seconds=1.0),
    "passing": Outcome(made=None, reason="UNAVAILABLE", retryable=True),
    "hopeless": Outcome(made=None, reason="INPUT"),
    "lost": Outcome(made=None, reason="MACHINE_LOST", retryable=True, lost=True),
}


def never(job: Job, bundle: Path, scratch: Path) -> Made:
    raise AssertionError("the schedule does not run work itself")


@dataclass
class Fake:
    """Ends attempts as each job's script says, well once it is out; time passes by waiting."""

    scripts: dict[str, list[str]]
    room_for: int
    now: float = 0.0
    most: int = 0
    tries: list[tuple[float, str, int]] = field(default_factory=list)
    flying: list[tuple[int, str, int]] = field(default_factory=list)

    def room(self, step: int) -> bool:
        return len(self.flying) < self.room_for

    def start(self, step: int, job: Job) -> Hashable:
        key = len(self.tries)
        self.tries.append((self.now, job.id, step))
        self.flying.append((key, job.id, step))
        self.most = max(self.most, len(self.flying))
        return key

    def wait(self, seconds: float) -> Sequence[tuple[Hashable, Outcome]]:
        if not self.flying:
            self.now += seconds
            return []
        key, name, _ = self.flying.pop(0)
        self.now += 0.01
        script = self.scripts[name]
        return [(key, KINDS[script.pop(0) if script else "good"])]


@settings(max_examples=100, deadline=None)
@given(
    scripts=st.lists(st.lists(st.sampled_from(sorted(KINDS)), max_size=8), max_size=6),
    room=st.integers(1, 4),
    steps=st.integers(1, 3),
    retries=st.integers(0, 3),
    losses=st.integers(0, 3),
)
def test_every_job_ends_once_within_its_tries(
    scripts: list[list[str]], room: int, steps: int, retries: int, losses: int
) -> None:
    jobs = [BatchJob(id=f"job{i}", prompt="x") for i in range(len(scripts))]
    told = {job.id: list(script) for job, script in zip(jobs, scripts, strict=True)}
    fake = Fake({name: list(script) for name, script in told.items()}, room)
    patience = Patience(retries=retries, losses=losses, backoff_s=0.5)
    plan = [Step(name=f"step{i}", work=never) for i in range(steps)]
    schedule = Schedule(fake, plan, patience, clock=lambda: fake.now)
    ends = list(schedule.run(jobs))
    assert sorted(end.job.id for end in ends) == sorted(told)
    assert fake.most <= room
    for end in ends:
        mine = [(now, step) for now, name, step in fake.tries if name == end.job.id]
        used = (told[end.job.id] + ["good"] * len(mine))[: len(mine)]
        failed, lost = used.count("passing"), used.count("lost")
        assert end.attempts == sum(step == 0 for _, step in mine)
        assert failed <= retries + 1
        assert lost <= losses + 1
        assert used.count("hopeless") <= 1
        if end.outcome.made is not None:
            assert [step for _, step in mine[-steps:]] == list(range(steps))
            assert (failed <= retries, lost <= losses) == (True, True)
            assert end.outcome.seconds == steps
        # Each failure waits at least as long as the schedule says.
        misses = 0
        for (before, _), (after, _), kind in zip(mine, mine[1:], used, strict=False):
            if kind in ("passing", "lost"):
                misses += 1
                assert after - before >= patience.pause_s(misses)


def test_begun_jobs_go_before_new_ones() -> None:
    jobs = [BatchJob(id=f"job{i}", prompt="x") for i in range(5)]
    fake = Fake({job.id: [] for job in jobs}, 1)
    plan = [Step(name="first", work=never), Step(name="second", work=never)]
    list(Schedule(fake, plan, clock=lambda: fake.now).run(jobs))
    assert [(name, step) for _, name, step in fake.tries] == [
        (job.id, step) for job in jobs for step in (0, 1)
    ]
