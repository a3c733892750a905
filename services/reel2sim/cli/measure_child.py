"""One piece of a bench in a process of its own: ``python -m reel2sim.cli.measure_child``.

Reads a JSON object on stdin: ``task`` (``reconstruct``, ``rig``, ``tracks`` or ``clip``), ``out``
(the ``.npz`` to write), ``preset``, ``seed``, ``device``; ``capture`` and ``overrides`` (fields of
the configuration of the stage that is measured), for a rig ``surfels`` (a stored reconstruction,
or null) and for tracks ``noise`` (diagonals); or for a clip ``source`` (a video) and ``shown``
(the ``.npz`` to write a few of its frames to, with their cameras). Writes one JSON object a line
on stdout: ``fraction`` and ``message`` as it goes, ``metrics`` in the end. Errors go to stderr in
one line, and to the exit code.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from reel2sim.scene.progress import Progress

_EVERY_S = 0.5
_SHOWN = 8


def main() -> int:
    """Answer the request on stdin; returns the exit code."""
    # Native libraries greet on stdout; only our lines may go there.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from reel2sim.scene.errors import Reel2SimError

    try:
        request = json.load(sys.stdin)
        work = {"reconstruct": reconstruct, "rig": rig, "tracks": tracks, "clip": clip}
        tell(answer, metrics=work[request["task"]](request, _reporter(answer)))
    except Reel2SimError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def reconstruct(request: dict[str, Any], progress: Progress) -> dict[str, float]:
    """Fit, save, and return the figures of the fit and its seconds, start-up not counted."""
    from reel2sim.cli.measure_variants import Variant
    from reel2sim.media import load_reel
    from reel2sim.reconstruction import reconstruct
    from reel2sim.scene.store import save_sequence

    config = Variant("request", request["overrides"]).config(request)
    reel = load_reel(Path(request["capture"]))
    began, worked = time.perf_counter(), time.process_time()
    sequence = reconstruct(reel, config=config, progress=progress)
    spent = {"fit_s": time.perf_counter() - began, "fit_cpu_s": time.process_time() - worked}
    save_sequence(Path(request["out"]), sequence)
    return {**sequence.metrics, **spent}


def rig(request: dict[str, Any], progress: Progress) -> dict[str, float]:
    """Take in, reconstruct or load, rig, save; return figures and the seconds of each stage."""
    from reel2sim.cli.measure_variants import PLAIN, Variant
    from reel2sim.media import load_reel
    from reel2sim.reconstruction import reconstruct
    from reel2sim.rigging import rig
    from reel2sim.scene.progress import subrange
    from reel2sim.scene.store import load_sequence, save_asset

    config = Variant("request", request["overrides"], "rigging").config(request)
    spent: dict[str, float] = {}
    began = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal began
        now = time.perf_counter()
        spent[name], began = now - began, now

    reel = load_reel(Path(request["capture"]))
    lap("media_s")
    if request["surfels"] is not None:
        sequence = load_sequence(Path(request["surfels"]))
    else:
        plain = PLAIN.config(request)
        sequence = reconstruct(reel, config=plain, progress=subrange(progress, 0.0, 0.7))
    lap("reconstruct_s")
    rest = progress if request["surfels"] is not None else subrange(progress, 0.7, 1.0)
    asset = rig(reel, sequence, config=config, progress=rest)
    lap("rig_s")
    save_asset(Path(request["out"]), asset)
    return {**asset.metrics, **spent}


def tracks(request: dict[str, Any], progress: Progress) -> dict[str, float]:
    """Rig true points with noise, save, and return the noise found and the seconds."""
    from reel2sim.cli.measure_tracks import bare_asset, noisy_tracks
    from reel2sim.generation.truth import load_truth
    from reel2sim.rigging.tracks import articulate_tracks
    from reel2sim.scene.store import save_asset

    capture = Path(request["capture"])
    followed = noisy_tracks(load_truth(capture), noise=request["noise"], seed=request["seed"])
    began = time.perf_counter()
    found = articulate_tracks(followed, seed=request["seed"], progress=progress)
    spent = {"rig_s": time.perf_counter() - began}
    save_asset(Path(request["out"]), bare_asset(found.articulation, followed, name="tracks"))
    return {"noise_found": found.sigma / followed.diagonal, **spent}


def clip(request: dict[str, Any], progress: Progress) -> dict[str, float]:
    """Make a rig of a clip as the pipeline does; return figures and what each stage took."""
    from dataclasses import replace

    from reel2sim.pipeline import PipelineConfig
    from reel2sim.pipeline.preview import preview_frames
    from reel2sim.pipeline.runner import Runner
    from reel2sim.pipeline.stages import posed_reel
    from reel2sim.pipeline.stores import ValueStore
    from reel2sim.pipeline.toolchain import standard_toolchain
    from reel2sim.scene.progress import subrange
    from reel2sim.scene.reel import Reel
    from reel2sim.scene.store import save_asset

    shares = {"media": (0.0, 0.05), "reconstruction": (0.05, 0.8), "rigging": (0.8, 1.0)}

    def overall(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        subrange(progress, *shares[stage])(stage, fraction, message, **metrics)

    tools = standard_toolchain()
    chosen = {key: request[key] for key in ("preset", "seed", "device")}
    runner = Runner(PipelineConfig(**chosen), overall)
    reel, _ = runner(tools.media, Path(request["source"]))
    found, _ = runner(tools.reconstruction, reel)
    asset, _ = runner(tools.rigging, (reel, found))
    save_asset(Path(request["out"]), asset)
    posed = posed_reel(reel, found)
    shown = replace(posed, frames=preview_frames(posed, most=_SHOWN))
    ValueStore(Reel).save(Path(request["shown"]), shown)
    seconds = {f"{stage.name}_s": stage.seconds for stage in runner.done}
    memory = {f"{stage.name}_peak_mb": stage.peak_memory_mb for stage in runner.done}
    return {**asset.metrics, **seconds, **memory}


def _reporter(answer: TextIO) -> Progress:
    """Progress as lines on ``answer``, not too many of them."""
    spoke = 0.0

    def progress(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        nonlocal spoke
        now = time.monotonic()
        if now - spoke >= _EVERY_S:
            spoke = now
            tell(answer, fraction=fraction, message=message)

    return progress


def tell(answer: TextIO, **record: Any) -> None:
    """Write one line."""
    answer.write(json.dumps(record) + "\n")
    answer.flush()


if __name__ == "__main__":
    sys.exit(main())
