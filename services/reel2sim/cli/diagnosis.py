"""What a machine offers to Reel2Sim."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

_MIN_MEMORY_GB = 4.0
_MIN_DISK_GB = 2.0


@dataclass(frozen=True)
class Finding:
    """One fact about the machine.

    Attributes:
        name: what was looked at.
        status: ``fail`` if Reel2Sim does not work without it, ``warn`` if it works less well.
        detail: what was found.
        fix: what to do about it, or "".
    """

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    fix: str = ""


def diagnose() -> tuple[Finding, ...]:
    """Look at everything; one failing look never stops the others."""
    looks: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("python", _python),
        ("cores", _cores),
        ("memory", _memory),
        ("cache", _cache),
        ("torch", _torch),
        ("cuda", _cuda),
        ("gsplat", _gsplat),
        ("numba", _numba),
        ("video", _video),
        ("pybullet", lambda: _needed("pybullet", "pybullet", "envs and checks")),
        ("mujoco", lambda: _needed("mujoco", "mujoco", "checks of scene.xml")),
        ("usd", lambda: _needed("usd", "pxr", "writing USD", distribution="usd-core")),
        ("coacd", lambda: _needed("coacd", "coacd", "convex pieces")),
        ("gymnasium", lambda: _needed("gymnasium", "gymnasium", "environments")),
        ("grpc", lambda: _needed("grpc", "grpc", "the server", distribution="grpcio")),
        ("ray", _ray),
        ("viser", lambda: _optional("viser", "viser", "view", "`reel2sim view`")),
        ("generation", _backends),
        ("weights", _weights),
    )
    return tuple(_looked(name, look) for name, look in looks)


def _looked(name: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except Exception as error:
        # A doctor that falls ill itself helps nobody: whatever breaks is the finding.
        return Finding(name, "fail", f"{type(error).__name__}: {error}", "reinstall reel2sim")


def _python() -> Finding:
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] != (3, 11):
        return Finding("python", "fail", detail, "use Python 3.11; PyBullet has no newer wheels")
    return Finding("python", "ok", detail)


def _cores() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding("cores", "ok", f"{cores} usable")


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    total, free = memory.total / 1e9, memory.available / 1e9
    detail = f"{total:.1f} GB, {free:.1f} GB free"
    if free < _MIN_MEMORY_GB:
        return Finding("memory", "warn", detail, "close other programs or use --preset draft")
    return Finding("memory", "ok", detail)


def _cache() -> Finding:
    from reel2sim.pipeline.cache import default_cache_folder

    folder = default_cache_folder()
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    detail = f"{folder}, {free:.1f} GB free"
    if not os.access(existing, os.W_OK):
        return Finding("cache", "warn", f"{detail}, not writable", "set REEL2SIM_CACHE")
    if free < _MIN_DISK_GB:
        return Finding("cache", "warn", detail, "free some space or set REEL2SIM_CACHE")
    return Finding("cache", "ok", detail)


def _torch() -> Finding:
    import torch

    return Finding("torch", "ok", f"{torch.__version__}, {torch.get_num_threads()} thread(s)")


def _cuda() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("cuda", "ok", f"{torch.cuda.get_device_name(0)}, CUDA {torch.version.cuda}")
    built = f"torch is built for CUDA {torch.version.cuda}" if torch.version.cuda else "CPU build"
    return Finding(
        "cuda", "warn", f"none ({built})", "optional: an NVIDIA GPU and a CUDA build of torch"
    )


def _gsplat() -> Finding:
    return _optional("gsplat", "gsplat", "gpu", "CUDA rasterisation")


def _ray() -> Finding:
    return _optional("ray", "ray", "ray", "`reel2sim batch`")


def _numba() -> Finding:
    import numba

    spec = importlib.util.find_spec("reel2sim.reconstruction.rasterize")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    if explicit := os.environ.get("NUMBA_CACHE_DIR"):
        folders = [Path(explicit)]
    kernels = sum(1 for folder in folders for _ in folder.rglob("*.nbi"))
    detail = f"{numba.__version__}, {numba.get_num_threads()} thread(s)"
    if not kernels:
        return Finding(
            "numba", "ok", f"{detail}, kernels compile on first use (under a minute, once)"
        )
    return Finding("numba", "ok", f"{detail}, {kernels} kernel(s) compiled")


def _video() -> Finding:
    import av
    import av.codec

    def has(name: str, mode: Literal["r", "w"]) -> bool:
        try:
            av.codec.Codec(name, mode)
        except ValueError:
            return False
        return True

    wanted: dict[str, Literal["r", "w"]] = {
        "h264": "r",
        "hevc": "r",
        "vp9": "r",
        "av1": "r",
        "libx264": "w",
    }
    found = [name for name, mode in wanted.items() if has(name, mode)]
    missing = [name for name in wanted if name not in found]
    detail = f"av {av.__version__}: {', '.join(found)}"
    if not missing:
        return Finding("video", "ok", detail)
    status: Any = "fail" if {"h264", "libx264"} & set(missing) else "warn"
    return Finding(
        "video", status, f"{detail}; no {', '.join(missing)}", "install the wheel of av from PyPI"
    )


def _backends() -> Finding:
    from reel2sim.generation import offers

    found, fixes = [], []
    for offer in offers():
        can = offer.capabilities
        if can is None:
            found.append(f"{offer.name} (broken, from {offer.origin}: {offer.fault})")
            fixes.append(f"mend or remove {offer.origin}")
        elif can.missing:
            found.append(f"{offer.name} (not ready)")
            fixes.append(f"for {offer.name}, optional: {can.missing}")
        else:
            about = "; ".join(x for x in (f"from {offer.origin}", can.notes) if x)
            found.append(f"{offer.name} ({about.removeprefix('from reel2sim; ')})")
    status: Any = "warn" if fixes else "ok"
    return Finding("generation", status, f"backends: {', '.join(found)}", "; ".join(fixes))


def _weights() -> Finding:
    shipped = "a small video model is shipped (reel2sim generator card)"
    return Finding("weights", "ok", f"nothing is downloaded; {shipped}")


def _needed(name: str, module: str, purpose: str, *, distribution: str = "") -> Finding:
    try:
        importlib.import_module(module)
        return Finding(name, "ok", version(distribution or name))
    except (ImportError, PackageNotFoundError) as error:
        return Finding(
            name, "fail", f"{error}; needed for {purpose}", f"pip install {distribution or name}"
        )


def _optional(name: str, module: str, extra: str, purpose: str) -> Finding:
    # Looked up, not imported: importing Ray or gsplat takes seconds and starts things.
    if importlib.util.find_spec(module) is None:
        fix = f"optional: pip install 'reel2sim[{extra}]'"
        return Finding(name, "warn", f"not installed; needed for {purpose}", fix)
    return Finding(name, "ok", version(name))
