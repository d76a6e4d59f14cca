"""The PostgreSQL primary and its streaming standby."""

import contextlib
import locale
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from commerce.stack.errors import ProcessDied
from commerce.stack.layout import DATABASE, PROJECT, Stack
from commerce.stack.processes import Command, identify, open_log, popen, stop, works_in
from commerce.stack.state import write_private

STOP_SIGNAL = signal.SIGINT  # "fast": end the sessions, then write a checkpoint
SLOT = "standby"
LOGIN_ROLES = ("commerce_owner", "commerce_app", "commerce_platform", "commerce_relay")
HBA = """\
# Everybody shows a password, ourselves included.
host all         all                  127.0.0.1/32 scram-sha-256
host replication commerce_replication 127.0.0.1/32 scram-sha-256
"""


def primary_command(stack: Stack) -> Command:
    """Return the command that runs the primary."""
    return _command(stack, "primary", {})


def standby_command(stack: Stack) -> Command:
    """Return the command that runs the standby."""
    primary = _conninfo(stack, "commerce_replication", "primary", dbname="replication")
    passwords = stack.configuration / "standby.pass"
    primary["passfile"] = str(passwords)
    password = primary.pop("password")
    settings = {
        "hot_standby": "on",
        "primary_conninfo": psycopg.conninfo.make_conninfo("", **primary),
        "primary_slot_name": SLOT,
        "wal_receiver_status_interval": "1s",
        "wal_retrieve_retry_interval": "500ms",
    }
    line = f"127.0.0.1:{primary['port']}:*:commerce_replication:{password}\n"
    return _command(stack, "standby", settings, {passwords: line})


def prepare_primary(stack: Stack) -> None:
    """Make the primary's data directory where there is none yet."""
    _stop_leftover(stack, "primary")
    if (stack.data / "primary").exists():
        return
    target = _empty_directory(stack, "primary.new")
    passwords = stack.configuration / "initdb.pass"
    write_private(passwords, stack.state.secrets["postgres"] + "\n")
    stack.own(passwords)
    arguments = ["--username=postgres", f"--pwfile={passwords}", "--auth=scram-sha-256", "--encoding=UTF8"]
    arguments += [f"--locale={_locale()}", "--no-instructions"]
    if stack.throwaway:
        arguments.append("--no-sync")
    try:
        _run(stack, "primary", "initdb", [*arguments, str(target)])
    finally:
        passwords.unlink()
    target.rename(stack.data / "primary")
    discard_standby(stack)


def prepare_standby(stack: Stack) -> None:
    """Copy the primary where the standby has no data yet; the primary must be healthy."""
    _stop_leftover(stack, "standby")
    if (stack.data / "standby").exists():
        return
    with connect(stack, "postgres") as connection:
        connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", [SLOT]
        )
        connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", [SLOT])
    target = _empty_directory(stack, "standby.new")
    source = _conninfo(stack, "commerce_replication", "primary", dbname="replication")
    password = source.pop("password")
    arguments = [f"--dbname={psycopg.conninfo.make_conninfo('', **source)}", f"--pgdata={target}"]
    arguments += ["--wal-method=stream", "--checkpoint=fast", f"--slot={SLOT}", "--no-password"]
    if stack.throwaway:
        arguments.append("--no-sync")
    _run(stack, "standby", "pg_basebackup", arguments, {"PGPASSWORD": password})
    (target / "standby.signal").touch(mode=0o600)
    stack.own(target / "standby.signal")
    target.rename(stack.data / "standby")


def discard_standby(stack: Stack) -> None:
    """Delete the standby's data: it is copied from the primary again at the next start."""
    shutil.rmtree(stack.data / "standby", ignore_errors=True)


def primary_is_healthy(stack: Stack) -> bool:
    """Say whether the primary answers."""
    try:
        with connect(stack, "postgres") as connection:
            return connection.execute("SELECT NOT pg_is_in_recovery()").fetchone() == (True,)
    except psycopg.OperationalError:
        return False


def standby_is_healthy(stack: Stack) -> bool:
    """Say whether the standby answers and receives the primary's changes."""
    try:
        with connect(stack, "postgres", "standby") as connection:
            row = connection.execute("SELECT status FROM pg_stat_wal_receiver").fetchone()
            return row == ("streaming",)
    except psycopg.OperationalError:
        return False


def make_roles(stack: Stack) -> None:
    """Create the administrator, the database, the roles of deploy/roles.sql and their passwords.

    As on RDS, the administrator is no superuser: the project must get by without one.
    """
    with connect(stack, "postgres") as superuser:
        for role, rights in (("commerce_admin", "CREATEROLE CREATEDB"), ("commerce_replication", "REPLICATION")):
            name = sql.Identifier(role)
            found = superuser.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            if found is None:
                superuser.execute(sql.SQL("CREATE ROLE {} LOGIN " + rights).format(name))
            _set_password(superuser, role, stack.state.secrets[role])
    with connect(stack, "commerce_admin") as administrator:
        found = administrator.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if found is None:
            administrator.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    roles = PROJECT / "deploy" / "roles.sql"
    with connect(stack, "commerce_admin", dbname=DATABASE) as administrator, administrator.transaction():
        administrator.execute(roles.read_bytes())
        for role in LOGIN_ROLES:
            _set_password(administrator, role, stack.state.secrets[role])


def connect(
    stack: Stack, role: str, server: str = "primary", *, dbname: str = "postgres"
) -> psycopg.Connection[tuple[Any, ...]]:
    """Return a connection in autocommit mode."""
    return psycopg.connect(**_conninfo(stack, role, server, dbname=dbname), autocommit=True, connect_timeout=5)


def _conninfo(stack: Stack, role: str, server: str, *, dbname: str) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": str(stack.state.ports[server]),
        "user": role,
        "password": stack.state.secrets[role],
        "dbname": dbname,
        "application_name": "commerce stack" if server == "primary" else "commerce stack standby",
    }


def _set_password(connection: psycopg.Connection[tuple[Any, ...]], role: str, password: str) -> None:
    # Only the SCRAM verifier travels, so that no statement in a log can show the password.
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
    connection.execute(statement)


def _command(stack: Stack, name: str, more: dict[str, str], files: dict[Path, str] | None = None) -> Command:
    configuration = stack.configuration / f"{name}.conf"
    hba = stack.configuration / "pg_hba.conf"
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(stack.state.ports[name]),
        "unix_socket_directories": "",
        "hba_file": str(hba),
        "max_connections": "100",
        "shared_buffers": "256MB",
        "wal_level": "replica",
        "hot_standby_feedback": "on",
        # Tables that an import has just filled are analysed soon, as plans are made from that.
        "autovacuum_naptime": "5s",
        "max_slot_wal_keep_size": "2GB",
        "max_wal_size": "1GB",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_checkpoints": "off",
        "fsync": "off" if stack.throwaway else "on",
        "full_page_writes": "off" if stack.throwaway else "on",
        "synchronous_commit": "on",
        **more,
    }
    lines = (f"{key} = '{_quoted(value)}'\n" for key, value in settings.items())
    return Command(
        arguments=[
            str(stack.postgres.directory / "postgres"),
            "-D",
            str(stack.data / name),
            f"--config-file={configuration}",
        ],
        environment=_environment(),
        directory=stack.data,
        account=stack.account,
        files={configuration: "".join(lines), hba: HBA, **(files or {})},
    )


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LANG": _locale(), "LC_ALL": _locale(), "TZ": "UTC"}


def _locale() -> str:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return "C.UTF-8"


def _empty_directory(stack: Stack, name: str) -> Path:
    path = stack.data / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    stack.own(path)
    return path


def _run(stack: Stack, name: str, program: str, arguments: list[str], more: dict[str, str] | None = None) -> None:
    command = Command(
        arguments=[str(stack.postgres.directory / program), *arguments],
        environment={**_environment(), **(more or {})},
        directory=stack.data,
        account=stack.account,
    )
    with open_log(stack.log(name)) as log, popen(command, stdout=log.fileno()) as child:
        try:
            code = child.wait()
        except BaseException:
            child.kill()
            raise
    if code:
        raise ProcessDied(name, stack.log(name), f"could not be made: {program} failed")


def _stop_leftover(stack: Stack, name: str) -> None:
    """End a server of this very data directory that nobody remembers, and remove a stale postmaster.pid."""
    data = stack.data / name
    pid_file = data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
        pid = int(pid_file.read_text().splitlines()[0])
        identity = identify(pid)
        if identity and works_in(pid, data):
            stop(identity, first=STOP_SIGNAL)
        pid_file.unlink(missing_ok=True)
