"""Log lines: in context, one object a line, and never with a secret in them."""

import asyncio
import io
import json
import logging
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.observe.context import about, current_fields, process_about
from reel2sim.observe.logs import JsonFormatter, TextFormatter, relay, set_up_logs
from reel2sim.observe.secrets import REDACTED, Redactor, redactor
from reel2sim.scene.errors import UsageError

# No letter of a secret occurs in what a line has anyway, so that finding one means a leak.
secrets = st.text(alphabet="ЖЩ…§«'\"\\{}%\n ", min_size=2, max_size=20).filter(
    lambda s: any(c in s for c in "ЖЩ…§«")
)


def record_with(secret, where):
    """A log record that carries ``secret`` in one of the ways that records can."""
    record = logging.makeLogRecord({"msg": "something happened", "levelname": "INFO"})
    if where == "message":
        record.msg = f"calling with {secret} in it"
    elif where == "quoted":
        record.msg = f"calling with {[secret]!r} and {json.dumps({'k': secret})}"
    elif where == "argument":
        record.msg, record.args = "calling with %s", (secret,)
    elif where == "extra":
        record.detail = secret
    elif where == "nested":
        record.detail = {"inner": [1, {secret: (b"bytes", secret.encode())}]}
    elif where == "exception":
        try:
            raise ValueError(secret)
        except ValueError:
            record.exc_info = sys.exc_info()
    else:
        record.api_key = secret
    return record


def texts(value):
    """All texts in a value read from JSON."""
    if isinstance(value, dict):
        return [t for pair in value.items() for part in pair for t in texts(part)]
    return [t for part in value for t in texts(part)] if isinstance(value, list) else [str(value)]


@settings(deadline=None)
@given(
    secret=secrets,
    where=st.sampled_from(
        ["message", "quoted", "argument", "extra", "nested", "exception", "name"]
    ),
    kind=st.sampled_from([JsonFormatter, TextFormatter]),
)
def test_no_secret_leaves_by_any_way(secret, where, kind):
    line = kind("test", secrets=Redactor([secret])).format(record_with(secret, where))
    assert secret not in line
    if kind is JsonFormatter:
        assert "\n" not in line
        assert all(secret not in text for text in texts(json.loads(line)))
    assert REDACTED in line


def test_a_redactor_that_knows_no_secret_lets_that_line_through():
    """The control of the test above: what it tries does carry the secret."""
    for where in ("message", "quoted", "argument", "extra", "nested", "exception"):
        assert "ЖЩ§" in JsonFormatter("test", secrets=Redactor()).format(record_with("ЖЩ§", where))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("authorization: Bearer abc.def-123", "abc.def-123"),
        ("{'authorization': 'bearer abc123'}", "abc123"),
        ("postgresql://reel:pa55w0rd@db:5432/queue", "pa55w0rd"),
        ("REEL2SIM_TOKEN=abc123 reel2sim serve", "abc123"),
        ('{"password": "abc123", "user": "me"}', "abc123"),
        ("AWS_SECRET_ACCESS_KEY: abc/123+x", "abc/123+x"),
        ("-----BEGIN EC PRIVATE KEY-----\nabc123\n-----END EC PRIVATE KEY-----", "abc123"),
        ("-----BEGIN PRIVATE KEY-----\nabc123 cut off", "abc123"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_though_nobody_named_it(text, hidden):
    clean = Redactor().text(text)
    assert hidden not in clean
    assert REDACTED in clean


@settings(deadline=None)
@given(st.text(alphabet="abcdefghij /.,0123456789", max_size=80))
def test_other_text_stays_as_it_is(text):
    assert Redactor(["ЖЩ"]).text(text) == text


def test_variables_whose_names_say_so_are_secrets():
    learned = Redactor()
    learned.learn_environment({"X_TOKEN": "ЖЩ1", "TOKEN_FILE": "/run/token", "HOME": "/root"})
    assert learned.text("ЖЩ1 /run/token /root") == f"{REDACTED} /run/token /root"


def test_each_task_has_its_own_context_and_threads_see_that_of_the_process():
    seen = {}

    async def task(name):
        with about(operation=name, trace_id=""):
            await asyncio.sleep(0)
            seen[name] = current_fields()

    async def both():
        await asyncio.gather(task("a"), task("b"))

    asyncio.run(both())
    assert seen == {"a": {"operation": "a"}, "b": {"operation": "b"}}
    with process_about(operation="c"):
        thread = threading.Thread(target=lambda: seen.update(thread=current_fields()))
        thread.start()
        thread.join()
    assert seen["thread"] == {"operation": "c"}
    assert current_fields() == {}


def test_lines_carry_their_context_in_both_forms():
    record = logging.makeLogRecord({"msg": "done", "levelname": "INFO", "seconds": 1.5})
    record._noted_by_a_library = 1  # as Ray does with every record of its process
    with about(operation="operations/1"):
        facts = json.loads(JsonFormatter("server").format(record))
        line = TextFormatter("server").format(record)
    assert (facts["operation"], facts["seconds"], facts["level"]) == ("operations/1", 1.5, "info")
    assert line.endswith("done operation=operations/1 seconds=1.5")


def test_what_a_child_writes_comes_out_as_one_object_a_line(monkeypatch, capsys):
    monkeypatch.setenv("REEL2SIM_LOG_FORMAT", "json")
    monkeypatch.setattr(redactor, "_secrets", ("ЖЩ",))
    careless = JsonFormatter("worker", secrets=Redactor())
    own = careless.format(logging.makeLogRecord({"msg": "hello ЖЩ"}))
    script = (
        "import sys; w = sys.stderr.buffer.write\n"
        f"w({(own + chr(10)).encode()!r}); w(b'from a library\\n\\xff\\x00 not text\\n')\n"
        "w('key ЖЩ\\n'.encode()); w(b'x' * 100_000); w(b'\\nlast words')"
    )

    async def main():
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, stderr=asyncio.subprocess.PIPE
        )
        await relay(child.stderr, "worker", pid=7)

    asyncio.run(main())
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = [line["message"] for line in lines]
    assert told[:2] == [f"hello {REDACTED}", "from a library"]
    assert told[3] == f"key {REDACTED}"
    assert told[-1] == "last words"
    assert max(map(len, told)) <= 16 << 10
    assert sum(len(t) for t in told if set(t) == {"x"}) >= 16 << 10


def test_an_unknown_format_is_refused(monkeypatch):
    monkeypatch.setenv("REEL2SIM_LOG_FORMAT", "xml")
    with pytest.raises(UsageError, match="log_format"):
        set_up_logs("test", stream=io.StringIO())
