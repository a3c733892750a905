"""Every check: its stable id, what fails it, and what to do then."""

from __future__ import annotations

from dataclasses import dataclass

from reel2sim.exporters.check.catalogue.agreement import AGREEMENT_CHECKS
from reel2sim.exporters.check.catalogue.bundle import BUNDLE_CHECKS
from reel2sim.exporters.check.catalogue.formats import FORMATS_CHECKS
from reel2sim.exporters.check.catalogue.robot import ROBOT_CHECKS
from reel2sim.exporters.check.catalogue.scene import SCENE_CHECKS
from reel2sim.exporters.check.catalogue.severity import Severity

__all__ = ["CHECKS", "Check", "Severity", "documentation"]


@dataclass(frozen=True)
class Check:
    """One promise.

    Attributes:
        id: stable name; numbers are never given twice.
        severity: how bad a failure is in a bundle.
        alone: how bad it is in a file by itself, which need not be ours; None if the check is
            about bundles only.
        what: what a failure means.
        remedy: what to do about it.
    """

    id: str
    severity: Severity
    alone: Severity | None
    what: str
    remedy: str


CHECKS: dict[str, Check] = {
    row[0]: Check(*row)
    for row in (*BUNDLE_CHECKS, *ROBOT_CHECKS, *AGREEMENT_CHECKS, *FORMATS_CHECKS, *SCENE_CHECKS)
}
"""All checks by id, in the order of the documentation."""

_HEAD = """\
# What `reel2sim check` checks

`reel2sim check BUNDLE` (in Python: `reel2sim.exporters.check.check_bundle`) reads a bundle with
other libraries than wrote it and compares what they understood. It exits with 1 if there is an
error. Kinematics are compared at 100 random states within the limits and at every time of
`motion.json`; they may differ by 1e-5 (metres, and entries of rotation matrices). Of a scene, the
bundle of each asset is checked, and then whether the files of the whole scene agree with them.

`reel2sim check FILE` (`check_file`) looks at one `.urdf`, `.xml` (MJCF), `.usd`, `.usda`, `.usdc`,
`.usdz`, `.glb`, `.gltf` or `.ply` that need not be ours. Nothing is compared with other formats,
and what only a bundle promises is left out or is news: the column *alone* has the severity then.
Meshes and layers are read from the file's folder and from those given with `--roots`.

In a test of yours:

```python
from reel2sim.exporters.check import assert_sound


def test_my_robot():
    assert_sound("robot.urdf")  # or a bundle; an AssertionError lists every error and its remedy
```

The table is `reel2sim.exporters.check.documentation()`; a test compares the two.
`python benchmarks/mutations.py` seeds faults and shows which check finds each.

| id | severity | alone | what | remedy |
|---|---|---|---|---|
"""


def documentation() -> str:
    """The content of ``docs/check.md``."""
    rows = (
        f"| {c.id} | {c.severity} | {c.alone or '–'} | {c.what} | {c.remedy} |"
        for c in CHECKS.values()
    )
    return _HEAD + "\n".join(rows) + "\n"
