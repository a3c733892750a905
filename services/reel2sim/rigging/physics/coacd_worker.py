"""Runs CoACD on a mesh read from standard input; started as a script by ``collision``.

It imports nothing of the project, so that it starts quickly and a crash stays here. Both ends of
the pipe are ``.npz`` archives: ``vertices, faces, threshold, max_pieces, seed,
limit_s`` in, and
``points`` of all pieces with their ``counts`` out.
"""

from __future__ import annotations

import io
import os
import resource
import sys

import coacd
import numpy as np


def main() -> None:
    """Decompose one mesh; the pieces go to standard output."""
    # The library prints to file descriptor 1: keep the real one aside for the answer.
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    coacd.set_log_level("error")
    with np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False) as asked:
        # Processor time, not the clock: a busy machine must not change the answer.
        limit = int(asked["limit_s"])
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        parts = coacd.run_coacd(
            coacd.Mesh(asked["vertices"], asked["faces"]),
            threshold=float(asked["threshold"]),
            max_convex_hull=int(asked["max_pieces"]),
            preprocess_mode="off",
            resolution=600,
            mcts_nodes=10,
            mcts_iterations=40,
            mcts_max_depth=2,
            merge=True,
            seed=int(asked["seed"]),
        )
    corners = [np.asarray(part[0], np.float64) for part in parts]
    held = io.BytesIO()
    np.savez(held, points=np.concatenate(corners), counts=[len(each) for each in corners])
    answer.write(held.getvalue())
    answer.close()


if __name__ == "__main__":
    main()
