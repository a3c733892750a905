"""Prompts as numbers: the words that training saw, and bytes for every other."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from reel2sim.scene.errors import InputError, PromptError

PAD, SPELL, UNSPELL = 0, 1, 2
"""Nothing; what follows are the bytes of a word; the word ends."""
_BYTES = 3
_WORDS = _BYTES + 256
_PIECES = re.compile(r"[a-z]+|\d+|[^\sa-z\d]")
"""As the grammar of the scripted backend takes prompts apart."""


@dataclass(frozen=True)
class Vocabulary:
    """A reversible code of texts.

    Attributes:
        words: each has a number of its own; distinct, none empty.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        good = all(isinstance(w, str) and pieces(w) == [w] for w in self.words)
        if not good or len({*self.words}) != len(self.words):
            raise InputError("are not distinct single words", source="Vocabulary", field="words")

    @classmethod
    def of(cls, prompts: Iterable[str], *, most: int = 4096) -> Vocabulary:
        """The words of ``prompts``, most frequent first, at most ``most``; others are spelled."""
        counts = Counter(piece for prompt in prompts for piece in pieces(prompt))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(tuple(ranked[:most]))

    def __len__(self) -> int:
        return _WORDS + len(self.words)

    def encode(self, text: str, length: int) -> list[int]:
        """Numbers of ``text``, filled up to ``length`` with :data:`PAD`.

        Raises:
            PromptError: if it is longer.
        """
        found: list[int] = []
        for piece in pieces(text):
            number = self._numbers.get(piece)
            spelled = [SPELL, *(_BYTES + b for b in piece.encode()), UNSPELL]
            found += spelled if number is None else [number]
        if len(found) > length:
            raise PromptError(
                f"has {len(found)} tokens, the model reads {length}",
                source="prompt",
                remedy="say it in fewer, plainer words",
            )
        return found + [PAD] * (length - len(found))

    def decode(self, numbers: Sequence[int]) -> str:
        """The text of ``numbers``: its pieces with a space between, ``""`` for padding.

        Bytes that spell nothing are replaced, so that any numbers are some text.
        """
        found: list[str] = []
        letters: list[int] | None = None
        for number in numbers:
            if number == SPELL:
                letters = []
            elif _BYTES <= number < _WORDS:
                if letters is not None:
                    letters.append(number - _BYTES)
            elif number == UNSPELL:
                if letters:
                    found.append(bytes(letters).decode("utf-8", errors="replace"))
                letters = None
            elif number >= _WORDS:
                found.append(self.words[number - _WORDS])
        return " ".join(found)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: _WORDS + i for i, word in enumerate(self.words)}

    def to_json(self) -> str:
        """All words, for a checkpoint."""
        return json.dumps(self.words)


def pieces(text: str) -> list[str]:
    """Words, numbers and marks of a text, in lower case."""
    return _PIECES.findall(text.lower())
