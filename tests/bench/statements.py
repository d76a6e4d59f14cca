"""Which statements an operation runs: read from PostgreSQL's own log, in a run apart from the measured ones."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg

from commerce.stack.layout import Stack
from tests.bench.ground import superuser_url

SERVERS = ("primary", "standby")
# BEGIN and COMMIT are not counted, nor what opens a scope; their CPU is in the figures.
NOT_COUNTED = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|SET|SELECT set_config|SELECT pg_current_wal_insert_lsn)\b", re.I)
# What web processes ask now and then by themselves, to know where the servers are.
_WATCHING = "pg_control_system()"
_ENTRY = re.compile(
    r"^\d{4}-\d\d-\d\d [\d:.]+ UTC \[\d+\] (?P<user>[^@ ]*)@?(?P<database>\S*) (?P<kind>[A-Z]+):  (?P<text>.*)$"
)
_STATEMENT = re.compile(r"(?:statement|execute (?P<name>[^:]*)): (?P<sql>.*)", re.DOTALL)
UNNAMED = "<unnamed>"
_PARAMETER = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')", re.DOTALL)


@dataclass
class Statement:
    """A statement as it ran, with its parameters as SQL literals; without `is_prepared` it is planned each time."""

    sql: str
    parameters: list[str]
    server: str
    is_prepared: bool

    @property
    def is_counted(self) -> bool:
        return not NOT_COUNTED.match(self.sql)


@contextlib.contextmanager
def logged(stack: Stack, database: str) -> Iterator[Callable[[], list[Statement]]]:
    """Have the application's new sessions on a database log their statements.

    Yields a function that returns those logged since it was called last. Web processes must be started inside.
    """
    _set_logging(stack, database, "SET log_statement = 'all'")
    files = [stack.log(name) for name in SERVERS]
    places = [file.stat().st_size for file in files]

    def read() -> list[Statement]:
        time.sleep(0.3)  # the log is written by other processes
        found = []
        for at, file in enumerate(files):
            with file.open("rb") as log:
                log.seek(places[at])
                text = log.read()
            places[at] += len(text)
            found += parse(text.decode(errors="replace"), database, SERVERS[at])
        return found

    try:
        yield read
    finally:
        _set_logging(stack, database, "RESET log_statement")


def _set_logging(stack: Stack, database: str, change: str) -> None:
    with psycopg.connect(superuser_url(stack, "postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER ROLE commerce_app IN DATABASE {database} {change}")
        position = connection.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
    with psycopg.connect(superuser_url(stack, "postgres", "standby"), autocommit=True) as standby:
        while standby.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", position).fetchone() != (True,):
            time.sleep(0.05)


def parse(log: str, database: str, server: str) -> list[Statement]:
    """Return the application's statements in a part of a server's log."""
    entries: list[tuple[str, str]] = []
    for line in log.splitlines():
        if found := _ENTRY.match(line):
            mine = found["user"] == "commerce_app" and found["database"] == database
            entries.append((found["kind"] if mine else "", found["text"]))
        elif entries:
            kind, text = entries[-1]
            entries[-1] = kind, f"{text}\n{line.removeprefix(chr(9))}"
    statements: list[Statement] = []
    for kind, text in entries:
        if kind == "LOG" and _WATCHING not in text and (statement := _STATEMENT.match(text)):
            statements.append(
                Statement(statement["sql"].strip(), [], server, (statement["name"] or UNNAMED) != UNNAMED)
            )
        elif kind == "DETAIL" and statements and "arameters: " in text:
            statements[-1].parameters = [literal for _, literal in _PARAMETER.findall(text)]
    return statements
