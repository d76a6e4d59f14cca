"""Which user runs PostgreSQL and Redis: PostgreSQL refuses to run as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from commerce.stack.errors import StackError


@dataclass(frozen=True)
class Account:
    """A user of the machine."""

    name: str
    uid: int
    gid: int

    def can(self, test: str, path: Path) -> bool:
        """Ask the kernel, as this user, for `-x` or `-r` of a path."""
        command = ["/bin/sh", "-c", f'test {test} "$0"', str(path)]
        done = subprocess.run(command, user=self.uid, group=self.gid, extra_groups=[], cwd="/", check=False)
        return done.returncode == 0


def server_account() -> Account | None:
    """Return the user that root drops to for PostgreSQL and Redis, or None where we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise StackError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody here.")


def make_private_root(path: Path) -> None:
    """Make a directory of root's in a place that everybody may write to, or raise StackError."""
    path.mkdir(mode=0o711, parents=True, exist_ok=True)
    found = path.lstat()
    if path.is_symlink() or found.st_uid != os.geteuid():
        raise StackError(f"{path} belongs to somebody else; remove it first.")
    path.chmod(0o711)
