"""One reconstruction in a process of its own: ``python -m reel2sim.cli.measure_child``.

Reads a JSON object on stdin: ``capture``, ``out`` (the ``.npz`` to write), ``preset``, ``seed``,
``device`` and ``overrides`` (fields of :class:`~reel2sim.reconstruction.ReconstructionConfig`).
Writes one JSON object a line on stdout: ``fraction`` and ``message`` as it goes, ``metrics`` in
the end. Errors go to stderr in one line, and to the exit code.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

_EVERY_S = 0.5


def main() -> int:
    """Answer the request on stdin; returns the exit code."""
    # Native libraries greet on stdout; only our lines may go there.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from reel2sim.scene.errors import Reel2SimError

    try:
        tell(answer, metrics=reconstruct(json.load(sys.stdin), answer))
    except Reel2SimError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def reconstruct(request: dict[str, Any], answer: TextIO) -> dict[str, float]:
    """Fit, save, and return the figures of the fit and its seconds, start-up not counted."""
    from reel2sim.cli.measure_variants import Variant
    from reel2sim.media import load_reel
    from reel2sim.reconstruction import reconstruct
    from reel2sim.scene.store import save_sequence

    spoke = 0.0

    def progress(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        nonlocal spoke
        now = time.monotonic()
        if now - spoke >= _EVERY_S:
            spoke = now
            tell(answer, fraction=fraction, message=message)

    config = Variant("request", request["overrides"]).config(request)
    reel = load_reel(Path(request["capture"]))
    began, worked = time.perf_counter(), time.process_time()
    sequence = reconstruct(reel, config=config, progress=progress)
    spent = {"fit_s": time.perf_counter() - began, "fit_cpu_s": time.process_time() - worked}
    save_sequence(Path(request["out"]), sequence)
    return {**sequence.metrics, **spent}


def tell(answer: TextIO, **record: Any) -> None:
    """Write one line."""
    answer.write(json.dumps(record) + "\n")
    answer.flush()


if __name__ == "__main__":
    sys.exit(main())
