"""Several writers and readers at once, on the primary and on a standby that stops replaying now and then.

No read shows less than was acknowledged before it began; no kept answer shows less than anybody had been shown.
"""

import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from commerce.cache import settling
from commerce.db import replicas
from tests.cache.conftest import make_row, read, versions_key, write
from tests.cache.race import READERS, ROWS, WRITERS, Board

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def standby():
    """Return a superuser's connection to the standby, which replays again afterwards."""
    with psycopg.connect(os.environ["STACK_STANDBY_SUPERUSER_URL"], autocommit=True) as connection:
        yield connection
        connection.execute("SELECT pg_wal_replay_resume()")


def test_a_paused_replica_is_not_asked_and_cannot_poison(tenant, new_entry, standby):
    row = make_row(tenant)
    entry = new_entry(tenant)
    miss = entry.lookup()
    _until_replayed(miss.since)
    standby.execute("SELECT pg_wal_replay_pause()")
    version = write(tenant, row)
    assert read(tenant, row, using="replica") == b"1"
    # Whoever reads it nevertheless, before or after the write was told, cannot store what it says.
    assert not entry.store(miss, body=b"1", topics=["thing:1"])
    found = new_entry(tenant).lookup()
    assert found.since > miss.since
    assert replicas.choose(found.since) == "default"
    standby.execute("SELECT pg_wal_replay_resume()")
    _until_replayed(found.since)
    assert read(tenant, row, using="replica") == str(version).encode()


def _until_replayed(position) -> None:
    while replicas.choose(position) == "default":
        threading.Event().wait(0.02)


@pytest.mark.parametrize("versions", ["kept", "lost"])
def test_nobody_is_shown_less_than_was_written_or_shown_before(tenant, standby, server, tmp_path, versions):
    """Where versions are lost now and then, marks are lost with them: then what was acknowledged counts alone."""
    role = "read-strictly" if versions == "kept" else "read"
    rows = [str(make_row(tenant)) for _ in range(ROWS)]
    board = Board(tmp_path / "board")

    def start(role: str, number: int) -> subprocess.Popen:
        arguments = [role, str(number), str(tmp_path / "board"), str(tenant.id), *rows]
        command = [sys.executable, "-m", "tests.cache.race", *arguments]
        return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)

    writers = [start("write", number) for number in range(WRITERS)]
    readers = [start(role, number) for number in range(READERS)]
    chance = random.Random(1)
    try:
        while any(reader.poll() is None for reader in readers):  # settle what dead writers have left
            if not board.is_calm:
                _disturb(chance, standby)
                if versions == "lost" and chance.random() < 0.5:
                    server.delete(versions_key(tenant))
            settling.settle(age=0.2)
            threading.Event().wait(0.1)
        reports = [json.loads(reader.stdout.read()) for reader in readers]
    finally:
        board.end()
        for process in (*writers, *readers):
            process.kill()
            process.wait()
            process.stdout.close()
    counts = sum((Counter(report["counts"]) for report in reports), Counter())
    assert [wrong for report in reports for wrong in report["wrong"]] == []
    missing = {"hit", "stored from default", "stored from replica", "refused from default"} - counts.keys()
    assert not missing, f"the way of each answer: {counts}"


def _disturb(chance, standby) -> None:
    """Stop the standby's replay for a moment."""
    standby.execute("SELECT pg_wal_replay_pause()")
    threading.Event().wait(chance.uniform(0, 0.3))
    standby.execute("SELECT pg_wal_replay_resume()")
    threading.Event().wait(chance.uniform(0, 0.2))
