"""Edits are plain values: what is recorded can be read back, and what is wrong is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reel2sim.editing import (
    Add,
    AddCamera,
    AddLight,
    MakeOf,
    Move,
    Recolor,
    Remove,
    Replace,
    Scale,
    SetBackground,
    SetDensity,
    SetGravity,
    SetGround,
    SetJoint,
    edit_from,
    words,
)
from reel2sim.scene.errors import UsageError
from reel2sim.transport.edits import edit_from_message, message_of
from reel2sim.v1 import editing_pb2
from reel2sim.v1.editing_pb2 import SceneEdit

NUMBER = st.floats(-1e6, 1e6)
POINT = st.tuples(NUMBER, NUMBER, NUMBER)
POSITIVE = st.floats(1e-3, 1e3)
TEXT = st.text("abcxyz_/0123", min_size=1, max_size=12)
MAYBE = st.none()

EDITS = st.one_of(
    st.builds(Add, source=TEXT, name=TEXT, at=MAYBE | POINT, turn_deg=NUMBER, fixed=st.booleans()),
    st.builds(Remove, target=TEXT),
    st.builds(Move, target=TEXT, at=POINT, turn_deg=NUMBER),
    st.builds(Scale, target=TEXT, factor=POSITIVE),
    st.builds(Recolor, target=TEXT, color=st.tuples(*[st.floats(0, 1)] * 3)),
    st.builds(Replace, target=TEXT, source=TEXT, fit=st.booleans()),
    st.builds(MakeOf, target=TEXT, material=TEXT),
    st.builds(SetDensity, target=TEXT, density=POSITIVE),
    st.builds(SetJoint, target=TEXT, field=st.just("limits"), value=st.tuples(NUMBER, NUMBER)),
    st.builds(SetJoint, target=TEXT, field=st.just("type"), value=TEXT),
    st.builds(SetGravity, gravity=POINT),
    st.builds(SetGround, height=MAYBE | NUMBER | st.just("auto")),
    st.builds(AddLight, name=TEXT, kind=st.sampled_from(["sun", "point"]), at=POINT),
    st.builds(AddCamera, name=TEXT, at=POINT, target=st.just((1e7, 0.0, 0.0))),
    st.builds(SetBackground, source=MAYBE | TEXT),
)


@given(EDITS)
def test_a_record_reads_back_as_the_edit(edit) -> None:
    assert edit_from(json.loads(json.dumps(edit.record()))) == edit


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("scale", "is not an edit"),
        ({"op": "explode"}, "op is one of"),
        ({"op": "scale", "target": "door"}, "factor"),
        ({"op": "scale", "target": "door", "factor": 0}, "positive"),
        ({"op": "scale", "target": "door", "factor": "big"}, "positive"),
        ({"op": "scale", "target": "door", "factor": 2, "speed": 1}, "has no field 'speed'"),
        ({"op": "move", "target": "door", "at": [1, 2]}, "3 numbers"),
        ({"op": "recolor", "target": "door", "color": [2, 0, 0]}, "0..1"),
        ({"op": "joint", "target": "hinge", "field": "colour", "value": 1}, "no 'colour' to set"),
        ({"op": "joint", "target": "hinge", "field": "limits", "value": [1]}, "2 numbers"),
        ({"op": "light", "name": "a", "kind": "moon", "at": [0, 0, 1]}, "sun or point"),
        ({"op": "camera", "name": "a", "at": [0, 0, 1], "target": [0, 0, 1]}, "camera stands"),
    ],
)
def test_what_is_no_edit_is_refused_by_name(record, said) -> None:
    with pytest.raises(UsageError) as error:
        edit_from(record)
    assert said in str(error.value)


def test_words_of_the_command_line() -> None:
    assert words.scale("cabinet/door=1.5") == Scale(target="cabinet/door", factor=1.5)
    assert words.recolor("door=#ff0000") == Recolor(target="door", color=(1.0, 0.0, 0.0))
    assert words.move("a=1,2,3,90") == Move(target="a", at=(1.0, 2.0, 3.0), turn_deg=90.0)
    limits = SetJoint(target="a/hinge", field="limits", value=(-0.5, 1.2))
    assert words.joint("a/hinge.limits=-0.5,1.2") == limits
    assert words.ground("auto") == SetGround(height="auto")
    assert words.ground("none") == SetGround(height=None)
    sun = AddLight(name="day", kind="sun", at=(1.0, 0.0, 3.0), strength=500.0)
    assert words.light("day=sun@1,0,3,500") == sun
    camera = AddCamera(name="c", at=(0.0, -3.0, 1.0), target=(0.0, 0.0, 0.0), fov_deg=40.0)
    assert words.camera("c=0,-3,1:0,0,0:40") == camera


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (words.scale, "door"),
        (words.scale, "door=big"),
        (words.recolor, "door=notacolour"),
        (words.move, "a=1,2"),
        (words.joint, "limits=1,2"),
        (words.light, "day=sun"),
        (words.camera, "c=1,2,3"),
        (words.ground, "low"),
    ],
)
def test_words_that_mean_nothing_are_refused(reader, text) -> None:
    with pytest.raises(UsageError) as error:
        reader(text)
    assert (error.value.field or "").startswith("--")


@given(EDITS)
def test_a_message_reads_back_as_the_edit(edit) -> None:
    sent = SceneEdit.FromString(message_of(edit).SerializeToString())
    back = edit_from_message(sent)
    unnamed = {**edit.record(), **({"name": ""} if hasattr(edit, "source") else {})}
    assert {**back.record(), **({"name": ""} if hasattr(back, "source") else {})} == unnamed


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (SceneEdit(), "edit"),
        (SceneEdit(move=editing_pb2.MoveAsset(target="a")), "at"),
        (SceneEdit(scale=editing_pb2.ScalePart(target="a")), "factor"),
        (SceneEdit(ground=editing_pb2.SetGround()), "ground"),
        (SceneEdit(joint=editing_pb2.SetJoint(target="a", field="limits", value=[1])), "value"),
    ],
)
def test_a_message_that_is_no_edit_is_refused_by_field(message, field) -> None:
    with pytest.raises(UsageError) as error:
        edit_from_message(message)
    assert error.value.field == field
