"""The metrics that the documentation promises are those that are served."""

import re
from pathlib import Path

from reel2sim.observe.metrics import Metrics
from reel2sim.observe.snapshot import Load, Snapshot, Worker

DOCS = Path(__file__).parents[2] / "docs" / "observability.md"


def served():
    """Name (as scraped), type and labels of every metric of a server, but not of its process."""
    metrics = Metrics()
    worker = Worker(0, 1, "operations/1", 5)
    metrics.read_from(lambda: Snapshot([Load("run", 1, 2)], 3.0, [worker], 4, 5, 6, 7))
    found = {}
    for family in metrics.registry.collect():
        if family.name.startswith(("reel2sim", "grpc")):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = family.type
    return found


def test_the_documentation_lists_every_metric_and_no_other():
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", DOCS.read_text(), re.MULTILINE)
    assert dict(rows) == served()


def test_jobs_that_invent_stages_cannot_fill_the_memory():
    metrics = Metrics()
    for i in range(500):
        metrics.stage_ended("run", f"stage {i}", seconds=1.0, outcome="done", cached=True)
    (family,) = metrics.stage_seconds.collect()
    counts = [s.value for s in family.samples if s.name.endswith("_count")]
    assert sum(counts) == 500
    assert len(counts) <= 65
