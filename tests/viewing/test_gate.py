"""Who may talk to a viewer, and what its page is."""

from __future__ import annotations

import pytest

from reel2sim.scene.errors import MissingDependencyError
from reel2sim.viewing.page import Gate, page_of


@pytest.mark.parametrize(
    ("host", "origin", "admitted"),
    [
        ("127.0.0.1:8080", None, True),
        ("localhost:9000", "http://localhost:9000", True),  # through a tunnel
        ("[::1]:8080", "http://[::1]:8080", True),
        ("127.0.0.1:8080", "http://evil.example", False),
        ("127.0.0.1:8080", "http://127.0.0.1:3000", False),
        ("127.0.0.1:8080", "null", False),
        ("evil.example:8080", None, False),  # a name that was made to mean this machine
        ("evil.example:8080", "http://evil.example:8080", False),
        ("localhost; script-src *", None, False),
        ("", None, False),
    ],
)
def test_a_local_viewer_admits_its_own_page_only(host, origin, admitted) -> None:
    assert Gate(b"", host="127.0.0.1").admits(host, origin) is admitted


def test_a_public_viewer_has_any_name_but_no_other_site() -> None:
    gate = Gate(b"", host="0.0.0.0")
    assert gate.admits("lab.example:8080", "http://lab.example:8080")
    assert not gate.admits("lab.example:8080", "http://evil.example")


def test_titles_are_no_markup() -> None:
    page = page_of("<head><title>x</title></head>", title="<script>alert(1)</script>").decode()
    assert "<title>&lt;script&gt;" in page
    with pytest.raises(MissingDependencyError):
        page_of("<head></head>", title="x")
