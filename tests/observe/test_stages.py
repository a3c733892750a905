"""Progress becomes spans: balanced, in order, whatever a job reports."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.observe.stages import StageCost, StageWatch, tell_cost, watched
from reel2sim.pipeline.cache import Cache
from reel2sim.pipeline.config import PipelineConfig
from reel2sim.pipeline.runner import Runner
from reel2sim.pipeline.stages import Stage
from reel2sim.scene.errors import CancelledError
from reel2sim.scene.progress import silent

steps = st.lists(
    st.tuples(st.sampled_from(["media", "fit", "export"]), st.sampled_from([0.0, 0.5, 1.0])),
    max_size=12,
)


def watch_job(calls, error=None):
    """The reports of a job that makes these calls of progress and then, maybe, fails."""
    reports = []
    watch = StageWatch(lambda **report: reports.append(report))
    progress = watched(silent, watch)
    try:
        with watch.job(cancelled=CancelledError):
            for stage, fraction in calls:
                progress(stage, fraction)
            if error is not None:
                raise error
    except (CancelledError, ValueError):
        pass
    return reports


@settings(deadline=None)
@given(steps, st.sampled_from([None, ValueError("x"), CancelledError("x")]))
def test_spans_are_balanced_and_one_stage_follows_another(calls, error):
    reports = watch_job(calls, error)
    open_spans = []
    for report in reports:
        if report["type"] == "span":
            assert report["parent"] == ("worker" if open_spans else "")
            assert len(open_spans) < 2, "a stage within a stage"
            open_spans.append(report["id"])
        else:
            assert open_spans.pop() == report["id"]
    assert open_spans == []
    times = [report["time_ns"] for report in reports]
    assert times == sorted(times)
    names = [r["name"].removeprefix("stage ") for r in reports if r["type"] == "span"][1:]
    assert set(names) == {stage for stage, _ in calls}
    outcome = {None: "done", ValueError: "failed", CancelledError: "cancelled"}
    assert reports[-1]["outcome"] == outcome[type(error) if error else None]


def test_the_stage_in_which_a_job_fails_has_failed_and_those_before_are_done():
    reports = watch_job([("media", 0.0), ("media", 1.0), ("fit", 0.5)], ValueError("x"))
    ends = {r["stage"]: r["outcome"] for r in reports if "stage" in r}
    assert ends == {"media": "done", "fit": "failed"}


class TextStore:
    def save(self, path, value):
        path.write_text(value)

    def load(self, path):
        return path.read_text()


@pytest.mark.parametrize(("keep", "expected"), [(True, [False, True]), (False, [None, None])])
def test_the_pipeline_tells_what_its_cache_had(tmp_path, keep, expected):
    stage = Stage(
        name="fit",
        version=1,
        function=lambda value, config, progress: value.upper(),
        settings=lambda config: {},
        store=TextStore() if keep else None,
    )
    heard = []
    for _ in range(2):
        reports = []
        watch = StageWatch(lambda **report: reports.append(report))  # noqa: B023
        with watch.job(cancelled=CancelledError):
            runner = Runner(PipelineConfig(), watched(silent, watch), Cache(tmp_path))
            assert runner(stage, "a", "a")[0] == "A"
        (end,) = [r for r in reports if r.get("stage") == "fit"]
        heard.append(end["cached"])
        assert end["peak_memory_mb"] > 0
    assert heard == expected


def test_nobody_listens_outside_of_a_job():
    tell_cost(StageCost("fit", True, 1.0))
