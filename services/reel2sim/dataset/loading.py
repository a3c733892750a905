"""A generated dataset, read: a sequence of samples, from its folders or from its shards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, overload

from reel2sim.dataset.made import KIND, SAMPLES, packed_name
from reel2sim.dataset.plan import SPLITS
from reel2sim.dataset.produce import DATASET_FILE, SHARDS, read_record
from reel2sim.dataset.sample import SAMPLE_FILE
from reel2sim.dataset.shards import MEMBERS_FILE
from reel2sim.dataset.table import SampleRow, read_table
from reel2sim.generation.truth import Truth, load_truth
from reel2sim.generation.view_truth import TruthFolder, load_views
from reel2sim.media import load_reel
from reel2sim.scene.errors import InputError, NotFoundError, UsageError
from reel2sim.scene.reel import Reel

if TYPE_CHECKING:
    from reel2sim.dataset.tensors import TensorSamples

Place = tuple[Path, int, int]
"""Of a file's bytes: shard, offset and size."""


@dataclass(frozen=True, eq=False)
class Item:
    """One sample; what is asked of it is read when it is asked.

    Attributes:
        row: of the table.
        folder: where its files are, as long as this lives.
    """

    row: SampleRow
    folder: Path
    _kept: object = None

    @property
    def prompt(self) -> str:
        """What it shows, and how that moves."""
        return self.row.prompt

    @cached_property
    def reel(self) -> Reel:
        """Pictures with masks, cameras and times; streams ``static``, ``orbit`` and ``front``."""
        return load_reel(self.folder)

    @cached_property
    def truth(self) -> Truth:
        """Joints, their positions over time, poses of parts, and surface points."""
        return load_truth(self.folder)

    @cached_property
    def views(self) -> TruthFolder:
        """What is true of each picture, in the order of the reel's frames.

        Raises:
            InputError: if the dataset was made without.
        """
        return load_views(self.folder)


class Samples(Sequence[Item]):
    """The samples of a dataset that passed, or some of them, in the order of indices.

    Attributes:
        folder: of the dataset.
        rows: of these samples.
    """

    def __init__(
        self,
        folder: Path,
        rows: Sequence[SampleRow],
        packed: Mapping[str, Mapping[str, Place]] | None = None,
    ) -> None:
        """Keep where samples are.

        Args:
            folder: of the dataset.
            rows: of the samples.
            packed: where the files of each are, by its id; None where they lie in folders.
        """
        self.folder = folder
        self.rows = tuple(rows)
        self._packed = packed

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> Samples: ...

    def __getitem__(self, index: int | slice) -> Item | Samples:
        if isinstance(index, slice):
            return Samples(self.folder, self.rows[index], self._packed)
        row = self.rows[index]
        if self._packed is None:
            return Item(row, self.folder / SAMPLES / row.id)
        kept = TemporaryDirectory(prefix="reel2sim-sample-")
        _unpack(self._packed[row.id], Path(kept.name))
        return Item(row, Path(kept.name), kept)

    def __iter__(self) -> Iterator[Item]:
        return (self[i] for i in range(len(self)))

    def where(self, fits: Callable[[SampleRow], bool]) -> Samples:
        """Those whose row fits."""
        return Samples(self.folder, [row for row in self.rows if fits(row)], self._packed)

    def tensors(
        self,
        *,
        streams: Sequence[str] = (),
        layers: Sequence[str] = (),
        joints: int = 0,
    ) -> TensorSamples:
        """The same as a dataset for PyTorch's ``DataLoader``; loads torch.

        As :class:`~reel2sim.dataset.tensors.TensorSamples`.
        """
        from reel2sim.dataset.tensors import TensorSamples

        return TensorSamples(self, streams=streams, layers=layers, joints=joints)


def open_dataset(folder: Path | str, *, split: str = "") -> Samples:
    """The samples that passed of a dataset that ``reel2sim dataset make`` made.

    They are read from ``samples``, or from ``shards`` where that folder is not there.

    Args:
        folder: of the dataset.
        split: ``train``, ``val``, ``test`` or ``unseen``; all of them if not given.

    Raises:
        NotFoundError: if there is no dataset, or it is not ready.
        UsageError: if there is no such split.
    """
    folder = Path(folder)
    if split and split not in SPLITS:
        raise UsageError(
            f"{split!r} is none", source=folder, field="split", remedy=f"one of {', '.join(SPLITS)}"
        )
    if not (folder / DATASET_FILE).is_file():
        raise NotFoundError(
            "holds no dataset", source=folder, remedy="make one with `reel2sim dataset make`"
        )
    read_record(folder, KIND)
    rows = [row for row in read_table(folder) if row.verdict == "passed"]
    rows = [row for row in rows if not split or row.split == split]
    if (folder / SAMPLES).is_dir():
        return Samples(folder, rows)
    packed: dict[str, Mapping[str, Place]] = {}
    for name in sorted({row.split for row in rows}):
        packed |= _places(folder / SHARDS / name)
    missing = [row.id for row in rows if row.id not in packed]
    if missing:
        raise NotFoundError(f"has neither folder nor shard of {missing[0]}", source=folder)
    return Samples(folder, rows, packed)


def _places(folder: Path) -> dict[str, Mapping[str, Place]]:
    """Where each file of each sample is in the shards of one folder."""
    path = folder / MEMBERS_FILE
    found: dict[str, Mapping[str, Place]] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            told: dict[str, Any] = json.loads(line)
            shard = folder / Path(told["shard"]).name
            found[told["key"]] = {
                name: (shard, int(offset), int(size))
                for name, (offset, size) in told["files"].items()
            }
    except OSError as cause:
        raise NotFoundError(f"cannot be read: {cause}", source=path) from cause
    except (ValueError, KeyError, TypeError) as cause:
        raise InputError(f"is no index of shards: {cause}", source=path) from cause
    return found


def _unpack(places: Mapping[str, Place], folder: Path) -> None:
    """Write a sample's files as they were before they were packed."""
    record = _bytes(places["json"])
    (folder / SAMPLE_FILE).write_bytes(record)
    for name in json.loads(record)["files"]:
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"names a file outside of its folder: {name}", source=SAMPLE_FILE)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_bytes(places[packed_name(name)]))


def _bytes(place: Place) -> bytes:
    shard, offset, size = place
    with shard.open("rb") as stream:
        stream.seek(offset)
        return stream.read(size)
