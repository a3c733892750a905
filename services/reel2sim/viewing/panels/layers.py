"""Which layers are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reel2sim.viewing.layers.layer import Layer
from reel2sim.viewing.stage import Stage

if TYPE_CHECKING:
    from viser import GuiApi, GuiCheckboxHandle


class LayersPanel:
    """A checkbox for every layer."""

    def __init__(self, gui: GuiApi, stage: Stage) -> None:
        for layer in stage.layers:
            box = gui.add_checkbox(layer.title, layer.name in stage.shown)
            self._connect(box, stage, layer)

    @staticmethod
    def _connect(box: GuiCheckboxHandle, stage: Stage, layer: Layer) -> None:
        # In a thread: what is seen for the first time has to be made.
        @box.on_update
        def _(_event: object) -> None:
            stage.show(layer.name, box.value)
