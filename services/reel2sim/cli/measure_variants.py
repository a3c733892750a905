"""Settings of a stage by name, as ``NAME:key=value,key=value``."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from reel2sim.reconstruction import ReconstructionConfig
from reel2sim.rigging import RiggingConfig
from reel2sim.scene.errors import UsageError

Value = int | float | bool | str
Stage = Literal["reconstruction", "rigging"]

_NAME = re.compile(r"[\w.+-]+")
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class _Settings:
    """A stage's configuration, and what its presets take beside their name."""

    type: Any
    options: tuple[str, ...]


_SETTINGS: dict[Stage, _Settings] = {
    "reconstruction": _Settings(ReconstructionConfig, ("seed", "device")),
    "rigging": _Settings(RiggingConfig, ("seed",)),
}


@dataclass(frozen=True)
class Variant:
    """A preset with some settings changed.

    Attributes:
        name: for tables and folders.
        overrides: fields of the stage's configuration.
        stage: whose settings they are.
    """

    name: str
    overrides: Mapping[str, Value]
    stage: Stage = "reconstruction"

    def config(self, options: Mapping[str, Any]) -> Any:
        """The stage's configuration for ``preset``, ``seed`` and ``device`` in ``options``.

        Raises:
            UsageError: if there is no such preset or field, or a value is out of range.
        """
        known = _SETTINGS[self.stage]
        asked = {key: options[key] for key in known.options}
        config = known.type.preset(options["preset"], **asked)
        for field in self.overrides:
            _field_type(field, self.name, self.stage)
        overrides: dict[str, Any] = dict(self.overrides)
        return replace(config, **overrides)


PLAIN = Variant("full", {})
"""The preset as it is."""

ABLATION: tuple[tuple[str, str], ...] = (
    ("no_densify", "densify=0"),
    ("no_reveal", "reveal=false"),
    ("no_refinement", "refinement=false"),
    ("no_harmonics", "sh_degree=0"),
)
"""Names and settings of the preset without one of its parts at a time."""


def parse_variants(
    texts: Sequence[str], *, ablation: bool = False, stage: Stage = "reconstruction"
) -> tuple[Variant, ...]:
    """The variants that were asked for; the plain preset if none was.

    Args:
        texts: ``NAME:key=value,key=value`` each, or ``NAME`` alone for the plain preset.
        ablation: also the reconstruction's preset and it without one of its parts at a time.
        stage: whose settings they are.

    Raises:
        UsageError: if a text cannot be read, a field is unknown, or a name comes twice.
    """
    asked = list(texts)
    if ablation:
        asked = [PLAIN.name, *(f"{name}:{text}" for name, text in ABLATION), *asked]
    found = tuple(_parse(text, stage) for text in asked) or (Variant(PLAIN.name, {}, stage),)
    names = [variant.name for variant in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name!r} comes twice", field="--variant")
    return found


def _parse(text: str, stage: Stage) -> Variant:
    name, _, settings = text.partition(":")
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{text!r} does not start with a name",
            field="--variant",
            remedy="write NAME:key=value,key=value",
        )
    overrides: dict[str, Value] = {}
    for setting in filter(None, settings.split(",")):
        key, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(
                f"{setting!r} is not key=value", source=f"variant {name}", field="--variant"
            )
        overrides[key] = _value(value, _field_type(key, name, stage), f"variant {name}", key)
    return Variant(name, overrides, stage)


def _field_type(key: str, name: str, stage: Stage) -> Any:
    types = typing.get_type_hints(_SETTINGS[stage].type)
    if key not in types:
        near = difflib.get_close_matches(key, types, n=3) or sorted(types)
        raise UsageError(
            f"the {stage} has no setting {key!r}",
            source=f"variant {name}",
            field="--variant",
            remedy=f"choose from {', '.join(near)}",
        )
    return types[key]


def _value(text: str, kind: Any, source: str, key: str) -> Value:
    """``text`` as a value of type ``kind``."""
    choices = typing.get_args(kind) if typing.get_origin(kind) is Literal else ()
    try:
        if kind is bool:
            return _WORDS[text.lower()]
        if kind in (int, float, str):
            return kind(text)
        if text in choices:
            return text
    except (KeyError, ValueError):
        pass
    wanted = " or ".join(map(str, choices)) or getattr(kind, "__name__", str(kind))
    raise UsageError(f"{text!r} is not {wanted}", source=source, field=key)
