"""A stack that lives as long as one command, and is gone afterwards whatever happens.

A guard, a process of its own, waits at the end of a pipe which only we hold open: should even SIGKILL
end us, the guard cleans up. Should it be killed too, the next run does.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict
from pathlib import Path

from commerce.stack import processes, supervise
from commerce.stack.errors import StackError
from commerce.stack.layout import OWNER_FILE, PROJECT, Stack
from commerce.stack.processes import Interrupted
from commerce.stack.state import Identity, locked, write_private

GUARD = "_guard"
PREFIX = "commerce-run-"
MARK = "COMMERCE_STACK_DIR"
ALL = "COMMERCE_STACK_DIRS"
KEPT_LOGS = PROJECT / ".stack-last-run"


def run(command: list[str], names: Collection[str], *, copies: int = 1, say: supervise.Say) -> int:
    """Run a command with the addresses of a fresh stack in its environment and return its exit code.

    Of several copies the command gets the first's addresses, and the directories of all in COMMERCE_STACK_DIRS:
    `environment` turns one into addresses. Returns 1 where the command succeeded but a process died under it.
    """
    clean_leftovers()
    with contextlib.ExitStack() as opened:
        directories = [opened.enter_context(_fresh(names, say)) for _ in range(copies)]
        code = _call(command, directories)
        dead = [directory for directory in directories if _has_died(directory, say)]
        code = code or (1 if dead else 0)
        if code:
            _keep_logs(directories, say)
        return code


@contextlib.contextmanager
def _fresh(names: Collection[str], say: supervise.Say) -> Iterator[Path]:
    with _directory() as directory, _guarded(directory):
        try:
            stack = Stack(directory)
            with locked(stack.lock_file, timeout=10):
                supervise.up(stack, names, say=say)
            yield directory
        finally:
            with processes.uninterrupted():
                destroy(directory)


def _has_died(directory: Path, say: supervise.Say) -> bool:
    stack = Stack(directory)
    dead = supervise.died(stack)
    if dead:
        say(supervise.report(stack, dead))
    return bool(dead)


def destroy(directory: Path) -> None:
    """End a throw-away stack and all that was started with its addresses, and delete it."""
    _end_users(f"{MARK}={directory}")
    stack = Stack(directory)
    with contextlib.suppress(StackError), locked(stack.lock_file, timeout=10):
        stack = Stack(directory)
        supervise.down(stack)
    stack.delete()


def _end_users(mark: str) -> None:
    quiet = 0
    while quiet < 2:  # a process in the midst of its exec shows no environment: look twice
        found = processes.find_with_environment(mark)
        quiet = 0 if found else quiet + 1
        for identity in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(identity.pid, signal.SIGTERM)
        for identity in found:
            processes.stop(identity, patience=5)
        time.sleep(0.05)


def guard(directory: Path) -> None:
    """Wait until our parent closes its end of our standard input; then remove what it left."""
    for number in processes.ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    if directory.exists():
        destroy(directory)


def clean_leftovers() -> None:
    """Remove throw-away stacks of ours whose `run` is dead."""
    for owner_file in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{OWNER_FILE}"):
        with contextlib.suppress(OSError, ValueError, TypeError):
            if owner_file.stat().st_uid != os.geteuid():
                continue
            run_process, guard_process = (Identity(**raw) for raw in json.loads(owner_file.read_text()))
            if not processes.is_alive(run_process) and not processes.is_alive(guard_process):
                destroy(owner_file.parent)


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _guarded(directory: Path) -> Iterator[None]:
    arguments = [sys.executable, "-m", "commerce.stack", "--dir", str(directory), GUARD]
    environment = {"PATH": os.defpath, "LANG": "C.UTF-8"}
    with processes.uninterrupted():
        watcher = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=PROJECT,
            env=environment,
            start_new_session=True,
        )
        owners = [processes.identify(os.getpid()), processes.identify(watcher.pid)]
        write_private(directory / OWNER_FILE, json.dumps([asdict(owner) for owner in owners if owner]))
    try:
        yield
    finally:
        with processes.uninterrupted(), contextlib.suppress(OSError):
            watcher.communicate(timeout=60)


def environment(directory: Path) -> dict[str, str]:
    """Return the addresses of a throw-away stack, those of its superuser too, for tests that inject faults."""
    stack = Stack(directory)
    values = {**stack.all_addresses(), "COMMERCE_ENV_FILE": "", MARK: str(stack.directory)}
    if "primary" in stack.state.ports:
        values["STACK_SUPERUSER_URL"] = stack.database_url("postgres")
    if "standby" in stack.state.ports:
        values["STACK_STANDBY_SUPERUSER_URL"] = stack.database_url("postgres", "standby")
    return values


def _call(command: list[str], directories: list[Path]) -> int:
    given = {
        **os.environ,
        **environment(directories[0]),
        ALL: os.pathsep.join(map(str, directories)),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    }
    try:
        child = subprocess.Popen(command, env=given)
    except OSError as error:
        raise StackError(f"Cannot run {command[0]}: {error.strerror}") from None
    try:
        code = child.wait()
    except Interrupted as interruption:
        _end(child, interruption.number)
        raise
    return code if code >= 0 else 128 - code


def _end(child: subprocess.Popen[bytes], number: int) -> None:
    """Let a command end in its own way: it had the terminal's Ctrl-C already, but no other signal."""
    with processes.uninterrupted():
        patience = 3.0 if number == signal.SIGINT else 0.0
        for step in (number, signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + patience
            while child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            if child.poll() is not None:
                return
            child.send_signal(step)
            patience = 10.0
        child.wait()


def _keep_logs(directories: list[Path], say: supervise.Say) -> None:
    with contextlib.suppress(OSError):
        shutil.rmtree(KEPT_LOGS, ignore_errors=True)
        for number, directory in enumerate(directories):
            shutil.copytree(directory / "logs", KEPT_LOGS / str(number) if len(directories) > 1 else KEPT_LOGS)
        say(f"The logs of the throw-away stack are kept in {KEPT_LOGS}.")
