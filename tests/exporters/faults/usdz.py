"""Faults of ``scene.usdz``."""

from __future__ import annotations

import zipfile

from .seeding import fault

PACKAGE = "scene.usdz"


def _repack(folder, *, method=zipfile.ZIP_STORED, order=lambda names: names, change=None):
    """The same files in a plain zip."""
    path = folder / PACKAGE
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in order(list(files)):
            archive.writestr(name, files[name] if change is None else change(name, files[name]))


@fault("USDZ", "USD010", seen="it does not open")
def package_cut(folder, rng):
    path = folder / PACKAGE
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@fault("USDZ", "USD010", seen="it opens with other values")
def package_bit_flipped(folder, rng):
    path = folder / PACKAGE
    data = bytearray(path.read_bytes())
    data[data.index(b"metersPerUnit")] ^= 1
    path.write_bytes(data)


@fault("USDZ", "USD011", seen="more than is in the folder")
def package_of_other_layers(folder, rng):
    with zipfile.ZipFile(folder / PACKAGE, "a") as archive:
        archive.writestr("more.txt", "more")


@fault("USDZ", "USD011", seen="an older state than the folder")
def package_stale(folder, rng):
    def change(name, data):
        return data.replace(b"upAxis", b"upAxis ") if name == "scene.usda" else data

    _repack(folder, change=change)


@fault("USDZ", "USD021", seen="iOS and Omniverse refuse it")
def package_not_aligned(folder, rng):
    _repack(folder)


@fault("USDZ", "USD021", seen="iOS and Omniverse refuse it")
def package_compressed(folder, rng):
    _repack(folder, method=zipfile.ZIP_DEFLATED)


@fault("USDZ", "USD021", seen="a reader opens a texture instead of the stage")
def package_begins_with_no_layer(folder, rng):
    path = folder / PACKAGE
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "read me")
        for name, data in files.items():
            archive.writestr(name, data)
