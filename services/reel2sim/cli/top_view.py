"""A server's status on the terminal."""

from __future__ import annotations

from collections import defaultdict

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from reel2sim.client.status import CallCount, EndedOperation, ServerStatus

_STATE_STYLES = {"SUCCEEDED": "green", "FAILED": "red", "CANCELLED": "yellow"}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_SHOWN_ENDS, _SHOWN_CALLS = 8, 10


def status_view(
    address: str, status: ServerStatus, before: ServerStatus | None = None
) -> RenderableType:
    """All there is to see of a server.

    Args:
        address: of the server.
        status: of now.
        before: an earlier one of the same server, to tell rates by.
    """
    parts: list[RenderableType] = [_header(address, status), Text(), _queue(status)]
    parts += [_running(status), _workers(status)]
    if status.stages:
        parts.append(_stages(status))
    if status.recent_ends:
        parts.append(_ends(status.recent_ends))
    if status.calls:
        parts.append(_calls(status, before))
    return Group(*parts)


def duration(seconds: float) -> str:
    """A time span for people: ``0.4 s``, ``12 s``, ``3:25``, ``2:03:25``, ``4 d 02:03``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days} d {hour:02d}:{minute:02d}"
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def amount(size: float) -> str:
    """Bytes for people: ``512 B``, ``1.5 MiB``."""
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    digits = 0 if unit == 0 or size >= 100 else 1
    return f"{size:.{digits}f} {_UNITS[unit]}"


def _header(address: str, status: ServerStatus) -> Text:
    queued = sum(load.queued for load in status.loads)
    text = Text()
    text.append(f"reel2sim {status.version}", style="bold")
    text.append(f" at {address}, up {duration(status.uptime_s)}, {amount(status.resident_bytes)}\n")
    text.append(f"{queued} queued", style="bold" if queued else "")
    if queued:
        text.append(f" (oldest {duration(status.oldest_queued_s)})")
    busy = sum(1 for worker in status.workers if worker.operation)
    text.append(f", {busy} of {len(status.workers)} workers busy, ")
    text.append(f"{status.artifacts} artifacts ({amount(status.artifact_bytes)}), ")
    text.append(f"up {amount(status.uploaded_bytes)}, down {amount(status.downloaded_bytes)}, ")
    text.append(f"{status.environments} environments of {status.environment_clients} clients")
    return text


def _queue(status: ServerStatus) -> RenderableType:
    text = Text("queue  ", style="bold")
    for load in status.loads:
        style = "" if load.queued or load.running else "dim"
        text.append(f"{load.kind} {load.queued}+{load.running}  ", style=style)
    text.append("(waiting+running)", style="dim")
    return text


def _running(status: ServerStatus) -> RenderableType:
    if not status.running:
        return Text("nothing runs here", style="dim")
    table = _plain("operation", "kind", "try", "stage", "", "%", "in stage", "running", "age", "")
    for one in status.running:
        table.add_row(
            _id(one.name),
            one.kind,
            str(one.attempt),
            Text(one.stage),
            ProgressBar(total=1.0, completed=one.fraction, width=16),
            f"{100 * one.fraction:.0f}",
            duration(one.stage_s),
            duration(one.run_s),
            duration(one.age_s),
            Text(one.message[:40], style="dim"),
        )
    return table


def _workers(status: ServerStatus) -> RenderableType:
    table = _plain("worker", "pid", "memory", "operation")
    for one in status.workers:
        table.add_row(
            str(one.index),
            str(one.pid) if one.pid else Text("gone", style="red"),
            amount(one.resident_bytes),
            _id(one.operation) if one.operation else Text("waits", style="dim"),
        )
    return table


def _stages(status: ServerStatus) -> RenderableType:
    table = _plain("stage", "runs", "mean", "cache hits", "misses")
    for one in status.stages:
        mean = one.seconds / one.runs if one.runs else 0.0
        hits, misses = str(one.cache_hits), str(one.cache_misses)
        table.add_row(Text(one.stage), str(one.runs), duration(mean), hits, misses)
    return table


def _ends(ends: tuple[EndedOperation, ...]) -> RenderableType:
    table = _plain("ended", "operation", "kind", "state", "took", "why")
    for end in ends[:_SHOWN_ENDS]:
        table.add_row(
            f"{duration(end.ago_s)} ago",
            _id(end.name),
            end.kind,
            Text(end.state.lower(), style=_STATE_STYLES.get(end.state, "")),
            duration(end.run_s),
            Text(end.error[:60]),
        )
    return table


def _calls(status: ServerStatus, before: ServerStatus | None) -> RenderableType:
    """The busiest methods, and every code but OK."""
    rates = _rates(status, before)
    table = _plain("calls", "code", "number", "per s", "mean")
    busiest = sorted(status.calls, key=lambda call: (call.code == "OK", -call.count))
    for call in busiest[:_SHOWN_CALLS]:
        rate = rates.get(_key(call))
        table.add_row(
            f"{call.service.rpartition('.')[2]}/{call.method}",
            Text(call.code, style="" if call.code == "OK" else "yellow"),
            str(call.count),
            "" if rate is None else f"{rate:.1f}",
            f"{1000 * call.mean_s:.1f} ms" if call.mean_s < 1 else duration(call.mean_s),
        )
    return table


def _rates(status: ServerStatus, before: ServerStatus | None) -> dict[tuple[str, str, str], float]:
    """Calls per second since ``before``; nothing if the server has started anew meanwhile."""
    if before is None or status.uptime_s <= before.uptime_s:
        return {}
    earlier: dict[tuple[str, str, str], int] = defaultdict(int)
    earlier.update({_key(call): call.count for call in before.calls})
    passed_s = status.uptime_s - before.uptime_s
    return {_key(call): (call.count - earlier[_key(call)]) / passed_s for call in status.calls}


def _key(call: CallCount) -> tuple[str, str, str]:
    return (call.service, call.method, call.code)


def _id(name: str) -> str:
    """As much of an operation's name as tells it from others."""
    return name.rpartition("/")[2][:12]


def _plain(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    for column in columns:
        right = column in ("try", "%", "in stage", "running", "age", "memory", "pid", "number")
        right = right or column in ("per s", "mean", "took", "runs", "cache hits", "misses")
        table.add_column(column, justify="right" if right else "left", no_wrap=True)
    return table
