"""Whichever kind of job made a stage's result, every other finds it, and a killed one goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from reel2sim.pipeline import Cache, run
from reel2sim.scene.digest import digest_file
from reel2sim.scene.progress import silent
from reel2sim.server.job import Job, JobResult
from reel2sim.server.jobs import run_with
from reel2sim.transport.choices import pipeline_config
from reel2sim.v1 import common_pb2, pipeline_pb2, reconstruction_pb2, rigging_pb2

from .conftest import Workshop


class Host:
    """Runs jobs as a worker does, one folder each and one cache for all."""

    def __init__(self, workshop: Workshop, folder: Path, source: Path) -> None:
        self.workshop, self.folder, self.source = workshop, folder, source
        self.count = 0

    def __call__(self, kind: str, **inputs: Path) -> JobResult:
        self.count += 1
        work = self.folder / str(self.count)
        for name in ("out", "scratch"):
            (work / name).mkdir(parents=True)
        config = common_pb2.JobConfig(seed=4)
        request = {
            "reconstruct": reconstruction_pb2.ReconstructRequest,
            "rig": rigging_pb2.RigRequest,
            "run": pipeline_pb2.RunRequest,
        }[kind](config=config)
        job = Job(
            f"operations/{self.count}",
            kind,
            request,
            inputs,
            work / "out",
            work / "scratch",
            self.folder / "cache",
        )
        return run_with(self.workshop.toolchain(), job, silent)

    def rig(self) -> Path:
        surfels = self("reconstruct", reel=self.source).output
        return self("rig", reel=self.source, surfels=surfels).output


@pytest.fixture
def host(workshop: Workshop, tmp_path: Path, source: Path) -> Host:
    return Host(workshop, tmp_path / "host", source)


ONCE = {"reconstruction": 1, "rigging": 1}


def worked(host: Host) -> dict[str, int]:
    return {name: count for name, count in host.workshop.calls.items() if name != "media"}


def test_a_job_asked_for_again_is_answered_from_the_cache(host: Host) -> None:
    first, again = host.rig(), host.rig()
    assert worked(host) == ONCE
    assert first != again
    assert digest_file(first) == digest_file(again)


@pytest.mark.parametrize("chain_first", [True, False])
def test_the_chain_and_its_stages_alone_share_results(host: Host, chain_first: bool) -> None:
    for whole in (chain_first, not chain_first):
        if whole:
            host("run", source=host.source)
        else:
            host.rig()
    assert worked(host) == ONCE


def test_the_library_and_the_service_share_results(host: Host, tmp_path: Path) -> None:
    config = pipeline_config(common_pb2.JobConfig(seed=4))
    cache = Cache(host.folder / "cache")
    tools = host.workshop.toolchain()
    run(host.source, tmp_path / "bundle", config=config, cache=cache, toolchain=tools)
    host.rig()
    assert worked(host) == ONCE
