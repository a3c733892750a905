"""The wheel, not only the editable install, must carry everything."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PORTIONS = ("proto", "scene", "services", "sim", "exporters")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    built = subprocess.run([*command, str(ROOT)], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(out.glob("reel2sim-*.whl"))


@pytest.fixture(scope="module")
def clean_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel; third-party packages are borrowed from this one.

    A plain path in a .pth file is searched for packages, but .pth files behind it are not
    processed, so an editable install of the project cannot leak in.
    """
    home = tmp_path_factory.mktemp("clean")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    site = Path(
        subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
    )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def sources() -> list[Path]:
    found = [p for portion in PORTIONS for p in (ROOT / portion).rglob("reel2sim/**/*")]
    return sorted({p for p in found if p.is_file() and "__pycache__" not in p.parts})


def test_wheel_holds_every_source_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    expected = {p.relative_to(ROOT / p.relative_to(ROOT).parts[0]).as_posix() for p in sources()}
    assert expected <= packed
    assert not [name for name in packed if name == "reel2sim/__init__.py"]


def test_every_public_module_imports_from_the_wheel(clean_python: Path) -> None:
    modules = sorted(
        ".".join(
            p.relative_to(ROOT / p.relative_to(ROOT).parts[0]).with_suffix("").parts
        ).removesuffix(".__init__")
        for p in sources()
        if (p.suffix == ".py" and not p.name.startswith("_")) or p.name == "__init__.py"
    )
    assert len(modules) > 50
    # Needs CUDA to import; its parity test is marked gpu.
    lazy = {m for m in modules if m.endswith(("gsplat_backend", "__main__"))}
    script = (
        "import importlib, sys, reel2sim.scene\n"
        f"assert {str(ROOT)!r} not in reel2sim.scene.__file__, reel2sim.scene.__file__\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
    )
    done = subprocess.run(
        [clean_python, "-c", script, *(m for m in modules if m not in lazy)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_command_runs_from_the_wheel(clean_python: Path) -> None:
    script = "import sys; sys.argv[0] = 'reel2sim'; from reel2sim.cli.main import main; main()"
    done = subprocess.run([clean_python, "-c", script, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for command in ("run", "check", "env", "serve", "batch", "bench", "doctor"):
        assert command in done.stdout


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("reel2sim.envs", ("torch", "ray", "pxr")),
        ("reel2sim.client", ("torch", "ray", "pxr", "pybullet")),
        ("reel2sim.exporters", ("torch", "ray", "mujoco")),
        ("reel2sim.scene", ("torch", "cv2", "grpc")),
    ],
)
def test_importing_stays_light(clean_python: Path, module: str, unwanted: tuple[str, ...]) -> None:
    script = f"import sys, {module}; print(*[m for m in {unwanted!r} if m in sys.modules])"
    loaded = subprocess.check_output([clean_python, "-c", script], text=True).split()
    assert loaded == []
