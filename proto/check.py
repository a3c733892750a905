"""Check the protos: how they are written, and that nothing changed that clients rely on.

    python proto/check.py            lint, and compare with proto/baseline.binpb
    python proto/check.py --freeze   promise the protos as they are: write proto/baseline.binpb

The rules are those of ``buf`` that ``proto/buf.yaml`` names, under the same names; no network is
needed. Freeze with each release: what the baseline holds may never be taken back.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from breaking_rules import breaking
from descriptors import Finding, describe
from google.protobuf import descriptor_pb2 as pb
from lint_rules import lint

HERE = Path(__file__).parent
BASELINE = HERE / "baseline.binpb"


def findings(root: Path, baseline: Path) -> Iterator[Finding]:
    """What is wrong with the protos below ``root``."""
    files = describe(root)
    excepted = _excepted(HERE / "buf.yaml")
    yield from (finding for finding in lint(files) if finding.rule not in excepted)
    yield from breaking(pb.FileDescriptorSet.FromString(baseline.read_bytes()), files)


def freeze(root: Path, baseline: Path) -> None:
    """Write the descriptors of the protos below ``root`` to ``baseline``, without comments.

    With what they import, so that other tools can load it as it is.
    """
    files = describe(root)
    for file in files.file:
        file.ClearField("source_code_info")
    baseline.write_bytes(files.SerializeToString(deterministic=True))


def _excepted(config: Path) -> set[str]:
    return set(yaml.safe_load(config.read_text(encoding="utf-8"))["lint"]["except"])


def _order(finding: Finding) -> tuple[str | int, ...]:
    return tuple(int(p) if p.isdigit() else p for p in re.split(r"(\d+)", finding.where))


def main() -> int:
    """Run the command line; 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--freeze", action="store_true", help="write the baseline instead")
    if parser.parse_args().freeze:
        freeze(HERE, BASELINE)
        return 0
    found = sorted(findings(HERE, BASELINE), key=_order)
    for finding in found:
        print(finding)
    print(f"{len(found)} findings" if found else "the protos are well written and break nothing")
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main())
