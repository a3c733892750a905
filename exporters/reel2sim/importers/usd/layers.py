"""Stages opened from the roots alone.

USD opens whatever file a layer names, by plugins and search paths that a file can steer. So its
resolver gets no name from a file: each layer is looked up in the roots by us, copied under a plain
name, read as one of three known formats (crates by way of :mod:`.crates`), and its references are
turned to the copies.
"""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import io
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pxr import Sdf, Tf, Usd, UsdUtils

from reel2sim.exporters.check.quiet import quiet
from reel2sim.importers.roots import Roots
from reel2sim.importers.usd.crates import CrateWasher
from reel2sim.scene.errors import InputError

_MOST_BYTES = 512 * 2**20
_MOST_LAYERS = 2000
_MOST_PACKAGES = 8
_CRATE, _ZIP = b"PXR-USDC", b"PK\x03\x04"
_MISSING = '#usda 1.0\n(defaultPrim = "missing")\ndef "missing" {}\n'


@dataclass(frozen=True)
class Opened:
    """A stage and what it was read from.

    Attributes:
        stage: composed, payloads loaded; anonymous layers only.
        library: everything that was read.
    """

    stage: Usd.Stage
    library: Library

    def check(self) -> None:
        """Refuse a stage whose composition uses a layer that could not be read.

        Raises:
            InputError: saying what is wrong with the first such layer.
        """
        for layer in self.stage.GetUsedLayers():
            fault = self.library.faults.get(layer.identifier)
            if fault is not None:
                raise fault


@contextmanager
def opened(path: Path, roots: Roots) -> Generator[Opened]:
    """The stage at ``path``, for as long as the block runs.

    Args:
        path: .usd, .usda, .usdc or .usdz; told apart by content.
        roots: where its references may be.

    Raises:
        InputError: if it, or a layer that it uses, cannot be read or is outside of the roots.
    """
    if not path.is_file():
        raise InputError("is not a file", source=path)
    with TemporaryDirectory(prefix="reel2sim-usd-") as scratch, quiet():
        library = Library(Path(scratch))
        try:
            root = library.open(path.resolve(), roots, str(path))
            found = Opened(Usd.Stage.Open(root), library)
            found.check()
            yield found
        except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError) as cause:
            # Attributes of other types than their schemas have: pxr hands out what is written.
            raise InputError(
                f"holds values that make no sense: {_first_line(cause)}",
                source=path,
                remedy="look for attributes of a wrong type or length with usdchecker",
            ) from cause
        except Tf.ErrorException as cause:
            raise InputError(f"USD refuses it: {_first_line(cause)}", source=path) from cause
        except RuntimeError as cause:  # pxr's bindings raise it for what they cannot convert
            raise InputError(f"USD fails on it: {_first_line(cause)}", source=path) from cause
        finally:
            library.close()


class Library:
    """Layers that were read, each once, and kept alive."""

    def __init__(self, scratch: Path) -> None:
        self.faults: dict[str, InputError] = {}
        self._scratch = scratch
        self._layers: dict[Path, Any] = {}
        self._kept: list[Any] = []
        self._packages: dict[Path, Path] = {}
        self._washer = CrateWasher()
        self._bytes = 0

    def close(self) -> None:
        """End what was started for reading."""
        self._washer.close()

    def open(self, path: Path, roots: Roots, shown: str) -> Any:
        """The layer of a file that the roots hold, its references turned to copies."""
        if path in self._layers:
            return self._layers[path]
        if len(self._layers) >= _MOST_LAYERS:
            raise InputError(f"uses over {_MOST_LAYERS} layers", source=shown)
        data = self._read(path, shown)
        if data.startswith(_ZIP):
            first = self._unpacked(path, data, shown)
            layer = self.open(first, Roots((self._packages[path],)), f"{shown}[{first.name}]")
            self._layers[path] = layer
            return layer
        copy = self._copied(data, shown)
        try:
            layer = Sdf.Layer.OpenAsAnonymous(str(copy))
        except Tf.ErrorException as cause:
            text = _first_line(cause).replace(str(copy), "line ")
            raise InputError(f"is not USD: {text}", source=shown) from cause
        if layer is None:
            raise InputError("is not USD", source=shown)
        self._layers[path] = layer  # before its references: layers may name each other
        self._turn_references(layer, path.parent, roots, shown)
        return layer

    def _copied(self, data: bytes, shown: str) -> Path:
        """A file of ``data`` under a plain name, which USD may open."""
        count = len(self._layers)
        if data.startswith(_CRATE):
            raw, copy = (self._scratch / f"{name}_{count}.usdc" for name in ("raw", "layer"))
            raw.write_bytes(data)
            self._washer.wash(raw, copy, shown)
            return copy
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as cause:
            raise InputError(
                "is neither a crate, a package nor UTF-8 text", source=shown
            ) from cause
        copy = self._scratch / f"layer_{count}.usda"
        copy.write_bytes(data)
        return copy

    def _read(self, path: Path, shown: str) -> bytes:
        try:
            size = path.stat().st_size
            self._bytes += size
            if self._bytes > _MOST_BYTES:
                raise InputError(
                    f"is, with what it uses, over {_MOST_BYTES >> 20} MiB", source=shown
                )
            return path.read_bytes()
        except OSError as cause:
            raise InputError(f"cannot be read: {cause.strerror}", source=shown) from cause

    def _turn_references(self, layer: Any, home: Path, roots: Roots, shown: str) -> None:
        offsets = list(layer.subLayerOffsets)
        arcs = set(layer.GetCompositionAssetDependencies())
        for name in (arc for arc in arcs if arc.startswith("`")):
            raise InputError(
                f"names a file by the expression {name}",
                source=shown,
                remedy="flatten the stage, or write the path out",
            )
        turned = {name: self._turned(name, home, roots, shown) for name in sorted(arcs)}

        # All else, such as value clips, is nothing that USD may open later.
        UsdUtils.ModifyAssetPaths(layer, lambda name: turned.get(name, ""))
        for i, offset in enumerate(offsets):
            layer.subLayerOffsets[i] = offset

    def _turned(self, name: str, home: Path, roots: Roots, shown: str) -> str:
        """Identifier of the copy; of an empty layer with a fault where there can be none.

        A layer that no selected variant uses may be missing, so faults wait for composition.
        """
        try:
            try:
                file, inner = self._located(name, home, roots)
            except InputError as fault:
                raise InputError(
                    fault.message, source=shown, field=f"@{name}@", remedy=fault.remedy
                ) from fault
            return self.open(file, inner, str(file)).identifier
        except InputError as fault:
            layer = Sdf.Layer.CreateAnonymous("missing.usda")
            layer.ImportFromString(_MISSING)
            self._kept.append(layer)
            self.faults[layer.identifier] = fault
            return layer.identifier

    def _located(self, name: str, home: Path, roots: Roots) -> tuple[Path, Roots]:
        """The file that a name means, and the roots of what it names in turn."""
        name = name.split(":SDF_FORMAT_ARGS:")[0]
        if "://" in name and not name.startswith("file://"):
            raise InputError(
                "is not a file on this machine", source=name, remedy="download it and name the copy"
            )
        outer, bracket, inner = name.partition("[")
        if not bracket:
            return roots.find(name, base=home), roots
        package = roots.find(outer, base=home)
        self._unpacked(package, self._read(package, outer), outer)
        within = Roots((self._packages[package],))
        return self._located(inner.removesuffix("]"), self._packages[package], within)

    def _unpacked(self, path: Path, data: bytes, shown: str) -> Path:
        """The first layer of a package, whose files are laid out in a folder of their own."""
        folder = self._packages.get(path)
        if folder is None and len(self._packages) >= _MOST_PACKAGES:
            raise InputError(f"uses over {_MOST_PACKAGES} packages", source=shown)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                names = [x for x in archive.infolist() if not x.is_dir()]
                if not names:
                    raise InputError("is an empty package", source=shown)
                if sum(info.file_size for info in names) > len(data):  # entries that overlap
                    raise InputError("claims to hold more than it does", source=shown)
                if folder is None:
                    folder = self._scratch / f"package_{len(self._packages)}"
                    self._packages[path] = folder
                    for info in names:
                        _unpack(archive, info, folder, shown)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as cause:
            raise InputError(f"is not a USDZ package: {cause}", source=shown) from cause
        return (folder / names[0].filename).resolve()


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path, shown: str) -> None:
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise InputError(
            f"{info.filename} is compressed or encrypted, which USDZ does not allow",
            source=shown,
            remedy="pack it again with usdzip",
        )
    target = (folder / info.filename).resolve()
    if not target.is_relative_to(folder.resolve()) or "\0" in info.filename:
        raise InputError(f"{info.filename!r} leaves the package", source=shown)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(archive.read(info))


def _first_line(cause: BaseException) -> str:
    text = " ".join(str(cause).split())
    return text.rsplit(" : ", 1)[-1].strip("' ")[:300]
