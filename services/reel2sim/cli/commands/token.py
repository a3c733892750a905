"""``reel2sim token``."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from reel2sim.cli.options import Common, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console


@dataclass(frozen=True, kw_only=True)
class Token:
    """Make a token for somebody who is to call a server, and their entry for its list of callers.

    The token is shown once, on stderr; the server keeps its digest only. Put the entry, which goes
    to stdout, into the file that `reel2sim serve --callers FILE` reads: it takes effect at once.

    Examples:
      reel2sim token alice >> callers.toml
      reel2sim token dashboard --scopes read --max-operations 0 >> callers.toml
      reel2sim token root --scopes admin >> callers.toml
    """

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    """Who it is for; what they make belongs to this name."""
    scopes: Annotated[
        tuple[Literal["read", "write", "admin"], ...], tyro.conf.arg(metavar="SCOPE ...")
    ] = ("read", "write")
    """read: see one's own operations and artifacts; write: make and remove them; admin: do so
    with everybody's, and see how the server fares."""
    max_operations: Annotated[int | None, shown("N")] = None
    """Operations they may have unfinished."""
    max_artifact_bytes: Annotated[int | None, shown("BYTES")] = None
    """Bytes their artifacts may hold."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Make one."""
        from reel2sim.scene.errors import UsageError
        from reel2sim.transport.names import TOKEN

        if not TOKEN.match(self.name):
            raise UsageError("must be 1 to 64 letters, digits, '-' or '_'", field="NAME")
        token = secrets.token_urlsafe(32)
        entry: dict[str, object] = {
            "name": self.name,
            "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
            "scopes": list(self.scopes),
        }
        for limit in ("max_operations", "max_artifact_bytes"):
            if (value := getattr(self, limit)) is not None:
                if value < 0:
                    raise UsageError("must not be negative", field=f"--{limit}".replace("_", "-"))
                entry[limit] = value
        if self.common.json:
            console.result({"token": token, "caller": entry})
            return 0
        lines = [f"{key} = {_toml(value)}" for key, value in entry.items()]
        print("\n".join(["[[caller]]", *lines, ""]))
        console.note(f"the token of {self.name}, which is shown only now:\n{token}")
        return 0


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
