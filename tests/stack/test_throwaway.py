import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from commerce.stack import processes
from commerce.stack.layout import Stack
from commerce.stack.state import Identity
from tests.stack.conftest import running


def _wait_until(condition, patience=60.0):
    deadline = time.monotonic() + patience
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_command_gets_the_addresses_and_its_exit_code_comes_back(stack_command):
    script = 'test -z "$COMMERCE_ENV_FILE" && test -n "$REDIS_CACHE_URL" && test -d "$COMMERCE_STACK_DIR" && exit 42'
    done = stack_command("run", "--only", "redis", "--", "sh", "-c", script, REDIS_CACHE_URL="", COMMERCE_ENV_FILE="x")
    assert done.returncode == 42
    assert "The logs of the throw-away stack are kept in" in done.stderr


def test_process_that_dies_under_the_command_fails_the_run(stack_command):
    script = 'python -m commerce.stack --dir "$COMMERCE_STACK_DIR" kill broker'
    done = stack_command("run", "--only", "redis", "--", "sh", "-c", script)
    assert done.returncode == 1
    assert "broker died. The end of " in done.stderr


def test_copies_have_servers_of_their_own_and_all_are_looked_after(stack_command):
    script = """if True:
        import os, subprocess, sys
        from pathlib import Path
        from commerce.stack.throwaway import ALL, environment
        copies = os.environ[ALL].split(os.pathsep)
        addresses = [environment(Path(copy))["REDIS_BROKER_URL"] for copy in copies]
        print(*copies, addresses[0] == os.environ["REDIS_BROKER_URL"] != addresses[1])
        subprocess.run([sys.executable, "-m", "commerce.stack", "--dir", copies[1], "kill", "broker"], check=True)
    """
    done = stack_command("run", "--only", "broker", "--copies", "2", "--", sys.executable, "-c", script)
    first, second, has_addresses = done.stdout.split()
    assert (done.returncode, has_addresses) == (1, "True")
    assert f"broker died. The end of {second}" in done.stderr
    assert not Path(first).exists()
    assert not Path(second).exists()


def test_no_copy_at_all_is_refused(stack_command):
    done = stack_command("run", "--copies", "0", "--", "true")
    assert (done.returncode, done.stderr) == (1, "stack: --copies must be 1 or more.\n")


def test_missing_command_is_a_clear_error(stack_command):
    done = stack_command("run", "--only", "redis", "--", "no-such-program")
    assert done.returncode == 1
    assert "stack: Cannot run no-such-program: No such file or directory" in done.stderr


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        (signal.SIGKILL, -signal.SIGKILL),  # the guard cleans up
    ],
)
def test_interrupted_run_leaves_nothing_behind(number, code):
    script = 'sleep 100 & echo "$COMMERCE_STACK_DIR"; exec cat'  # a child in the background, too
    with running("redis", script) as (process, directory):
        mark = f"COMMERCE_STACK_DIR={directory}"
        servers = [record.identity for record in Stack(directory).state.processes.values()]
        assert len(servers) == 2
        assert len(processes.find_with_environment(mark)) >= 2
        process.send_signal(number)
        assert process.wait(timeout=60) == code
        assert _wait_until(lambda: not directory.exists())
        assert not any(processes.is_alive(server) for server in servers)
        assert processes.find_with_environment(mark) == []


def test_next_run_removes_what_a_killed_guard_left(stack_command):
    with running("redis") as (process, directory):
        servers = [record.identity for record in Stack(directory).state.processes.values()]
        owners = [Identity(**raw) for raw in json.loads((directory / "owner").read_text())]
        for owner in reversed(owners):  # the guard, then the run
            os.kill(owner.pid, signal.SIGKILL)
        process.wait()
        assert all(processes.is_alive(server) for server in servers)
        assert stack_command("run", "--only", "cache", "--", "true").returncode == 0
        assert not any(processes.is_alive(server) for server in servers)
        assert not directory.exists()
