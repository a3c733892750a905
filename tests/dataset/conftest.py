"""Small models whose shape and motion are known."""

from __future__ import annotations

from pathlib import Path

import pytest

_MODEL = """<mujoco model="{name}"><worldbody><body name="base">
<geom type="box" size="0.5 0.5 0.5" rgba="0.2 0.4 0.8 1"/>
<body name="lid" pos="0 0 0.6">{joint}<geom type="box" size="0.4 0.2 0.1" rgba="0.9 0.2 0.1 1"/>
</body></body></worldbody></mujoco>"""


class Models:
    """Writes models into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def turning(self, name: str = "turning", *, degrees: float = 90.0) -> Path:
        """A box whose lid turns about Z."""
        joint = f'<joint name="turn" type="hinge" axis="0 0 1" range="{-degrees} {degrees}"/>'
        return self._write(name, joint)

    def sliding(self, name: str = "sliding", *, metres: float = 0.3) -> Path:
        """A box whose lid slides along X."""
        joint = f'<joint name="slide" type="slide" axis="1 0 0" range="0 {metres}"/>'
        return self._write(name, joint)

    def still(self, name: str = "still") -> Path:
        """A box whose lid is fixed."""
        return self._write(name, "")

    def broken(self, name: str = "broken") -> Path:
        """A file that is none."""
        path = self.folder / f"{name}.glb"
        path.write_bytes(b"glTF, not really")
        return path

    def _write(self, name: str, joint: str) -> Path:
        path = self.folder / f"{name}.xml"
        path.write_text(_MODEL.format(name=name, joint=joint))
        return path


@pytest.fixture
def models(tmp_path: Path) -> Models:
    folder = tmp_path / "models"
    folder.mkdir()
    return Models(folder)
