"""Start processes in sessions of their own, know them again, and stop them."""

import contextlib
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from commerce.stack.accounts import Account
from commerce.stack.state import Identity, write_private

LOG_LIMIT = 20 * 1024 * 1024  # bytes
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Command:
    """What to start, as whom, and with which files in place."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    account: Account | None = None
    files: Mapping[Path, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Tell this command from one with other arguments, environment or configuration."""
        content = repr((list(self.arguments), sorted(self.environment.items()), sorted(self.files.items())))
        return hashlib.sha256(content.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class _Stat:
    state: str
    session: int
    started: int


def identify(pid: int) -> Identity | None:
    """Return the identity of a running process; None for one that ended (a zombie has ended)."""
    stat = _stat(pid)
    return None if stat is None or stat.state in "ZX" else Identity(pid, stat.started, _boot())


def is_alive(identity: Identity) -> bool:
    """Say whether this very process still runs, and not one that got its number later."""
    return identify(identity.pid) == identity


def spawn(command: Command, log: Path) -> Identity:
    """Start a command in the background, with its output appended to the log."""
    with open_log(log) as file:
        child = popen(command, stdout=file.fileno())
    _children[child.pid] = child
    stat = _stat(child.pid)  # a child is there, if only as a zombie, until we wait for it
    return Identity(child.pid, stat.started if stat else 0, _boot())


def open_log(log: Path) -> BinaryIO:
    """Open a log to append to it, readable by its owner alone; a long one is set aside first."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def popen(command: Command, *, stdout: int) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, with both outputs going to one file."""
    account = command.account
    for path, text in command.files.items():
        write_private(path, text)
        if account:
            os.chown(path, account.uid, account.gid)
    return subprocess.Popen(
        list(command.arguments),
        env=dict(command.environment),
        cwd=command.directory,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def stop(identity: Identity, *, first: signal.Signals = signal.SIGTERM, patience: float = 15) -> None:
    """End a process and what is left of its session: politely, then after `patience` seconds by force."""
    for number in (first, signal.SIGKILL):
        if not is_alive(identity):
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(identity.pid, number)
        wait_until_gone(identity, patience)
    kill_session(identity)


def kill_session(identity: Identity) -> None:
    """Kill a process and all processes of its session at once."""
    current = _stat(identity.pid)
    if identity.boot != _boot() or (current is not None and current.started != identity.started):
        return  # the number, and with it the session, belongs to somebody else now
    for pid in _pids():
        stat = _stat(pid)
        if stat is not None and stat.session == identity.pid and stat.started >= identity.started:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def wait_until_gone(identity: Identity, patience: float) -> bool:
    """Wait up to `patience` seconds for a process to end and say whether it did."""
    deadline = time.monotonic() + patience
    while is_alive(identity):
        if time.monotonic() > deadline:
            return False
        _reap(identity.pid)
        time.sleep(0.02)
    _reap(identity.pid)
    return True


def find_with_environment(entry: str) -> list[Identity]:
    """Return the processes that were started with this KEY=VALUE, ourselves excepted."""
    wanted = os.fsencode(entry)
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if pid != os.getpid() and wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                identity = identify(pid)
                found += [identity] if identity else []
    return found


def works_in(pid: int, directory: Path) -> bool:
    """Say whether this directory, by whatever path, is a running process's working directory."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(directory)
    except OSError:
        return False


class Interrupted(BaseException):
    """Unwind after a signal that asks us to end."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


class _Interruptions:
    """SIGINT, SIGTERM and SIGHUP as an exception, put off while a process is started and recorded."""

    deferring = 0
    pending: int | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self.deferring:
            self.pending = number
        else:
            raise Interrupted(number)


_interruptions = _Interruptions()
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def raise_on_signals() -> None:
    """Make SIGINT, SIGTERM and SIGHUP raise Interrupted from now on."""
    for number in ENDING_SIGNALS:
        signal.signal(number, _interruptions.handle)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Put Interrupted off until the end of the block."""
    _interruptions.deferring += 1
    try:
        yield
    finally:
        _interruptions.deferring -= 1
        pending = _interruptions.pending
        if pending is not None and not _interruptions.deferring:
            _interruptions.pending = None
            raise Interrupted(pending)


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    return _Stat(state=fields[0], session=int(fields[3]), started=int(fields[19]))


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _reap(pid: int) -> None:
    if pid in _children:
        _children[pid].poll()
