"""Changes of the scene: made, undone, made again, and saved as a bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reel2sim.editing.edits import (
    Edit,
    MakeOf,
    Recolor,
    Remove,
    Scale,
    SetGravity,
    SetGround,
    SetJoint,
    edit_from,
)
from reel2sim.scene.errors import Reel2SimError, UsageError
from reel2sim.viewing.panels.moving import MovePanel
from reel2sim.viewing.panels.telling import say, tell
from reel2sim.viewing.session import Session

if TYPE_CHECKING:
    from viser import GuiApi, ViserServer

_NONE = "(none)"
_EXAMPLE = '{"op": "ground", "height": 0.0}'


class EditsPanel:
    """The edits of ``reel2sim edit`` that need no file.

    Args:
        server: where controls are added.
        session: what is edited.
        save_to: folder for bundles.
    """

    def __init__(self, server: ViserServer, session: Session, *, save_to: Path) -> None:
        self._session, self._save_to = session, save_to
        gui = server.gui
        self._part = gui.add_dropdown("part", self._parts())
        with gui.add_folder("Look and matter", expand_by_default=True):
            self._add_matter(gui)
        with gui.add_folder("Place", expand_by_default=False):
            self._move = MovePanel(server, session, make=self._make)
        with gui.add_folder("Joint limits", expand_by_default=False):
            self._add_limits(gui)
        with gui.add_folder("Surroundings", expand_by_default=False):
            self._add_surroundings(gui)
        with gui.add_folder("Any other edit", expand_by_default=False):
            self._add_any(gui)
        with gui.add_folder("History"):
            self._add_history(gui)
        session.on_scene.append(self._renew)
        self._renew()

    def _add_matter(self, gui: GuiApi) -> None:
        from reel2sim.rigging.physics.materials import MATERIALS

        color = gui.add_rgb("colour", (200, 70, 50))
        self._button(
            gui,
            "Recolour",
            lambda: Recolor(target=self._part.value, color=tuple(c / 255 for c in color.value)),
        )
        factor = gui.add_number("factor", 1.2, min=0.01, max=100.0, step=0.05)
        self._button(gui, "Scale", lambda: Scale(target=self._part.value, factor=factor.value))
        material = gui.add_dropdown("material", tuple(MATERIALS), initial_value="wood")
        self._button(
            gui, "Make of it", lambda: MakeOf(target=self._part.value, material=material.value)
        )
        self._button(gui, "Remove", lambda: Remove(target=self._part.value))

    def _add_limits(self, gui: GuiApi) -> None:
        self._joint = gui.add_dropdown("joint", self._joints())
        self._limits = gui.add_vector2("limits, rad or m", (0.0, 0.0), step=0.01)
        self._joint.on_update(lambda _event: self._show_limits())
        self._button(
            gui,
            "Set limits",
            lambda: SetJoint(target=self._joint.value, field="limits", value=self._limits.value),
        )

    def _add_surroundings(self, gui: GuiApi) -> None:
        self._gravity = gui.add_vector3("gravity, m/s²", (0.0, 0.0, 0.0), step=0.01)
        self._button(gui, "Set gravity", lambda: SetGravity(gravity=self._gravity.value))
        self._button(gui, "Lay ground below", lambda: SetGround(height="auto"))
        self._button(gui, "No ground", lambda: SetGround())

    def _add_any(self, gui: GuiApi) -> None:
        gui.add_markdown("A record as in manifests of edited bundles:")
        record = gui.add_text("record", _EXAMPLE)
        self._button(gui, "Make this edit", lambda: edit_of(record.value))

    def _add_history(self, gui: GuiApi) -> None:
        self._undo, self._redo = gui.add_button("Undo"), gui.add_button("Redo")
        self._undo.on_click(lambda _event: self._session.undo())
        self._redo.on_click(lambda _event: self._session.redo())
        self._list = gui.add_markdown("")
        name = gui.add_text("name", f"{self._session.scene_title}_edited")
        save = gui.add_button("Save as bundle", hint=f"in {self._save_to}")

        @save.on_click
        def _(event: Any) -> None:
            save.disabled = True
            try:
                out = self._session.workspace.save(self._save_to, name.value)
            except Reel2SimError as error:
                tell(event, error)
            else:
                say(event, "Saved", str(out), color="green")
            finally:
                save.disabled = False

    def _button(self, gui: GuiApi, label: str, edit: Callable[[], Edit]) -> None:
        button = gui.add_button(label)

        @button.on_click
        def _(event: Any) -> None:
            button.disabled = True  # some edits take seconds
            try:
                self._make(event, edit)
            finally:
                button.disabled = False

    def _make(self, event: Any, edit: Callable[[], Edit]) -> None:
        try:
            self._session.make(edit())
        except Reel2SimError as error:
            tell(event, error)
        except Exception as error:
            tell(event, error)
            raise  # a fault of ours: the terminal gets where it is

    def _parts(self) -> tuple[str, ...]:
        """Names of assets and their links, as targets of edits."""
        assets = self._session.assets.items()
        names = [
            name
            for asset_name, asset in assets
            for name in (asset_name, *(f"{asset_name}/{link.name}" for link in asset.links))
        ]
        return tuple(names) or (_NONE,)

    def _joints(self) -> tuple[str, ...]:
        names = [f"{control.asset}/{control.joint}" for control in self._session.controls]
        return tuple(names) or (_NONE,)

    def _renew(self) -> None:
        """Show what can be edited now, and what was."""
        for dropdown, options in ((self._part, self._parts()), (self._joint, self._joints())):
            if dropdown.options != options:
                kept = dropdown.value if dropdown.value in options else options[0]
                dropdown.options = options
                dropdown.value = kept
        self._show_limits()
        self._gravity.value = np.array(self._session.scene.gravity)
        work = self._session.workspace
        self._undo.disabled, self._redo.disabled = not work.edits, not work.undone
        lines = [f"{i}. {_told(edit)}" for i, edit in enumerate(work.edits, start=1)]
        self._list.content = "\n".join(lines) or "Nothing was changed."

    def _show_limits(self) -> None:
        for control in self._session.controls:
            if f"{control.asset}/{control.joint}" == self._joint.value:
                self._limits.value = (control.lower, control.upper)


def edit_of(text: str) -> Edit:
    """The edit of a record written as JSON.

    Raises:
        UsageError: if it is none.
    """
    try:
        record = json.loads(text)
    except ValueError as cause:
        raise UsageError(
            f"is not JSON: {cause}", field="record", remedy=f"write such as {_EXAMPLE}"
        ) from cause
    return edit_from(record)


def _told(edit: Edit) -> str:
    """An edit in a line, without anything that a page could take for markup."""
    facts = [f"{k} {v}" for k, v in edit.record().items() if k not in ("op", "source")]
    text = f"{edit.op}: {', '.join(facts)}"
    return "".join(c if c.isalnum() or c in " :,./-_" else " " for c in text)
