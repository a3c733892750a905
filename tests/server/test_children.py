"""Nothing outlives the worker that started it."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from reel2sim.scene import lifeline

HELPERS = Path(__file__).parent / "helpers"
CHILDREN = {"decoder", "coacd_worker", "crate_worker", "bullet_worker", "batch"}
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills at once")


def number(file: Path) -> int | None:
    text = file.read_text() if file.exists() else ""
    return int(text) if text else None


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@LINUX
def test_children_of_every_kind_die_with_their_parent(tmp_path, eventually):
    script = HELPERS / "begin_children.py"
    with subprocess.Popen([sys.executable, str(script), str(tmp_path)]) as parent:
        files = [tmp_path / f"{name}.pid" for name in CHILDREN]
        try:
            eventually(lambda: all(number(file) for file in files), timeout_s=300)
        finally:
            parent.kill()
    eventually(lambda: all(gone(number(file)) for file in files))


def test_a_worker_that_is_killed_takes_its_group_with_it(client, tmp_path, eventually):
    name = client.start(prompt=f"beget {tmp_path / 'child.pid'}").name
    pid = eventually(lambda: number(tmp_path / "child.pid"))
    client.cancel(name)
    eventually(lambda: gone(pid))


def test_a_child_whose_parent_is_gone_already_does_nothing(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("print('it ran')")
    command = lifeline.script_command(script)
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"it ran\n"
    command[3] = "1"
    assert subprocess.run(command, capture_output=True, check=True).stdout == b""


def test_a_script_sees_what_it_would_see_alone(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys; print(__name__, __file__, sys.argv, sys.flags.safe_path)")
    told = [
        subprocess.run(command, capture_output=True, check=True).stdout
        for command in (
            lifeline.script_command(script, "a", "--b"),
            [sys.executable, "-P", str(script), "a", "--b"],
        )
    ]
    assert told[0] == told[1]


@pytest.mark.skipif(sys.platform == "win32", reason="processes have no parents there")
def test_where_the_kernel_does_not_kill_a_thread_looks(tmp_path, eventually):
    """Elsewhere than on Linux: told by a parent that starts a child which believes so."""
    child = tmp_path / "child.py"
    child.write_text(
        "import os, pathlib, sys, time\n"
        "from reel2sim.scene.lifeline import die_with\n"
        "sys.platform = 'other'\n"
        "die_with(os.getppid())\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    start = f"import subprocess, sys; subprocess.run([sys.executable, {str(child)!r}])"
    with subprocess.Popen([sys.executable, "-c", start]) as parent:
        try:
            pid = eventually(lambda: number(tmp_path / "pid"))
        finally:
            parent.kill()
    eventually(lambda: gone(pid))
