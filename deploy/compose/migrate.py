"""Make the roles of deploy/roles.sql with their passwords, then migrate: the one-shot service `migrate`.

DATABASE_ADMIN_URL is of a role that may create roles and owns the database; no superuser is needed. The
passwords are those of the other addresses in the environment. It may be run again, and changes passwords then.
"""

import os
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

PROJECT = Path(__file__).resolve().parent.parent.parent
ADDRESSES = ("DATABASE_OWNER_URL", "DATABASE_URL", "DATABASE_RELAY_URL", "DATABASE_PLATFORM_URL")


def main() -> None:
    """Make the roles as the administrator, then become `manage.py migrate`, which knows nothing of that role."""
    with psycopg.connect(os.environ.pop("DATABASE_ADMIN_URL"), connect_timeout=10) as administrator:
        administrator.execute((PROJECT / "deploy" / "roles.sql").read_bytes())
        for variable in ADDRESSES:
            address = urlsplit(os.environ[variable])
            _set_password(administrator, unquote(address.username or ""), unquote(address.password or ""))
    os.execv(sys.executable, [sys.executable, str(PROJECT / "manage.py"), "migrate", "--no-input"])  # noqa: S606


def _set_password(administrator: psycopg.Connection, role: str, password: str) -> None:
    # Only the SCRAM verifier travels, so that no statement in a log can show the password.
    verifier = administrator.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
    administrator.execute(statement)


if __name__ == "__main__":
    main()
