"""The film and the page for people."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from reel2sim.exporters.check.report import Notes

FILM, PAGE = "preview.mp4", "report.html"
_LOADED = {"src", "srcset", "poster", "data", "background", "xlink:href"}
_URL = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", re.IGNORECASE)


def check_film(notes: Notes) -> None:
    """Decode all frames of the preview, which may be absent."""
    path = notes.root / FILM
    if not path.is_file():
        return
    with notes.guard("FILM001", FILM):
        import av

        with av.open(str(path)) as film:
            frames = sum(1 for _ in film.decode(video=0))
        if not frames:
            raise ValueError("holds no frames")
        notes.counts["film_frames"] = frames


def check_page(notes: Notes) -> None:
    """Note what the report loads from elsewhere."""
    with notes.guard("PAGE001", PAGE):
        text = (notes.root / PAGE).read_text(encoding="utf-8")
        page = _Page()
        page.feed(text)
        page.close()
        if not page.whole:
            raise ValueError("holds no text, or breaks off before its end")
        for target in sorted(set(page.targets)):
            if not target.startswith(("data:", "#", "about:")):
                notes.add("PAGE002", PAGE, f"loads {target[:120]!r}")


class _Page(HTMLParser):
    """Collects what a browser would fetch to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self._said = self._ended = False
        self._in_style = False

    @property
    def whole(self) -> bool:
        """Whether there is text, and then the end."""
        return self._said and self._ended

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        for name, value in attrs:
            value = (value or "").strip()
            # A link to click on fetches nothing; <link> and SVG's <use> and <image> do.
            loads = name in _LOADED or (name == "href" and tag not in ("a", "area", "base"))
            if loads and value:
                self.targets.append(value)
            if name == "style":
                self._collect_css(value)

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False
        self._ended = self._ended or tag == "html"

    def handle_data(self, data: str) -> None:
        self._said = self._said or bool(data.strip())
        if self._in_style:
            self._collect_css(data)

    def _collect_css(self, text: str) -> None:
        self.targets += [first or second for first, second in _URL.findall(text)]
