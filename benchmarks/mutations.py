"""Whether `reel2sim check` finds what is wrong, and is silent where nothing is.

Seeds faults into copies of good bundles, each at random places in several of them: a drawer, a
chain of hinges, a free base, one joint that follows another, a skin, and robots of other people.
A fault is caught if every check that should find it does; an edited file's digest does not count.
Then looks at files of other tools by themselves: an error in what the format's own loader takes
without a word is a false alarm.

Exits with 1 if a fault is missed, a good bundle has a finding, or there is a false alarm.

Example::

    REEL2SIM_DATA=… python benchmarks/mutations.py --trials 3
    python benchmarks/mutations.py --format USD PLY --json
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

# Faults and assets are those of the tests.
sys.path.insert(0, str(Path(__file__).parents[1]))

from mutation_study.bundles import good_bundles
from mutation_study.foreign import Foreign, foreign_files
from mutation_study.trials import Verdict, all_judged
from rich.console import Console
from rich.table import Table

from reel2sim.exporters.check import check_bundle
from tests.exporters.faults import FAULTS


@dataclass(frozen=True)
class Options:
    """What to do.

    Attributes:
        format: seed the faults of these alone.
        trials: bundles that each fault is put into.
        seed: of bundles and places.
        json: print JSON instead of tables.
        report: also write the JSON to this file.
    """

    format: tuple[str, ...] = ()
    trials: int = 3
    seed: int = 0
    json: bool = False
    report: Path | None = None


def _fault_tables(verdicts: Sequence[Verdict]) -> list[Table]:
    rows = Table("format", "fault", "what a user sees", "caught by", "trials", "also found")
    sums = Table("format", "faults", "caught", "missed", "trials")
    counts: Counter[tuple[str, str]] = Counter()
    for verdict in verdicts:
        fault = verdict.fault
        missed = sorted({i for trial in verdict.trials for i in trial.missed})
        told = "no bundle has it" if not verdict.trials else ", ".join(missed)
        also = sorted({i for trial in verdict.trials for i in trial.also})
        caught = ", ".join(fault.ids) if verdict.caught else f"MISSED: {told}"
        shown = ", ".join(also[:6]) + (" …" if len(also) > 6 else "")
        count = str(len(verdict.trials))
        rows.add_row(fault.format, fault.name, fault.seen, caught, count, shown)
        counts[fault.format, "faults"] += 1
        counts[fault.format, "caught"] += verdict.caught
        counts[fault.format, "trials"] += len(verdict.trials)
    for kind in dict.fromkeys(v.fault.format for v in verdicts):
        n, caught, trials = (counts[kind, key] for key in ("faults", "caught", "trials"))
        sums.add_row(kind, str(n), str(caught), str(n - caught), str(trials))
    caught = sum(v.caught for v in verdicts)
    trials = sum(len(v.trials) for v in verdicts)
    total = len(verdicts)
    sums.add_row("all", str(total), str(caught), str(total - caught), str(trials))
    return [rows, sums]


def _foreign_tables(found: Sequence[Foreign]) -> list[Table]:
    sums = Table("third-party files", "files", "with errors", "false alarms", "with warnings")
    for name in dict.fromkeys(each.set for each in found):
        own = [each for each in found if each.set == name]
        figures = (
            len(own),
            sum(bool(each.errors) for each in own),
            sum(each.false_alarm for each in own),
            sum(bool(each.warnings) for each in own),
        )
        sums.add_row(name, *map(str, figures))
    said = Table("what is wrong there", "severity", "files", "such as")
    groups: dict[tuple[str, str], list[tuple[Foreign, str]]] = {}
    for each in found:
        for severity, texts in (("error", each.errors), ("warning", each.warnings)):
            for text in texts:
                groups.setdefault((text.split()[0], severity), []).append((each, text))
    for (check, severity), entries in sorted(groups.items(), key=lambda item: item[0][1]):
        files = len({each.path for each, _ in entries})
        said.add_row(check, severity, str(files), entries[0][1].partition(" ")[2][:150])
    return [sums, said]


def main(options: Options) -> int:
    """Seed, check, show; 1 if the checker failed anywhere."""
    data = os.environ.get("REEL2SIM_DATA")
    console = Console(width=190, stderr=options.json)
    wanted = {kind.lower() for kind in options.format}
    faults = [f for f in FAULTS if not wanted or f.format.lower() in wanted]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        bundles = dict(good_bundles(Path(folder), None if data is None else Path(data)))
        alarms = {
            name: [f"{f.id} {f.where}: {f.message}" for f in check_bundle(path).findings]
            for name, path in bundles.items()
        }
        spoilt = Path(folder) / "spoilt"
        spoilt.mkdir()

        def tell(verdict: Verdict) -> None:
            count = FAULTS.index(verdict.fault) + 1
            console.print(f"{count}/{len(FAULTS)} {verdict.fault.name}", end="\r", highlight=False)

        verdicts = all_judged(
            faults, bundles, spoilt, trials=options.trials, seed=options.seed, tell=tell
        )
    foreign = [] if data is None or wanted else list(foreign_files(Path(data)))
    record = {
        "good_bundles": alarms,
        "faults": [verdict.to_json() for verdict in verdicts],
        "foreign": [
            {"file": str(x.path), "errors": x.errors, "warnings": x.warnings, "loader": x.complaint}
            for x in foreign
        ],
        "seconds": round(time.monotonic() - started, 1),
    }
    if options.report is not None:
        options.report.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if options.json:
        print(json.dumps(record, indent=1))
    else:
        console.print(*_fault_tables(verdicts))
        good = Table("good bundle", "findings")
        for name, texts in alarms.items():
            good.add_row(name, "\n".join(texts) or "none")
        console.print(good)
        if foreign:
            console.print(*_foreign_tables(foreign))
        console.print(f"{record['seconds']:.0f} s")
    silent = not any(alarms.values()) and not any(x.false_alarm for x in foreign)
    return int(not (silent and all(verdict.caught for verdict in verdicts)))


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__, config=(tyro.conf.OmitArgPrefixes,))))
