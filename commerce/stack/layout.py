"""One stack: its directory, its addresses, and the programs and the user that it runs with."""

import hashlib
import os
import pwd
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from commerce.stack import binaries
from commerce.stack.accounts import Account, make_private_root, server_account
from commerce.stack.errors import StackError
from commerce.stack.state import State

PROJECT = Path(__file__).resolve().parents[2]
# Where the servers' user can go when it cannot reach the project: /var/tmp outlives a reboot.
ELSEWHERE = Path("/var/tmp")  # noqa: S108
DATABASE = "commerce"
# Holds the processes that a throw-away stack belongs to.
OWNER_FILE = "owner"


@dataclass
class Stack:
    """Everything about one stack."""

    directory: Path

    def __post_init__(self) -> None:
        self.directory = self.directory.absolute()
        if self.directory.exists():
            if not self.directory.is_dir():
                raise StackError(f"{self.directory} is no directory.")
            owner = self.directory.stat().st_uid
            if owner != os.geteuid():
                raise StackError(f"{self.directory} belongs to {_user(owner)}: run as that user, or remove it.")
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o711 if os.geteuid() == 0 else 0o700)
        self.state = State.load(self.directory.resolve() / "state.json")

    @property
    def throwaway(self) -> bool:
        """Say whether the data is worth nothing: speed goes before safety then."""
        return (self.directory / OWNER_FILE).exists()

    @property
    def env_file(self) -> Path:
        """Return the file of addresses that people and Django's settings read."""
        return self.directory / "env"

    @property
    def lock_file(self) -> Path:
        """Return the file that a command locks while it changes the stack."""
        return self.directory / "lock"

    def log(self, name: str) -> Path:
        """Return the log of a process."""
        return self.directory / "logs" / f"{name}.log"

    def log_since_start(self, name: str) -> str:
        """Return what a process has logged since it was started."""
        record = self.state.processes.get(name)
        with self.log(name).open("rb") as file:
            file.seek(record.log_offset if record else 0)
            return file.read().decode(errors="replace")

    @cached_property
    def account(self) -> Account | None:
        """Return the user that PostgreSQL and Redis run as, or None for ourselves."""
        return server_account()

    @cached_property
    def data(self) -> Path:
        """Return the directory of the servers' data, made where their user can reach it."""
        path = self.directory / "data"
        if self.account is None:
            path.mkdir(mode=0o700, exist_ok=True)
            return path
        if self.account.can("-x", self.directory):
            if path.is_symlink():
                path.unlink()  # from a time, or a place, where the project could not be reached
            path.mkdir(exist_ok=True)
            path.chmod(0o711)
            return path
        if path.is_dir() and not path.is_symlink():
            raise StackError(f"{self.account.name} can no longer reach {path}: make reset, or move the project.")
        elsewhere = self._elsewhere
        make_private_root(elsewhere)
        if not path.is_symlink() or path.readlink() != elsewhere:
            path.unlink(missing_ok=True)
            path.symlink_to(elsewhere)
        return elsewhere

    @property
    def _elsewhere(self) -> Path:
        return ELSEWHERE / f"commerce-stack-{_digest(str(self.directory.resolve()))}"

    def delete(self) -> None:
        """Delete the data of a stack that is down, and all that it remembers."""
        if self.account and self._elsewhere.is_dir() and not self._elsewhere.is_symlink():
            shutil.rmtree(self._elsewhere)
        shutil.rmtree(self.directory)

    @cached_property
    def configuration(self) -> Path:
        """Return the directory of the servers' configuration files."""
        path = self.data / "conf"
        path.mkdir(exist_ok=True)
        path.chmod(0o711 if self.account else 0o700)
        return path

    @cached_property
    def postgres(self) -> binaries.Postgres:
        """Return the PostgreSQL to run: of the version that made the data, where there is data."""
        version = self.data / "primary" / "PG_VERSION"
        major = int(version.read_text()) if version.exists() else None
        found = binaries.find_postgres(binaries.wanted_source(), major)
        server = self._reachable(found.directory / "postgres", found.source)
        return binaries.Postgres(found.source, server.parent, found.major)

    @cached_property
    def redis(self) -> binaries.Redis:
        """Return the Redis to run."""
        found = binaries.find_redis(binaries.wanted_source())
        return binaries.Redis(found.source, self._reachable(found.program, found.source))

    def own(self, path: Path) -> None:
        """Hand a file or directory to the servers' user."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)

    def database_url(self, role: str, server: str = "primary") -> str:
        """Return the address of the application's database for a role."""
        return f"postgresql://{role}:{self.state.secrets[role]}@127.0.0.1:{self.state.ports[server]}/{DATABASE}"

    def redis_url(self, name: str) -> str:
        """Return the address of one of the two Redis."""
        return f"redis://:{self.state.secrets['redis']}@127.0.0.1:{self.state.ports[name]}/0"

    def application_environment(self) -> dict[str, str]:
        """Return what web, worker and beat may know."""
        ports = self.state.ports
        values = {}
        if "primary" in ports:
            values["DATABASE_URL"] = self.database_url("commerce_app")
        if "standby" in ports:
            values["REPLICA_URL"] = self.database_url("commerce_app", "standby")
        if "cache" in ports:
            values["REDIS_CACHE_URL"] = self.redis_url("cache")
        if "broker" in ports:
            values["REDIS_BROKER_URL"] = self.redis_url("broker")
        values["SECRET_KEY"] = self.state.secrets["secret_key"]
        values["MEDIA_ROOT"] = str(self.directory / "media")
        values["ENVIRONMENT"] = "test" if self.throwaway else "local"
        return values

    def all_addresses(self) -> dict[str, str]:
        """Return what `.stack/env` holds: all of the above, and the addresses of the other roles."""
        values = self.application_environment()
        if "web" in self.state.ports:
            values["WEB_URL"] = f"http://127.0.0.1:{self.state.ports['web']}"
        if "primary" in self.state.ports:
            for role in ("owner", "platform", "relay"):
                values[f"DATABASE_{role.upper()}_URL"] = self.database_url(f"commerce_{role}")
        return values

    def _reachable(self, program: Path, source: str) -> Path:
        if self.account is None or self.account.can("-x", program):
            return program
        if source == "system":
            raise StackError(f"The user {self.account.name} cannot run {program}: try STACK_BINARIES=wheels.")
        version = _digest(f"{program} {program.stat().st_mtime_ns} {program.stat().st_size}")
        store = ELSEWHERE / f"commerce-stack-binaries-{version}"
        make_private_root(store)
        return binaries.copy_of_wheel(program, store)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
