"""What the stack remembers between two commands: ports, secrets, and which processes it started."""

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from commerce.stack.errors import StackError

SECRETS = (
    "postgres",
    "commerce_admin",
    "commerce_replication",
    "commerce_owner",
    "commerce_app",
    "commerce_platform",
    "commerce_relay",
    "redis",
    "secret_key",
)


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one of the same number."""

    pid: int
    started: int  # clock ticks since boot, as in /proc/<pid>/stat
    boot: str


@dataclass
class Record:
    """A process that the stack started and has not stopped."""

    identity: Identity
    fingerprint: str  # of its command line and environment
    log_offset: int = 0


@dataclass
class State:
    """The file `state.json` in the state directory."""

    path: Path
    ports: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    processes: dict[str, Record] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "State":
        """Read the state, or begin a new one with fresh secrets."""
        state = cls(path)
        if path.exists():
            raw = json.loads(path.read_text())
            state.ports = raw["ports"]
            state.secrets = raw["secrets"]
            # A copy of the project has a copy of this file, but the processes are the original's.
            own = raw["processes"] if raw["directory"] == str(path.parent) else {}
            for name, record in own.items():
                identity = Identity(**record.pop("identity"))
                state.processes[name] = Record(identity=identity, **record)
        for name in SECRETS:
            state.secrets.setdefault(name, secrets.token_hex(24))
        return state

    def save(self) -> None:
        """Write the state for the owner's eyes only."""
        content = {
            "directory": str(self.path.parent),
            "ports": self.ports,
            "secrets": self.secrets,
            "processes": {name: asdict(record) for name, record in self.processes.items()},
        }
        write_private(self.path, json.dumps(content, indent=1))


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner alone."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_env(path: Path) -> dict[str, str]:
    """Return the KEY=VALUE lines of a file; none when there is no file."""
    if not path.exists():
        return {}
    lines = path.read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {key.strip(): value for key, value in pairs}


def write_env(path: Path, values: Mapping[str, str]) -> None:
    """Set keys in a file of KEY=VALUE lines and keep its other keys, at once and with mode 0600.

    Raises ValueError for a value of several lines.
    """
    for key, value in values.items():
        if "\n" in value or "\r" in value:
            raise ValueError(f"{key} has more than one line.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(f".{path.name}.lock"), timeout=10):
        merged = {**read_env(path), **values}
        write_private(path, "".join(f"{key}={value}\n" for key, value in merged.items()))


@contextlib.contextmanager
def locked(path: Path, *, timeout: float) -> Iterator[None]:
    """Hold a file's lock; wait up to `timeout` seconds for another holder, then raise StackError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StackError(f"Another command is still at work on this stack ({path}).") from None
                time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)
