"""A small stack of a test's own, and the one that all tests share."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commerce.stack.layout import Stack

STACK = [sys.executable, "-m", "commerce.stack"]


@pytest.fixture
def shared_stack() -> Stack:
    """Return the throw-away stack that this test run stands on."""
    return Stack(Path(os.environ["COMMERCE_STACK_DIR"]))


@pytest.fixture
def stack_command():
    """Return a function that runs `python -m commerce.stack …` and returns code, output and errors."""

    def call(*arguments, directory=None, **environment):
        place = ["--dir", str(directory)] if directory else []
        return subprocess.run(
            [*STACK, *place, *map(str, arguments)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return call


@pytest.fixture
def stack_directory(stack_command, tmp_path):
    """Return a directory for a stack of our own, whose data is deleted after the test, wherever it is."""
    directory = tmp_path / "with space" / "stack"
    yield directory
    assert stack_command("reset", directory=directory).returncode == 0


@contextlib.contextmanager
def running(parts: str, command: str = 'echo "$COMMERCE_STACK_DIR"; cat'):
    """Run a stack of our own until the block ends; gives its `run` process and its directory."""
    arguments = [*STACK, "run", "--only", parts, "--", "sh", "-c", command]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        line = process.stdout.readline().decode().strip()
        assert line, "the stack did not start"
        yield process, Path(line)


@pytest.fixture
def redis_stack():
    """Return the directory of a stack of our own with the two Redis."""
    with running("redis") as (_, directory):
        yield directory


@pytest.fixture
def postgres_stack():
    """Return the directory of a stack of our own with the primary and the standby."""
    with running("postgres") as (_, directory):
        yield directory
