"""Options of the place, the light and the camera that a scene is filmed with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from reel2sim.cli.options import shown

if TYPE_CHECKING:
    from reel2sim.generation.setting import Setting


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where and with what the scripted backend films."""

    background: Literal["none", "floor", "room"] = "none"
    """White, a floor, or a room with posters and things that stand about; masks leave it out."""
    lighting: Literal["studio", "daylight", "overcast", "evening", "random"] = "studio"
    """Soft lamps, a hard sun, no shadow, a low orange sun, or one of these kinds by chance."""
    sensor: Annotated[str, shown("NAME[,KEY=VALUE]")] = "none"
    """A camera with faults: phone, webcam or night, or settings such as shutter=0.5,rolling=0.4,
    defocus_px=1,drift_stops=0.2,shot=900,read=0.01,jpeg=50,crf=35. Truth stays ideal."""

    def setting(self) -> Setting:
        """These options as generation takes them."""
        from reel2sim.generation.setting import Setting

        return Setting(background=self.background, lighting=self.lighting, sensor=self.sensor)
