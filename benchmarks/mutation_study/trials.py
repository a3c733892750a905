"""One fault in one bundle, and whether the checker names it."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reel2sim.exporters.check import check_bundle
from reel2sim.exporters.check.quiet import quiet
from tests.exporters.faults import Fault, Inapplicable


@dataclass(frozen=True)
class Trial:
    """What became of a fault.

    Attributes:
        bundle: name of the bundle it was put into.
        seed: of the generator that picked its place.
        missed: checks that should have found it and did not.
        also: other checks that found something.
    """

    bundle: str
    seed: int
    missed: tuple[str, ...]
    also: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """All trials of one fault; none if no bundle could have it, which counts as missed."""

    fault: Fault
    trials: tuple[Trial, ...]

    @property
    def caught(self) -> bool:
        """Whether each of its checks found it in every trial."""
        return bool(self.trials) and not any(trial.missed for trial in self.trials)

    def to_json(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "format": self.fault.format,
            "fault": self.fault.name,
            "seen": self.fault.seen,
            "ids": list(self.fault.ids),
            "caught": self.caught,
            "trials": [vars(trial) for trial in self.trials],
        }


def judged(
    fault: Fault, bundles: Mapping[str, Path], folder: Path, *, trials: int, seed: int
) -> Verdict:
    """Put ``fault`` into up to ``trials`` bundles, another first for each fault.

    Args:
        fault: the fault.
        bundles: good bundles by name.
        folder: for spoilt copies; it is left empty.
        trials: most bundles to put it into.
        seed: of the places it is put at.
    """
    rng = np.random.default_rng([seed, zlib.crc32(f"{fault.format} {fault.name}".encode())])
    names = [str(name) for name in rng.permutation(list(bundles))]
    done: list[Trial] = []
    for name in names:
        if len(done) == trials:
            break
        place = int(rng.integers(1_000_000))
        spoilt = folder / f"{name}_{place}"
        shutil.copytree(bundles[name], spoilt)
        try:
            with quiet():
                fault.into(spoilt, np.random.default_rng(place))
            found = {finding.id for finding in check_bundle(spoilt).findings}
            missed = tuple(i for i in fault.ids if i not in found)
            done.append(Trial(name, place, missed, tuple(sorted(found - set(fault.ids)))))
        except Inapplicable:
            pass
        finally:
            shutil.rmtree(spoilt)
    return Verdict(fault, tuple(done))


def all_judged(
    faults: Sequence[Fault],
    bundles: Mapping[str, Path],
    folder: Path,
    *,
    trials: int,
    seed: int,
    tell: Callable[[Verdict], None],
) -> list[Verdict]:
    """Judge all faults; ``tell`` hears of each."""
    found: list[Verdict] = []
    for fault in faults:
        found.append(judged(fault, bundles, folder, trials=trials, seed=seed))
        tell(found[-1])
    return found
