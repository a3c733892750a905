"""Writes crate files anew; started as a script by ``crates``.

A process of its own, because USD's crate reader may crash, or ask for all memory, on bytes that
are not what they say. What comes out was written by USD itself. It is opened once more, because
children that are listed and not there are kept in writing, and end a process that looks for them.

For every line ``source<TAB>target`` on standard input it answers one line: ``ok`` or ``error``.
"""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import os
import sys

from pxr import Sdf, Usd, UsdUtils

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
        if layer is None or not layer.Export(target):
            return False
        _walk(target)
    except Exception:  # USD's own errors, and memory that is not there
        return False
    return True


def _walk(path: str) -> None:
    """Look at all that ``path`` holds as its reader will; other files that it names are not."""
    layer = Sdf.Layer.OpenAsAnonymous(path)
    list(layer.subLayerOffsets)
    layer.GetCompositionAssetDependencies()
    UsdUtils.ModifyAssetPaths(layer, lambda name: "")
    stage = Usd.Stage.Open(layer)
    for prim in stage.TraverseAll():
        for relationship in prim.GetRelationships():
            relationship.GetTargets()
        for attribute in prim.GetAttributes():
            attribute.GetTypeName()
            attribute.GetNumTimeSamples()


if __name__ == "__main__":
    main()
