"""Joint axes with how far they go and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reel2sim.scene import Joint
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import across, axis_rotation
from reel2sim.viewing.controls import JointControl, joint_controls
from reel2sim.viewing.layers.layer import Figure, Layer

if TYPE_CHECKING:
    from viser import SceneApi

_SURE, _DOUBTED, _UNSEEN = (0, 114, 178), (213, 94, 0), (120, 120, 120)
"""Colours that people who see few of them can still tell apart."""
_ARC_STEPS = 48


class JointAxes(Layer):
    """An arrow along each axis, the range of the joint, and its name.

    The range that the reel showed is drawn thick. Blue axes are sure, orange ones doubtful, grey
    ones of joints that were not observed.
    """

    name, title = "axes", "Joint axes"

    def add_asset(self, api: SceneApi, figure: Figure) -> Sequence[Any]:
        """Nodes of each joint move with its parent, and a needle with its child."""
        handles: list[Any] = []
        joints = {joint.name: joint for joint in figure.asset.joints}
        for control in joint_controls(figure.asset):
            handles += _draw(api, figure, joints[control.joint], control)
        return handles


def _draw(api: SceneApi, figure: Figure, joint: Joint, control: JointControl) -> list[Any]:
    size, color = figure.size, confidence_color(joint)
    index = figure.asset.link_index
    parent, child = figure.link(index[joint.parent]), figure.link(index[joint.child])
    root, radius = f"{parent}/axis_{joint.name}", 0.2 * size
    reach = _reach(joint, control, radius)
    arrow = _arrow(joint, control, 0.35 * size)
    handles: list[Any] = [
        api.add_arrows(
            f"{root}/arrow",
            arrow[None],
            color,
            shaft_radius=0.006 * size,
            head_radius=0.016 * size,
            head_length=0.04 * size,
            position=joint.origin,
        ),
        _line(api, f"{root}/range", reach, color, 2.0, joint),
        api.add_label(
            f"{root}/label",
            f"{joint.name}  {joint.confidence:.0%}",
            position=joint.origin + 1.05 * (arrow[1] - arrow[0]) + arrow[0],
            anchor="center-left",
        ),
    ]
    if joint.observed_range is not None:
        seen = _reach(joint, control, radius, joint.observed_range)
        handles.append(_line(api, f"{root}/seen", seen, color, 6.0, joint))
    if control.angular:
        needle = np.stack([np.zeros(3), radius * across(joint.axis)[0]])[None]
        handles.append(
            api.add_line_segments(
                f"{child}/needle_{joint.name}", needle, color,
                thickness=3.0, thickness_units="screen",
            )
        )  # fmt: skip
    return handles


def confidence_color(joint: Joint) -> tuple[int, int, int]:
    """From doubt to certainty; grey if the joint was not observed."""
    if not joint.observed:
        return _UNSEEN
    r, g, b = (
        round(low + joint.confidence * (high - low))
        for low, high in zip(_DOUBTED, _SURE, strict=True)
    )
    return r, g, b


def _arrow(joint: Joint, control: JointControl, length: float) -> Array:
    """From end to end ``(2, 3)``, about the pivot."""
    if control.angular:
        return np.stack([-length * joint.axis, length * joint.axis])
    end = max(control.upper * 1.15, control.lower + 2 * length)
    return np.stack([control.lower * joint.axis, end * joint.axis])


def _reach(
    joint: Joint, control: JointControl, radius: float, span: tuple[float, float] | None = None
) -> Array:
    """Line about the pivot along which the joint goes ``(k, 3)``."""
    low, high = (control.lower, control.upper) if span is None else span
    if not control.angular:
        return np.linspace(low, high, 2)[:, None] * joint.axis
    angles = np.linspace(low, min(high, low + 2 * np.pi), _ARC_STEPS)
    around = axis_rotation(joint.axis, angles) @ (radius * across(joint.axis)[0])
    return around + (joint.pitch * angles)[:, None] * joint.axis


def _line(
    api: SceneApi, name: str, points: Array, color: tuple[int, int, int], width: float, joint: Joint
) -> Any:
    return api.add_line_segments(
        name,
        np.stack([points[:-1], points[1:]], axis=1),
        color,
        thickness=width,
        thickness_units="screen",
        position=joint.origin,
    )
