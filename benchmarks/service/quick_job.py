"""What the benchmarks' workers run: ``steps N SECONDS`` takes that long, all else no time."""

import time

from reel2sim.server.job import Job, JobResult


def run(job: Job, progress) -> JobResult:
    with (job.cache / "runs.log").open("a") as log:
        log.write(f"{job.operation}\n")
    words = getattr(job.request, "prompt", "").split()
    if words[:1] == ["steps"]:
        for i in range(int(words[1])):
            progress("steps", i / int(words[1]))
            time.sleep(float(words[2]))
    (job.out / "answer.txt").write_text(job.operation)
    return JobResult(job.out / "answer.txt")
