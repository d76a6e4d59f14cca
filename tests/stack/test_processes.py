import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from commerce.stack import processes
from commerce.stack.processes import Command


@pytest.fixture
def spawn(tmp_path):
    """Return a function that starts a shell script in a directory with a space in its name."""
    directory = tmp_path / "with space"
    directory.mkdir()
    started = []

    def start(script):
        command = Command(["/bin/sh", "-c", script], {"PATH": os.defpath}, directory)
        started.append(processes.spawn(command, directory / "the.log"))
        return started[-1]

    yield start
    for identity in started:
        processes.stop(identity, first=signal.SIGKILL)


def test_process_of_the_same_number_is_not_taken_for_ours(spawn):
    ours = spawn("sleep 60")
    for other in (
        dataclasses.replace(ours, started=ours.started - 1),
        dataclasses.replace(ours, boot="before the reboot"),
    ):
        assert not processes.is_alive(other)
        processes.stop(other)
        processes.kill_session(other)
    assert processes.is_alive(ours)


def test_stopping_ends_children_that_ignore_it(spawn, tmp_path):
    ours = spawn("(trap '' TERM; echo $$ ready; exec sleep 61) & trap 'exit 0' TERM; wait; wait")
    log = tmp_path / "with space" / "the.log"
    while "ready" not in log.read_text():
        pass
    processes.stop(ours, patience=5)
    assert not processes.is_alive(ours)
    left = subprocess.run(["ps", "-s", str(ours.pid), "-o", "stat="], capture_output=True, text=True, check=False)
    assert [state for state in left.stdout.split() if not state.startswith("Z")] == []


def test_zombie_counts_as_dead():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert processes.identify(child.pid) is None


def test_log_is_for_its_owner_only(spawn, tmp_path):
    identity = spawn("echo hello")
    processes.wait_until_gone(identity, 5)
    log = Path(tmp_path / "with space" / "the.log")
    assert (log.read_text(), log.stat().st_mode & 0o777) == ("hello\n", 0o600)
