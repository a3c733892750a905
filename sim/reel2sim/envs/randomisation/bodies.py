"""Changing an object that has just been loaded: masses, friction, damping and colours."""

from __future__ import annotations

from reel2sim.envs.physics import engine
from reel2sim.envs.physics.body import Body
from reel2sim.scene.arrays import Array


def scale_masses(client: int, body: Body, factors: Array) -> None:
    """Scale masses and inertias of all links by ``factors`` ``(l,)``, root first."""
    p = engine.pybullet()
    for link, factor in zip((-1, *body.links), factors.tolist(), strict=True):
        mass, _, inertia, *_ = p.getDynamicsInfo(body.id, link, client)
        if mass > 0:  # a welded root has none
            # Without an inertia PyBullet takes that of the collision shape for the new mass.
            p.changeDynamics(
                body.id,
                link,
                mass=factor * mass,
                localInertiaDiagonal=[factor * x for x in inertia],
                physicsClientId=client,
            )


def scale_contact_friction(client: int, body: Body, factor: float) -> None:
    """Scale the lateral friction of all links."""
    p = engine.pybullet()
    for link in (-1, *body.links):
        friction = p.getDynamicsInfo(body.id, link, client)[1]
        p.changeDynamics(body.id, link, lateralFriction=factor * friction, physicsClientId=client)


def set_damping(client: int, body: Body, damping: Array) -> None:
    """Set the damping of the movable joints ``(n,)``, N·m·s/rad or N·s/m."""
    p = engine.pybullet()
    for joint, value in zip(body.joints, damping.tolist(), strict=True):
        p.changeDynamics(body.id, joint, jointDamping=value, physicsClientId=client)


def scale_colours(client: int, body: Body, factors: Array) -> None:
    """Scale the colours of all links' meshes by ``factors`` ``(l, 3)``, root first."""
    p = engine.pybullet()
    for _, link, *_, rgba in p.getVisualShapeData(body.id, physicsClientId=client):
        rgb = [min(1.0, c * f) for c, f in zip(rgba, factors[link + 1].tolist(), strict=False)]
        p.changeVisualShape(body.id, link, rgbaColor=[*rgb, rgba[3]], physicsClientId=client)
