"""The table of a generated dataset: a row a sample, whether it passed, was rejected or failed."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reel2sim.batch import ResultRow
from reel2sim.dataset.plan import Plan, Split, draw
from reel2sim.dataset.sample import JOINT_TYPES
from reel2sim.pipeline.atomic import write_atomically
from reel2sim.scene.errors import InputError, NotFoundError

TABLE_FILE = "samples.jsonl"
PARQUET_FILE = "samples.parquet"


@dataclass(frozen=True, kw_only=True)
class SampleRow:
    """One sample of the table.

    Attributes:
        id: names its folder, and its files in shards.
        index: of the sample.
        split: ``train``, ``val``, ``test`` or ``unseen``.
        verdict: ``passed``, ``rejected`` or ``failed``.
        why: it was rejected or failed; "" if it passed.
        prompt: what it shows, and how that moves: its caption.
        families: of its objects, from left to right.
        joints: how many there are.
        joint_types: how many of each type.
        motion: magnitude, 0..1, as in :class:`~reel2sim.dataset.filters.Figures`.
        overflow: largest share of the surface that is outside of a picture.
        overflow_views: pictures with some of it outside or at the border.
        cover: smallest share of a picture that the objects cover.
        pictures: how many were taken.
        background: that they were taken with.
        lighting: likewise.
        sensor: likewise.
        seconds: that the last attempt took.
        cpu_s: processor seconds of it.
        attempts: how often it was tried.
    """

    id: str
    index: int
    split: str
    verdict: str
    why: str = ""
    prompt: str = ""
    families: tuple[str, ...] = ()
    joints: int = 0
    joint_types: Mapping[str, int] = dataclasses.field(default_factory=dict[str, int])
    motion: float = 0.0
    overflow: float = 0.0
    overflow_views: int = 0
    cover: float = 0.0
    pictures: int = 0
    background: str = ""
    lighting: str = ""
    sensor: str = ""
    seconds: float = 0.0
    cpu_s: float = 0.0
    attempts: int = 1


_FIELDS = {f.name: str(f.type) for f in dataclasses.fields(SampleRow)}


def row_of(result: ResultRow, plan: Plan, split: Split) -> SampleRow:
    """A sample's row; of one that failed, what it would have shown."""
    told = {name: value for name, value in result.facts.items() if name in _FIELDS}
    if result.status != "ok":
        asked = draw(plan, int(result.id))
        told = {
            "verdict": "failed",
            "why": f"{result.reason}: {result.message}",
            "prompt": asked.prompt,
            "families": asked.families,
            **dataclasses.asdict(asked.config.setting),
        }
    families = tuple(told.pop("families"))
    return SampleRow(
        id=result.id,
        index=int(result.id),
        split=split.of(told["prompt"], families),
        families=families,
        joints=result.joints,
        seconds=result.seconds,
        attempts=result.attempts,
        **told,
    )


def write_table(out: Path, rows: Sequence[SampleRow]) -> None:
    """Write ``samples.jsonl`` and, where pyarrow is installed, ``samples.parquet``."""
    text = "".join(json.dumps(dataclasses.asdict(row), ensure_ascii=False) + "\n" for row in rows)
    write_atomically(out / TABLE_FILE, lambda path: path.write_text(text, encoding="utf-8"))
    if importlib.util.find_spec("pyarrow") is None:
        return
    import pyarrow
    import pyarrow.parquet

    kinds = {
        "str": pyarrow.string(),
        "int": pyarrow.int64(),
        "float": pyarrow.float64(),
        "tuple[str, ...]": pyarrow.list_(pyarrow.string()),
    }
    names = [name for name in _FIELDS if name != "joint_types"]
    schema = [(name, kinds[_FIELDS[name]]) for name in names]
    schema += [(f"{kind}_joints", pyarrow.int64()) for kind in JOINT_TYPES]
    cells = [_cells(row, names) for row in rows]
    made = pyarrow.Table.from_pylist(cells, schema=pyarrow.schema(schema))
    write_atomically(out / PARQUET_FILE, lambda path: pyarrow.parquet.write_table(made, path))


def read_table(out: Path) -> tuple[SampleRow, ...]:
    """The rows that :func:`write_table` wrote, in the order of indices.

    Raises:
        NotFoundError: if there is no table.
        InputError: if it is malformed.
    """
    path = out / TABLE_FILE
    if not path.is_file():
        raise NotFoundError(
            "has no table of samples", source=out, remedy="finish `reel2sim dataset make` there"
        )
    try:
        return tuple(_row(json.loads(line)) for line in _lines(path))
    except (OSError, ValueError, TypeError, KeyError) as cause:
        raise InputError(f"is not a table of samples: {cause}", source=path) from cause


def _cells(row: SampleRow, names: Iterable[str]) -> dict[str, Any]:
    counts = {f"{kind}_joints": row.joint_types.get(kind, 0) for kind in JOINT_TYPES}
    return {**{name: getattr(row, name) for name in names}, **counts}


def _lines(path: Path) -> Iterable[str]:
    with path.open(encoding="utf-8") as stream:
        yield from stream


def _row(record: dict[str, Any]) -> SampleRow:
    return SampleRow(**{**record, "families": tuple(record["families"])})
