"""Writes crate files anew; started as a script by ``crates``.

A process of its own, because USD's crate reader may crash, or ask for all memory, on bytes that
are not what they say. What comes out was written by USD itself, and is safe to open.

For every line ``source<TAB>target`` on standard input it answers one line: ``ok`` or ``error``.
"""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import os
import sys

from pxr import Sdf

_MEMORY = 8 * 2**30


def main() -> None:
    """Answer requests until there are no more."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # no such limits here
        pass
    print("ready", file=answer, flush=True)
    for line in sys.stdin:
        source, target = line.rstrip("\n").split("\t")
        print("ok" if _written(source, target) else "error", file=answer, flush=True)


def _written(source: str, target: str) -> bool:
    try:
        layer = Sdf.Layer.OpenAsAnonymous(source)
        return layer is not None and bool(layer.Export(target))
    except Exception:  # USD's own errors, and memory that is not there
        return False


if __name__ == "__main__":
    main()
