"""A model's card: what it was trained on and for how long, what it reaches, and what it cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from reel2sim.generation.uvit.agreement import said
from reel2sim.generation.uvit.checkpoint import Model
from reel2sim.generation.uvit.sample import Sample
from reel2sim.scene.errors import PromptError

_LIMITS = (
    "One object at a time, of the families above, seen small: nothing finer than a few pixels of "
    "{size}×{size} is there.",
    "Words that training did not have are spelled in bytes and hardly understood.",
    "Nothing in it knows physics or geometry: shapes may change from view to view.",
    "Trained on synthetic renders alone; pictures of real things are outside of what it knows.",
)


def describe(
    model: Model,
    learned: Sequence[Sample],
    kept: Sequence[Sample],
    figures: Mapping[str, Any],
    *,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The card of a model that is to be given away, in place of what training noted.

    Args:
        model: with the card that training gave it.
        learned: samples that it was trained on.
        kept: samples that the figures are of.
        figures: what :func:`~reel2sim.generation.uvit.evaluate.evaluate` found; may be empty.
        notes: limits of this model besides those that all have.
    """
    seen = {sample.prompt for sample in learned}
    return {
        **model.card,
        "data": {
            "samples": len(learned),
            "prompts": len(seen),
            "families": dict(sorted(Counter(_family(s.prompt) for s in learned).items())),
            "held_out": len(kept),
            "held_out_prompts_seen": sum(sample.prompt in seen for sample in kept),
        },
        "figures": _summary(figures),
        "limits": [text.format(size=model.layout.size) for text in _LIMITS] + list(notes),
    }


def _family(prompt: str) -> str:
    try:
        return said(prompt).family
    except PromptError:
        return "other"


def _summary(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures without the long lists they were found from."""
    found: dict[str, Any] = {
        name: figures[name]
        for name in ("autoencoder", "agreement", "guidance", "consistency", "seconds", "samples")
        if name in figures
    }
    for name, kept in (
        ("motion", ("spearman", "within")),
        ("captions", ("words_right", "chance")),
        ("config", ("steps", "text_scale", "motion_scale", "seed")),
    ):
        if name in figures:
            found[name] = {key: figures[name][key] for key in kept if key in figures[name]}
    return found


def card_text(model: Model) -> str:
    """A model's card to read, as Markdown."""
    card, layout = model.card, model.layout
    lines = [
        "# U-ViT video model",
        "",
        f"{model.parameters / 1e6:.2f} million weights. A sample is {layout.static} pictures of a "
        f"still orbit, {layout.moving} of a moving orbit and {layout.front} of a front camera, "
        f"{layout.size}×{layout.size}.",
        "",
        "## Training",
        "",
        *_items(
            {
                "steps": card.get("steps"),
                "steps of the autoencoder": card.get("autoencoder_steps"),
                "processor seconds": card.get("processor_seconds"),
                **dict(card.get("data", {"samples": model.facts.samples})),
            }
        ),
    ]
    for title, key in (("Figures", "figures"), ("Limits", "limits")):
        if card.get(key):
            lines += ["", f"## {title}", "", *_items(card[key])]
    return "\n".join(lines)


def _items(record: Any, depth: int = 0) -> list[str]:
    """Nested records as a list of lists."""
    indent = "  " * depth
    if isinstance(record, Mapping):
        lines: list[str] = []
        for name, value in record.items():
            label = str(name).replace("_", " ")
            if isinstance(value, Mapping) and not any(
                isinstance(inner, Mapping | list) for inner in value.values()
            ):
                lines.append(f"{indent}- {label}: {_row(value)}")
            elif isinstance(value, Mapping | list):
                lines += [f"{indent}- {label}:", *_items(value, depth + 1)]
            else:
                lines.append(f"{indent}- {label}: {_number(value)}")
        return lines
    if isinstance(record, list):
        lines = []
        for value in record:
            text = _row(_flat(value)) if isinstance(value, Mapping) else _number(value)
            lines.append(f"{indent}- {text}")
        return lines
    return [f"{indent}- {_number(record)}"]


def _row(record: Mapping[str, Any]) -> str:
    return "; ".join(f"{str(k).replace('_', ' ')} {_number(v)}" for k, v in record.items())


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in record.items():
        label = f"{prefix} {name}".strip().replace("_", " ")
        found |= _flat(value, label) if isinstance(value, Mapping) else {label: value}
    return found


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
