import os
import time

import psycopg
import pytest

from commerce.stack.layout import Stack


def _urls(directory):
    stack = Stack(directory)
    return [
        stack.database_url("postgres", server).replace("/commerce", "/postgres") for server in ("primary", "standby")
    ]


def _read_from_standby(url, query, *, patience=10.0):
    deadline = time.monotonic() + patience
    while True:
        try:
            with psycopg.connect(url, autocommit=True) as standby:
                row = standby.execute(query).fetchone()
                if row:
                    return row[0]
        except psycopg.Error:
            pass
        assert time.monotonic() < deadline, "the row never arrived at the standby"
        time.sleep(0.02)


def test_row_written_to_the_primary_is_read_from_the_standby(postgres_stack, stack_command):
    primary_url, standby_url = _urls(postgres_stack)
    with psycopg.connect(primary_url, autocommit=True) as primary:
        primary.execute("CREATE TABLE probe AS SELECT 1 AS value")
        assert _read_from_standby(standby_url, "SELECT value FROM probe WHERE value = 1") == 1

        assert stack_command("stop", "standby", directory=postgres_stack).returncode == 0
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(standby_url)
        primary.execute("INSERT INTO probe VALUES (2)")
        assert stack_command("start", "standby", directory=postgres_stack).returncode == 0
        assert _read_from_standby(standby_url, "SELECT value FROM probe WHERE value = 2") == 2

    with psycopg.connect(standby_url) as standby, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        standby.execute("INSERT INTO probe VALUES (3)")


def test_killed_primary_comes_back_with_its_rows_and_its_standby(postgres_stack, stack_command):
    primary_url, standby_url = _urls(postgres_stack)
    with psycopg.connect(primary_url, autocommit=True) as primary:
        primary.execute("CREATE TABLE probe AS SELECT 1 AS value")
    assert stack_command("kill", "primary", directory=postgres_stack).returncode == 0
    status = stack_command("status", directory=postgres_stack)
    assert status.returncode == 1
    assert "primary died. The end of" in status.stderr
    assert stack_command("start", "primary", directory=postgres_stack).returncode == 0
    with psycopg.connect(primary_url, autocommit=True) as primary:
        primary.execute("INSERT INTO probe VALUES (2)")
    assert _read_from_standby(standby_url, "SELECT value FROM probe WHERE value = 2") == 2
    assert stack_command("status", directory=postgres_stack).returncode == 0


def test_pid_file_of_before_a_reboot_does_not_hinder_the_start(postgres_stack, stack_command):
    primary_url, _ = _urls(postgres_stack)
    stack_command("stop", "primary", directory=postgres_stack)
    # The number in the file is that of a process which lives, and which is not PostgreSQL.
    pid_file = postgres_stack / "data" / "primary" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n1\n1\n\n127.0.0.1\n")
    assert stack_command("start", "primary", directory=postgres_stack).returncode == 0
    with psycopg.connect(primary_url) as primary:
        assert primary.execute("SELECT 1").fetchone() == (1,)


def test_servers_listen_on_loopback_alone_and_ask_for_a_password(shared_stack):
    with psycopg.connect(shared_stack.database_url("postgres")) as connection:
        settings = dict(
            connection.execute(
                "SELECT name, setting FROM pg_settings"
                " WHERE name IN ('listen_addresses', 'unix_socket_directories', 'wal_level', 'TimeZone')"
            ).fetchall()
        )
        rights = connection.execute("SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin").fetchall()
        encoding = connection.execute("SHOW server_encoding").fetchone()
    assert settings == {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "wal_level": "replica",
        "TimeZone": "UTC",
    }
    assert rights == [("postgres",)]
    assert encoding == ("UTF8",)
    url = shared_stack.database_url("postgres").replace(shared_stack.state.secrets["postgres"], "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)
