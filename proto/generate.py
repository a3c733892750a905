"""Generate the committed Python code of ``proto/reel2sim/v1`` from its ``.proto`` files.

    python proto/generate.py [OUT]

OUT is the folder that receives ``reel2sim/v1/*_pb2.py`` and friends, by default this one. Needs
the pinned ``grpcio-tools`` of the ``dev`` extra: its code runs on every later protobuf, not the
other way round.
"""

import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path

import google.longrunning
from grpc_tools import protoc

HERE = Path(__file__).parent


def generate(out: Path) -> None:
    """Write the generated code under ``out``."""
    compile_protos(HERE, f"--python_out={out}", f"--pyi_out={out}", f"--grpc_python_out={out}")


def compile_protos(root: Path, *outputs: str) -> None:
    """Run protoc with ``outputs`` on all protos below ``root``.

    Raises:
        SystemExit: if it fails; it has told why on standard error.
    """
    longrunning = Path(next(iter(google.longrunning.__path__)))
    with tempfile.TemporaryDirectory() as scratch:
        # Newer googleapis-common-protos ship this file under another name than the one its
        # descriptor carries and every importer must use.
        canonical = Path(scratch) / "google" / "longrunning" / "operations.proto"
        canonical.parent.mkdir(parents=True)
        shipped = next(longrunning.glob("operations*.proto"))
        shutil.copyfile(shipped, canonical)
        includes = (
            root,
            scratch,
            longrunning.parent.parent,
            resources.files("grpc_tools") / "_proto",
        )
        arguments = [
            "protoc",
            *(f"-I{folder}" for folder in includes),
            *outputs,
            *(str(source) for source in sorted(root.rglob("*.proto"))),
        ]
        if protoc.main(arguments) != 0:
            raise SystemExit("protoc failed")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
